package main

import (
	"context"

	"dagger/post/internal/dagger"
)

// Post is the main object; its public fields are no functions.
type Post struct {
	// Office is a field.
	Office string
	// +private
	Secret string
	Items  []*Item
}

type Item struct {
	Name   string `json:"label"`
	Parent *Item
	Hidden string `json:"-"`
	hidden map[string]string
}

type Postman struct{ Name string }

type PostMan struct{ Name string }

type POBox struct{}

func (m *Post) Item(name string) *Item                   { return nil }
func (m *Post) All(ctx context.Context) ([]*Item, error) { return nil, nil }
func (m *Post) Postman() *Postman                        { return nil }
func (m *Post) PostMan() (PostMan, error)                { return PostMan{}, nil }
func (m *Post) Self() *Post                              { return m }
func (m *Post) Send(ctx context.Context, item *Item, to []*Postman) (*dagger.File, error) {
	return nil, nil
}
func (m *Post) Box() POBox { return POBox{} }

func (i *Item) Rename(
	// +default="x"
	to string,
) *Item {
	return i
}

func (p POBox) Open(duck Duck) {}

type Duck interface {
	DaggerObject
	Quack(ctx context.Context) (string, error)
}
