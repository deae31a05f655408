package offline

import "github.com/iancoleman/strcase"

// The engine counts two words as acronyms, where they are a whole name. The
// casing library keeps such words for the whole process; they are not set there,
// because whoever else uses it would see them too.

// camel is the engine's form of a type's name. It is not idempotent.
func camel(name string) string {
	if isAcronym(name) {
		return name
	}
	return strcase.ToCamel(name)
}

// lowerCamel is the engine's form of a function's or a parameter's name.
func lowerCamel(name string) string {
	switch name {
	case "JSON":
		return "jSON"
	case "LLM":
		return "lLM"
	}
	return strcase.ToLowerCamel(name)
}

func isAcronym(name string) bool { return name == "JSON" || name == "LLM" }
