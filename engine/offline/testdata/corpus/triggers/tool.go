//go:build ignore

package other

func (m *MyCi) Ignored() string { return "" }
