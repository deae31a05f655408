package main

type Refused struct{}
