package main

type Other struct{}

func (o *Other) Go() {}
