package main

func (m *MyCi) OnlyInTests() string { return "" }
