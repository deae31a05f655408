package dispatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/iancoleman/strcase"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// The parameters that are filled by name.
const (
	paramSrc        = "src"
	paramTrigger    = "eventTrigger"
	paramVendor     = "vendor"
	paramEvent      = "event"
	paramFilter     = "filter"
	paramAction     = "action"
	paramRef        = "ref"
	paramSHA        = "sha"
	paramBaseBranch = "baseBranch"
	paramOnChanges  = "onChanges"
)

// conditions are the parameters whose defaults decide whether a function
// handles an event. They may be lists too.
func conditions() []string {
	return []string{paramVendor, paramEvent, paramFilter, paramBaseBranch}
}

// filler fills the parameters of one module's functions for one event.
type filler struct {
	text    map[string]string     // the values of ours that are text
	secrets map[string]run.Secret // by name in the engine's casing
	reasons map[string]string
	changed []string // nil where there is no diff
	// changesText and changesList are onChanges, encoded at most once.
	changesText, changesList json.RawMessage
}

func newFiller(in Input) *filler {
	f := &filler{
		text:    eventTexts(in.Event, in.SHA),
		secrets: map[string]run.Secret{},
		reasons: in.Secrets,
	}
	if in.HasDiff {
		f.changed = in.Changes
	}
	for _, s := range in.Module.Secrets {
		f.secrets[strcase.ToLowerCamel(s.Name)] = s
	}
	return f
}

// eventTexts are the values that an event gives to parameters.
func eventTexts(e event.Event, sha string) map[string]string {
	return map[string]string{
		paramVendor:     e.Vendor,
		paramEvent:      e.Name,
		paramFilter:     e.Filter,
		paramAction:     e.Action,
		paramRef:        fullRef(e),
		paramSHA:        sha,
		paramBaseBranch: e.BaseRef,
	}
}

// fullRef is the event's ref. An event that names neither a ref nor a commit is
// about the default branch; one that names a commit alone has no ref.
func fullRef(e event.Event) string {
	if e.Ref == "" && e.SHA == "" && e.Repo.DefaultBranch != "" {
		return "refs/heads/" + e.Repo.DefaultBranch
	}
	return e.Ref
}

// ours tells whether a parameter is one that is filled by its name.
func (f *filler) ours(p run.Param) bool {
	if _, ok := f.text[p.Name]; ok {
		return true
	}
	if _, ok := f.secrets[p.Name]; ok {
		return true
	}
	return p.Name == paramSrc || p.Name == paramTrigger || p.Name == paramOnChanges
}

// fill makes the arguments of a function or a constructor. notes say which
// optional parameters were left out although they are ours. The problem names
// the first parameter that can't be filled.
func (f *filler) fill(params []run.Param) (args []run.Arg, notes []string, problem *event.Problem) {
	for _, p := range params {
		arg, why := f.arg(p)
		switch {
		case why == nil:
			args = append(args, arg)
		case why.wrongType || p.Required():
			return nil, nil, &event.Problem{
				Public: fmt.Sprintf("parameter %s (%s) %s", shown(p.Name), typeText(p.Type), why.text),
				Hint:   why.hint,
			}
		case why.note:
			notes = append(notes, fmt.Sprintf("%s is left out: it %s", p.Name, why.text))
		}
	}
	return args, notes, nil
}

// unfilled says why a parameter gets no argument.
type unfilled struct {
	// text continues the sentence "parameter x (string) …".
	text, hint string
	// wrongType is an error even if the parameter is optional.
	wrongType bool
	// note tells that people should hear of it where it is no error.
	note bool
}

// arg makes one argument.
func (f *filler) arg(p run.Param) (run.Arg, *unfilled) {
	arg := run.Arg{Name: p.Name}
	switch p.Name {
	case paramSrc:
		if !p.Type.Is("Directory") {
			return arg, wrongType("a Directory")
		}
		if p.DefaultPath != "" && path.Clean(p.DefaultPath) != "/" {
			return byPath(arg, p), nil
		}
		arg.Kind, arg.Ignore = run.ArgSource, p.Ignore
		return arg, nil
	case paramTrigger:
		if !p.Type.Is("File") {
			return arg, wrongType("a File")
		}
		arg.Kind = run.ArgTrigger
		return arg, nil
	case paramOnChanges:
		return f.changes(arg, p.Type)
	}
	if value, ok := f.text[p.Name]; ok {
		return textArg(arg, p, value)
	}
	if s, ok := f.secrets[p.Name]; ok {
		return f.secret(arg, p, s)
	}
	if p.DefaultPath != "" && (p.Type.Is("Directory") || p.Type.Is("File")) {
		return byPath(arg, p), nil
	}
	return arg, &unfilled{text: "is required and nothing fills it", hint: fillHint(p)}
}

