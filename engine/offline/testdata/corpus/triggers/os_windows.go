package main

func (m *MyCi) OnlyOnWindows() string { return "" }
