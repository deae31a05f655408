package main

type Helper struct{}

func (h *Helper) Hello() string { return "hello" }