// byPath fills a parameter from its default path.
func byPath(arg run.Arg, p run.Param) run.Arg {
	arg.Kind, arg.Path, arg.Ignore = run.ArgDirectory, p.DefaultPath, p.Ignore
	if p.Type.Is("File") {
		arg.Kind = run.ArgFile
	}
	return arg
}

// changes fills onChanges: all changed files, joined by commas or as a list.
func (f *filler) changes(arg run.Arg, t run.Type) (run.Arg, *unfilled) {
	arg.Kind = run.ArgValue
	switch {
	case t.Kind == run.KindString:
		if f.changesText == nil {
			f.changesText = jsonText(strings.Join(f.changed, ","))
		}
		arg.Value = f.changesText
	case t.ListOf(run.KindString):
		if f.changesList == nil {
			f.changesList = jsonList(f.changed)
		}
		arg.Value = f.changesList
	default:
		return arg, wrongType("a string or a list of strings")
	}
	return arg, nil
}

// textArg fills a parameter with one of the event's values.
func textArg(arg run.Arg, p run.Param, value string) (run.Arg, *unfilled) {
	list := slices.Contains(conditions(), p.Name)
	switch {
	case p.Type.Kind == run.KindString:
		arg.Kind, arg.Value = run.ArgValue, jsonText(value)
	case p.Type.Kind == run.KindEnum:
		member, ok := enumMember(p.Type, value)
		if !ok {
			return arg, &unfilled{
				text: fmt.Sprintf("has no member for %s", shown(value)),
				hint: "add the member, or make the parameter a string",
				note: true,
			}
		}
		arg.Kind, arg.Value = run.ArgEnum, jsonText(member)
	case list && p.Type.ListOf(run.KindString):
		arg.Kind, arg.Value = run.ArgValue, jsonList(nil)
		if value != "" {
			arg.Value = jsonList([]string{value})
		}
	case list:
		return arg, wrongType("a string, a list of strings or an enum")
	default:
		return arg, wrongType("a string or an enum")
	}
	return arg, nil
}

// secret fills a parameter with a mapped secret.
func (f *filler) secret(arg run.Arg, p run.Param, s run.Secret) (run.Arg, *unfilled) {
	if !p.Type.Is("Secret") {
		return arg, wrongType("a Secret (pocketci.yaml maps one to it)")
	}
	// A secret that nobody spoke of is not given: silence is no grant.
	why, ok := f.reasons[s.Name]
	if !ok {
		why = "it is not granted"
	}
	if why != "" {
		return arg, &unfilled{text: "gets no secret: " + why, note: true}
	}
	arg.Kind, arg.Secret = run.ArgSecret, s.Name
	return arg, nil
}

func wrongType(want string) *unfilled {
	return &unfilled{
		text:      "must be " + want,
		hint:      "a parameter of this name is filled by pocketci; change its type or its name",
		wrongType: true,
	}
}

// fillHint says what would fill a parameter.
func fillHint(p run.Param) string {
	switch {
	case p.Type.Is("Secret"):
		return "map it under secrets: in pocketci.yaml, or make it optional"
	case p.Type.Is("Directory"):
		return "name it src, give it a default path, or make it optional"
	case p.Type.Is("File"):
		return "name it eventTrigger if it is to be the event, give it a default path, or make it optional"
	}
	return "give it a default, or make it optional"
}

// enumMember finds the member for a value: the one that has this value, else the
// one that is called so. Nothing is folded: main and MAIN are two branches.
func enumMember(t run.Type, value string) (string, bool) {
	if i := slices.Index(t.Values, value); i >= 0 && i < len(t.Members) {
		return t.Members[i], true
	}
	return value, slices.Contains(t.Members, value)
}

// memberValue is the value of a member; without values, its name.
func memberValue(t run.Type, member string) string {
	if i := slices.Index(t.Members, member); i >= 0 && i < len(t.Values) {
		return t.Values[i]
	}
	return member
}

// typeText names a type in a sentence.
func typeText(t run.Type) string {
	switch {
	case t.Kind == run.KindList && t.Elem != nil:
		return "list of " + typeText(*t.Elem)
	case t.Name != "":
		return t.Name
	}
	return string(t.Kind)
}

// jsonText is a JSON string as it is, without HTML escaping. What is not UTF-8
// becomes U+FFFD.
func jsonText(s string) json.RawMessage { return encode(s) }

// jsonList is a JSON list of strings, never null.
func jsonList(list []string) json.RawMessage {
	if list == nil {
		list = []string{}
	}
	return encode(list)
}

// encode is for values that always encode: text and lists of text.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
