package offline

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/franela/pocketci/run"
)

// annotate applies defaults and ignore patterns, under the engine's rules.
func (one *param) annotate(notes pragmas, ref reference) error {
	if err := one.setDefault(notes, ref); err != nil {
		return err
	}
	path, _, ok := notes.text("defaultPath")
	if !ok {
		return errors.New("+defaultPath needs a path")
	}
	address, _, ok := notes.text("defaultAddress")
	if !ok {
		return errors.New("+defaultAddress needs an address")
	}
	given := 0
	for _, set := range []bool{one.Default != nil, path != "", address != ""} {
		if set {
			given++
		}
	}
	isOf := func(objects ...string) bool { return slices.ContainsFunc(objects, one.Type.Is) }
	switch {
	case given > 1:
		return errors.New("it has more than one default")
	case path != "" && !isOf("Directory", "File", "GitRepository", "GitRef"):
		return errors.New("+defaultPath is for a Directory, File, GitRepository or GitRef")
	case address != "" && !isOf("Container"):
		return errors.New("+defaultAddress is for a Container")
	}
	_, hasPath := notes["defaultPath"]
	_, hasAddress := notes["defaultAddress"]
	one.DefaultPath = path
	one.Optional = one.Optional || hasPath || hasAddress
	return one.setIgnore(notes["ignore"])
}

func (one *param) setDefault(notes pragmas, ref reference) error {
	value, set := notes["default"]
	if !set {
		return nil
	}
	if ref.enum != nil {
		text, _ := value.(string)
		found, ok := ref.enum.find(text)
		if !ok {
			return fmt.Errorf("its default %q is not a member of %s", text, one.Type.Name)
		}
		value = found.name
	}
	if value == nil && one.Optional {
		return nil // null is what an optional one is anyway
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("its default: %w", err)
	}
	one.Default = raw
	return fits(one.Type, value)
}

func (one *param) setIgnore(value any) error {
	if value == nil {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		return errors.New("+ignore needs a JSON list of patterns")
	}
	for _, entry := range list {
		pattern, ok := entry.(string)
		if !ok {
			return errors.New("+ignore needs a JSON list of patterns")
		}
		one.Ignore = append(one.Ignore, pattern)
	}
	if len(one.Ignore) > 0 && !one.Type.Is("Directory") {
		return errors.New("+ignore is for a Directory")
	}
	return nil
}

// fits refuses a default that the engine can't turn into the type: it would not
// install the module. Texts are converted where the engine converts them.
func fits(t run.Type, value any) error {
	text, isText := value.(string)
	ok := isText
	switch t.Kind {
	case run.KindInteger:
		ok = isWhole(value)
	case run.KindFloat:
		_, isNumber := value.(float64)
		_, err := strconv.ParseFloat(text, 64)
		ok = isNumber || isText && err == nil
	case run.KindBoolean:
		_, isBool := value.(bool)
		_, err := strconv.ParseBool(text)
		ok = isBool || isText && err == nil
	case run.KindList:
		return fitsList(t, value)
	case run.KindObject, run.KindInterface:
		if text != "" || !isText {
			return fmt.Errorf("an object can't have a +default (a Directory or File takes +defaultPath, a Container +defaultAddress)")
		}
	}
	if !ok {
		return fmt.Errorf("its default %s is not of the type %s", literal(value), t.Kind)
	}
	return nil
}

func fitsList(t run.Type, value any) error {
	if text, ok := value.(string); ok {
		if err := json.NewDecoder(strings.NewReader(text)).Decode(&value); err != nil {
			return fmt.Errorf("its default %s is not a list: write +default=[\"a\", \"b\"]", literal(text))
		}
	}
	entries, ok := value.([]any)
	if !ok {
		return fmt.Errorf("its default %s is not a list", literal(value))
	}
	for _, entry := range entries {
		if err := fits(*t.Elem, entry); err != nil {
			return err
		}
	}
	return nil
}

// isWhole tells whether the engine reads the value as an integer.
func isWhole(value any) bool {
	switch v := value.(type) {
	case string:
		_, err := strconv.ParseInt(v, 0, 64)
		return err == nil
	case float64:
		_, err := strconv.ParseInt(literal(v), 10, 64)
		return err == nil
	}
	return false
}

// literal is the value as JSON.
func literal(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return "value"
	}
	return string(raw)
}
