package main

import (
	"context"

	"dagger/defaults/internal/dagger"
)

type Defaults struct{}

// Texts shows what a default of a string may look like.
func (m *Defaults) Texts(
	ctx context.Context,
	// +default="quoted"
	quoted string,
	// +default=bare words to the end
	bare string,
	// + default=not this one, a blank stands before the key and is allowed
	blank string,
	// +default="<a> & \"b\" é \u00e9 \n"
	escaped string,
	// +default=""
	empty string,
	// +default="a" what follows is dropped
	trailing string,
	// The key stands behind text +default="inside"
	inside string,
	// Two plus two: 2+2=4, and c++ is one too
	prose string,
	// +optional
	plain string,
	// +optional=true
	on string,
	// +optional=false
	off string,
) error {
	return nil
}

func (m *Defaults) Values(
	// +default=42
	whole int,
	// +default=1.50
	fraction float64,
	// +default=1e3
	exponent int,
	// +default=9007199254740993
	big int,
	// +default=true
	yes bool,
	// +default=false
	no bool,
	// +default=["a", "b"]
	list []string,
	// +default=[]
	none []string,
	// +default=[
	//   1,
	//   2
	// ]
	lines []int,
	// +default=null
	// +optional
	null *string,
	// +default="{\"b\": 1, \"a\": [true, null]}"
	json dagger.JSON,
	// +default="7"
	wholeText int,
	// +default="0.5"
	fractionText float64,
	// +default="t"
	yesText bool,
	// +default="[\"a\"]"
	listText []string,
	// +default=linux/amd64
	platform dagger.Platform,
	number *int,
	text *string,
	switched *bool,
) string {
	return ""
}
