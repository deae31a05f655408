package main

type Refused struct{}

type Other struct{}

func New() *Other { return nil }
