package main

func (m *MyCi) OnlyOnLinux() string { return "" }
