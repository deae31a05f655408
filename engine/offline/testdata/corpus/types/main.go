package main

import (
	"context"

	api "dagger/types/internal/dagger"
)

type Types struct{}

// Level is an enum whose constants carry its name.
type Level string

const (
	LevelLow      Level = "low"
	LevelVeryHigh Level = "very-high"
	levelHidden   Level = "hidden"
)

// Color is an enum of plain names.
type Color string

const (
	Red      Color = "RED"
	Green    Color = "GREEN"
	DeepBlue Color = "deepBlue"
)

// Size is an enum all of whose constants carry its name.
type Size string

const (
	SizeNone Size = ""
	// SizeS is small.
	SizeS          Size = "s"
	SizeExtraLarge Size = "xl" // large
	SizeXXL        Size = "XXL"
)

type Step int

const (
	StepOne Step = iota + 1
	StepTwo
	StepTen Step = 10
)

// Name is no enum: it has no constants.
type Name string

type Names []Name

// JSON shares its name with a scalar, not with an object.
type JSON struct{ Raw string }

type Folder = api.Directory

type Other = Color

// Duck quacks.
type Duck interface {
	DaggerObject

	// Quack says it.
	Quack(ctx context.Context) (string, error)
}

func (m *Types) Scalars(a string, b int, c float64, d bool, e api.Platform, f api.JSON, g Name, h int64, i int32, j float32, k *api.Platform) {
}

func (m *Types) Lists(a []string, b [][]int, c []*api.Directory, d []Level, e Names, f []*string, g *[]string, h []api.Platform) []string {
	return nil
}

func (m *Types) Objects(a *api.Directory, b *api.File, c *api.Secret, d *api.Service, e *api.Container,
	f *api.CacheVolume, g *api.Socket, h *api.GitRef, i *Folder, j api.Directory, k *api.LLM, l JSON) *api.Directory {
	return a
}

func (m *Types) Enums(a Level, b Color, c Other, d *Level, e Step, f api.NetworkProtocol, g api.CacheSharingMode, h *api.ReturnType, i api.ImageLayerCompression) Level {
	return a
}

func (m *Types) EnumDefaults(
	// +default="LevelLow"
	a string,
	// +default="LevelLow"
	b Level,
	// +default="very-high"
	c Level,
	// +default="deepBlue"
	d Color,
	// +default="DeepBlue"
	e Color,
	// +default="UDP"
	f api.NetworkProtocol,
	// +default="2"
	g Step,
	// +default=Red
	// +optional
	h *Color,
	// +default="ExtraLarge"
	i Size,
	// +default="s"
	j Size,
	// +default="TCP"
	// +optional
	k api.NetworkProtocol,
) Color {
	return d
}

func (m *Types) Interfaces(a Duck, b []Duck) Duck { return a }
