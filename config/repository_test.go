package config_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

var scope = config.Scope{Repo: "octo/hello", Ref: "refs/heads/main"}

// tree is a repository with a module in ./ci, one in services/api, and a file.
func tree(yaml string) fstest.MapFS {
	return fstest.MapFS{
		"pocketci.yaml":            {Data: []byte(yaml)},
		"ci/dagger.json":           {Data: []byte("{}")},
		"services/api/dagger.json": {Data: []byte("{}")},
		"link":                     {Data: []byte("ci"), Mode: fs.ModeSymlink},
		"vendor/sub":               {Mode: fs.ModeIrregular},
		"it's $(odd)\n-x/ü/f":      {},
		"README.md":                {},
	}
}

func grants(t testing.TB, specs ...string) config.Grants {
	t.Helper()
	g, err := config.ParseGrants(specs, false)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func module(m run.Module) run.Settings { return run.Settings{Modules: []run.Module{m}} }

func TestRepository(t *testing.T) {
	tests := map[string]struct {
		yaml string
		want run.Settings
	}{
		"empty":              {"", module(run.Module{Path: "ci", Depth: 1})},
		"comments":           {"# nothing\n", module(run.Module{Path: "ci", Depth: 1})},
		"an empty document":  {"---\n", module(run.Module{Path: "ci", Depth: 1})},
		"an empty mapping":   {"{}", module(run.Module{Path: "ci", Depth: 1})},
		"null":               {"null", module(run.Module{Path: "ci", Depth: 1})},
		"module-path":        {"module-path: ./services/api/", module(run.Module{Path: "services/api", Depth: 1})},
		"the root":           {"module-path: .", module(run.Module{Path: ".", Depth: 1})},
		"a way that returns": {"module-path: ci/../services/api", module(run.Module{Path: "services/api", Depth: 1})},
		"a folder's odd name": {
			`module-path: "it's $(odd)\n-x/ü"`, module(run.Module{Path: "it's $(odd)\n-x/ü", Depth: 1}),
		},
		"paths":             {`paths: ["**/**.go", '!docs/**']`, module(run.Module{Path: "ci", Paths: []string{"**/**.go", "!docs/**"}, Depth: 1})},
		"no paths":          {"paths: []", module(run.Module{Path: "ci", Depth: 1})},
		"paths in comments": {"paths:\n#  - a\n", module(run.Module{Path: "ci", Depth: 1})},
		"all of history":    {"depth: 0", module(run.Module{Path: "ci", Depth: 0})},
		"some history":      {"depth: 50", module(run.Module{Path: "ci", Depth: 50})},
		"concurrency":       {"concurrency: {}", module(run.Module{Path: "ci", Depth: 1})},
		"concurrency, null": {"concurrency:\n", module(run.Module{Path: "ci", Depth: 1})},
		"secrets": {
			"secrets:\n- name: ghUsername\n  from-env: GITHUB_USERNAME\n- {from-env: NPM, name: npm-token}\n",
			module(run.Module{Path: "ci", Depth: 1, Secrets: []run.Secret{
				{Name: "ghUsername", FromEnv: "GITHUB_USERNAME"}, {Name: "npm-token", FromEnv: "NPM"},
			}}),
		},
		"one variable for two": {
			"secrets: [{name: a, from-env: NPM}, {name: b, from-env: NPM}]",
			module(run.Module{Path: "ci", Depth: 1, Secrets: []run.Secret{{Name: "a", FromEnv: "NPM"}, {Name: "b", FromEnv: "NPM"}}}),
		},
		"modules": {
			"depth: 0\nmodules:\n- name: api\n  module-path: ./services/api\n  paths: ['services/api/**']\n  secrets: [{name: a, from-env: NPM}]\n- name: web.v2_x-y\n  module-path: ci\n  secrets: []\n",
			run.Settings{Named: true, Modules: []run.Module{
				{Name: "api", Path: "services/api", Paths: []string{"services/api/**"}, Secrets: []run.Secret{{Name: "a", FromEnv: "NPM"}}},
				{Name: "web.v2_x-y", Path: "ci"},
			}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := config.Repository(tree(tt.yaml), scope, grants(t, "GITHUB_USERNAME", "NPM"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRepositoryRefuses(t *testing.T) {
	tests := map[string]struct{ yaml, public string }{
		"unknown key":                    {"module-path: ./ci\npathes: [\"**\"]", `pocketci.yaml:2:1: unknown key "pathes", did you mean "paths"?`},
		"unknown key in other spelling":  {"modulePath: ./ci", `pocketci.yaml:1:1: unknown key "modulePath", did you mean "module-path"?`},
		"unknown key without likeness":   {"  on: push", `pocketci.yaml:1:3: unknown key "on"; the nearest known one is "paths"`},
		"unknown key of a secret":        {"secrets:\n- name: a\n  fromenv: NPM", `pocketci.yaml:3:3: unknown key "fromenv", did you mean "from-env"?`},
		"unknown key of a module":        {"modules:\n- name: a\n  depth: 1\n  module-path: ci", `pocketci.yaml:3:3: unknown key "depth"; the nearest known one is "paths"`},
		"merge key":                      {"<<: {depth: 1}", `pocketci.yaml:1:1: unknown key "<<"; the nearest known one is "paths"`},
		"key that is no string":          {"[a]: b", "pocketci.yaml:1:1: a key must be a string, not a list"},
		"double key":                     {"depth: 1\ndepth: 2", `pocketci.yaml:2:1: "depth" stands here for the second time`},
		"list at the top":                {"- a", "pocketci.yaml:1:1: pocketci.yaml must be a mapping, not a list"},
		"text at the top":                {"hello", "pocketci.yaml:1:1: pocketci.yaml must be a mapping, not a string"},
		"two documents":                  {"depth: 1\n---\ndepth: 2", "pocketci.yaml:2:1: a second document"},
		"no YAML":                        {"a:\n  - b\n c: d\n", "pocketci.yaml:2: not valid YAML: did not find expected key"},
		"control characters":             {"a: \x00", "pocketci.yaml: not valid YAML: control characters are not allowed"},
		"anchor":                         {"paths: &x [a]", "pocketci.yaml:1:8: anchors and aliases are not supported"},
		"alias":                          {"a: &x 1\nb: *x", "pocketci.yaml:1:4: anchors and aliases are not supported"},
		"module-path is a number":        {"module-path: 1", "pocketci.yaml:1:14: module-path must be a string, not a number"},
		"module-path is a list":          {"module-path: [ci]", "pocketci.yaml:1:14: module-path must be a string, not a list"},
		"module-path is nothing":         {"module-path:", "pocketci.yaml:1:13: module-path must be a string, not nothing"},
		"module-path is empty":           {`module-path: ""`, "pocketci.yaml:1:14: module-path is empty"},
		"module-path of another type":    {"module-path: !x ci", `pocketci.yaml:1:14: module-path must be a string, not a "!x"`},
		"module-path is absolute":        {"module-path: /etc", `pocketci.yaml:1:14: module-path "/etc" is absolute`},
		"module-path climbs out":         {"module-path: ../x", `pocketci.yaml:1:14: module-path "../x" is outside the repository`},
		"module-path climbs out inside":  {"module-path: ci/../../x", `pocketci.yaml:1:14: module-path "ci/../../x" is outside the repository`},
		"module-path is the parent":      {"module-path: ..", `pocketci.yaml:1:14: module-path ".." is outside the repository`},
		"module-path is missing":         {"module-path: nowhere/x", `pocketci.yaml:1:14: module-path "nowhere/x": "nowhere" does not exist`},
		"module-path is a symlink":       {"module-path: link", `pocketci.yaml:1:14: module-path "link": "link" is a symlink`},
		"module-path over a symlink":     {"module-path: link/sub", `pocketci.yaml:1:14: module-path "link/sub": "link" is a symlink`},
		"module-path is a submodule":     {"module-path: vendor/sub", `pocketci.yaml:1:14: module-path "vendor/sub": "vendor/sub" is a submodule`},
		"module-path over a submodule":   {"module-path: vendor/sub/ci", `pocketci.yaml:1:14: module-path "vendor/sub/ci": "vendor/sub" is a submodule`},
		"module-path is a file":          {"module-path: README.md", `pocketci.yaml:1:14: module-path "README.md": "README.md" is a file`},
		"module-path over a file":        {"module-path: README.md/x", `pocketci.yaml:1:14: module-path "README.md/x": "README.md" is a file`},
		"module-path with a NUL":         {`module-path: "ci\0"`, `pocketci.yaml:1:14: module-path "ci\x00" is not a path`},
		"paths is a string":              {`paths: "**"`, "pocketci.yaml:1:8: paths must be a list, not a string"},
		"paths holds a number":           {"paths: [a, 1]", "pocketci.yaml:1:12: an entry of paths must be a string, not a number"},
		"paths holds a bad glob":         {"paths:\n  - a\n  - 'b['", `pocketci.yaml:3:5: paths: "b[" is not a valid glob`},
		"paths holds nothing to exclude": {"paths: ['!']", "pocketci.yaml:1:9: paths: an empty glob"},
		"paths multiplies":               {"paths: ['" + strings.Repeat("{a,b}", 20) + "']", "pocketci.yaml:1:9: paths: \"" + strings.Repeat("{a,b}", 12) + "…\" has more than 1000 combinations of alternatives"},
		"depth is text":                  {"depth: all", "pocketci.yaml:1:8: depth must be a whole number, not a string"},
		"depth is a fraction":            {"depth: 1.5", "pocketci.yaml:1:8: depth must be a whole number, not a decimal number"},
		"depth is negative":              {"depth: -1", "pocketci.yaml:1:8: depth must be a whole number from 0 to 2147483647"},
		"depth is too large":             {"depth: 99999999999", "pocketci.yaml:1:8: depth must be a whole number from 0 to 2147483647"},
		"depth in another base":          {"depth: 0x10", "pocketci.yaml:1:8: depth must be a whole number from 0 to 2147483647"},
		"depth is a boolean":             {"depth: yes", "pocketci.yaml:1:8: depth must be a whole number, not a string"},
		"concurrency has another key":    {"concurrency: {puhs: queue}", `pocketci.yaml:1:15: unknown key "puhs"; the nearest known one is "push"`},
		"concurrency is text":            {"concurrency: queue", "pocketci.yaml:1:14: concurrency must be a mapping, not a string"},
		"secrets is a mapping":           {"secrets: {a: b}", "pocketci.yaml:1:10: secrets must be a list, not a mapping"},
		"a secret is text":               {"secrets: [a]", "pocketci.yaml:1:11: a secret must be a mapping, not a string"},
		"a secret without name":          {"secrets:\n- from-env: NPM", "pocketci.yaml:2:3: a secret without name"},
		"a secret without variable":      {"secrets:\n- name: a", "pocketci.yaml:2:3: a secret without from-env"},
		"a secret's empty name":          {"secrets: [{name: '', from-env: NPM}]", `pocketci.yaml:1:18: "" can't be a parameter's name`},
		"a secret's odd name":            {"secrets: [{name: a b, from-env: NPM}]", `pocketci.yaml:1:18: "a b" can't be a parameter's name`},
		"a reserved name":                {"secrets: [{name: filter, from-env: NPM}]", `pocketci.yaml:1:18: the name "filter" is reserved`},
		"a reserved name in snake case":  {"secrets: [{name: event_trigger, from-env: NPM}]", `pocketci.yaml:1:18: the name "event_trigger" is reserved`},
		"a reserved name in capitals":    {"secrets: [{name: SRC, from-env: NPM}]", `pocketci.yaml:1:18: the name "SRC" is reserved`},
		"a name twice":                   {"secrets:\n- {name: a, from-env: NPM}\n- {name: a, from-env: NPM}", `pocketci.yaml:3:10: a second secret is called "a"`},
		"a name in two spellings":        {"secrets:\n- {name: npm_token, from-env: NPM}\n- {name: npmToken, from-env: NPM}", `pocketci.yaml:3:10: the secrets "npm_token" and "npmToken" are one parameter (npmToken)`},
		"a variable that is none":        {"secrets: [{name: a, from-env: 'A=B'}]", `pocketci.yaml:1:31: "A=B" is no variable's name`},
		"a variable that is a number":    {"secrets: [{name: a, from-env: 1}]", "pocketci.yaml:1:31: from-env must be a string, not a number"},
		"a secret that is not granted":   {"secrets:\n  - from-env: DEPLOY_KEY\n    name: a", `pocketci.yaml:2:15: "DEPLOY_KEY" is not granted to octo/hello`},
		"not granted on this ref":        {"secrets:\n  - from-env: PROD\n    name: a", `pocketci.yaml:2:15: "PROD" is not granted to octo/hello on "refs/heads/main"`},
		"the webhook's secret":           {"secrets: [{name: a, from-env: X_HUB_SIGNATURE}]", `pocketci.yaml:1:31: "X_HUB_SIGNATURE" is the agent's own and can't be a secret`},
		"a setting of the agent":         {"secrets: [{name: a, from-env: POCKETCI_STORE}]", `pocketci.yaml:1:31: "POCKETCI_STORE" is the agent's own and can't be a secret`},
		"modules and module-path":        {"modules: [{name: a, module-path: ci}]\nmodule-path: ci", "pocketci.yaml:2:1: module-path and modules exclude each other"},
		"modules and paths":              {"paths: []\nmodules: [{name: a, module-path: ci}]", "pocketci.yaml:1:1: paths and modules exclude each other"},
		"modules and secrets":            {"secrets: []\nmodules: [{name: a, module-path: ci}]", "pocketci.yaml:1:1: secrets and modules exclude each other"},
		"modules is empty":               {"modules: []", "pocketci.yaml:1:10: modules has no entries"},
		"modules is a mapping":           {"modules: {api: {}}", "pocketci.yaml:1:10: modules must be a list, not a mapping"},
		"a module without name":          {"modules:\n- module-path: ci", "pocketci.yaml:2:3: a module without name"},
		"a module without path":          {"modules:\n- name: a", "pocketci.yaml:2:3: a module without module-path"},
		"a module's odd name":            {"modules: [{name: a/b, module-path: ci}]", `pocketci.yaml:1:18: "a/b" can't be a module's name`},
		"a module's empty name":          {"modules: [{name: '', module-path: ci}]", `pocketci.yaml:1:18: "" can't be a module's name`},
		"two modules of one name":        {"modules: [{name: a, module-path: ci}, {name: A, module-path: ci}]", `pocketci.yaml:1:46: a second module is called "A"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := config.Repository(tree(tt.yaml), scope, grants(t, "NPM", "octo/hello@release/*=PROD", "acme/x@dev=DEPLOY_KEY"))
			var p *event.Problem
			if !errors.As(err, &p) {
				t.Fatalf("error %v", err)
			}
			if p.Public != tt.public {
				t.Errorf("got  %s\nwant %s", p.Public, tt.public)
			}
		})
	}
}

func TestRepositoryWithoutFile(t *testing.T) {
	here, link := &fstest.MapFile{}, &fstest.MapFile{Data: []byte("x"), Mode: fs.ModeSymlink}
	tests := map[string]struct {
		files fstest.MapFS
		want  run.Settings
	}{
		"a module in ci":           {fstest.MapFS{"ci/dagger.json": here, "dagger.json": here}, module(run.Module{Path: "ci", Depth: 1})},
		"a module at the root":     {fstest.MapFS{"ci/x": here, "dagger.json": here}, module(run.Module{Path: ".", Depth: 1})},
		"ci is a file":             {fstest.MapFS{"ci": here, "dagger.json": here}, module(run.Module{Path: ".", Depth: 1})},
		"ci is a symlink":          {fstest.MapFS{"ci": link, "x/dagger.json": here, "dagger.json": here}, module(run.Module{Path: ".", Depth: 1})},
		"dagger.json is a symlink": {fstest.MapFS{"ci/dagger.json": link, "dagger.json": here}, module(run.Module{Path: ".", Depth: 1})},
		"no module": {fstest.MapFS{"README.md": here}, run.Settings{
			Missing: "the repository has no pocketci.yaml and no Dagger module (dagger.json) in ./ci or at its root",
		}},
		"no module but a symlink": {fstest.MapFS{"ci": link, "x/dagger.json": here}, run.Settings{
			Missing: "the repository has no pocketci.yaml and no Dagger module (dagger.json) in ./ci or at its root",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := config.Repository(tt.files, scope, config.Grants{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRepositoryFileThatIsNone(t *testing.T) {
	tests := map[string]struct {
		files  fstest.MapFS
		public string
	}{
		"a symlink":     {fstest.MapFS{"pocketci.yaml": {Data: []byte("x"), Mode: fs.ModeSymlink}, "x": {}}, "pocketci.yaml is a symlink"},
		"a folder":      {fstest.MapFS{"pocketci.yaml/x": {}}, "pocketci.yaml is a folder"},
		"a submodule":   {fstest.MapFS{"pocketci.yaml": {Mode: fs.ModeIrregular}}, "pocketci.yaml is a submodule"},
		"too large":     {fstest.MapFS{"pocketci.yaml": {Data: make([]byte, 64<<10+1)}}, "pocketci.yaml is larger than 64 KiB"},
		"another name":  {fstest.MapFS{"pocketci.yml": {}, "dagger.json": {}}, "pocketci.yml is not read"},
		"no module":     {fstest.MapFS{"pocketci.yaml": {Data: []byte("depth: 1")}}, "pocketci.yaml:1:1: neither ./ci nor the repository's root holds a dagger.json"},
		"YAML bomb":     {fstest.MapFS{"pocketci.yaml": {Data: []byte(bomb())}}, "pocketci.yaml:1:4: anchors and aliases are not supported"},
		"deep nesting":  {fstest.MapFS{"pocketci.yaml": {Data: []byte(strings.Repeat("[", 60_000))}}, "pocketci.yaml: not valid YAML: exceeded max depth of 10000"},
		"deep mappings": {fstest.MapFS{"pocketci.yaml": {Data: []byte("paths: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000))}, "dagger.json": {}}, "pocketci.yaml:1:9: an entry of paths must be a string, not a list"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := config.Repository(tt.files, scope, config.Grants{})
			var p *event.Problem
			if !errors.As(err, &p) {
				t.Fatalf("error %v", err)
			}
			if p.Public != tt.public {
				t.Errorf("got  %s\nwant %s", p.Public, tt.public)
			}
		})
	}
}

func bomb() string {
	var b strings.Builder
	b.WriteString("a: &a [x,x]\n")
	for c := 'b'; c < 'z'; c++ {
		b.WriteString(string(c) + ": &" + string(c) + " [*" + string(c-1) + ",*" + string(c-1) + "]\n")
	}
	return b.String()
}

// broken is a tree that can't be read.
type broken struct{ err error }

func (b broken) Lstat(string) (fs.FileInfo, error) { return nil, b.err }
func (b broken) ReadFile(string) ([]byte, error)   { return nil, b.err }

func TestTreeThatCannotBeReadIsNobodysMistake(t *testing.T) {
	cause := errors.New("disk on fire")
	_, err := config.Repository(broken{cause}, scope, config.Grants{})
	var p *event.Problem
	if !errors.Is(err, cause) || errors.As(err, &p) {
		t.Errorf("error %v", err)
	}
}

func TestScopeOf(t *testing.T) {
	repo := event.Repo{Owner: "octo", Name: "hello", DefaultBranch: "trunk"}
	for ref, want := range map[string]string{"": "refs/heads/trunk", "refs/pull/7/head": "refs/pull/7/head"} {
		if got := config.ScopeOf(event.Event{Repo: repo, Ref: ref}); got != (config.Scope{Repo: "octo/hello", Ref: want}) {
			t.Errorf("%+v", got)
		}
	}
}

func FuzzRepository(f *testing.F) {
	for _, s := range []string{
		"", "module-path: ./ci", "paths: ['**']", "secrets: [{name: a, from-env: NPM}]", "modules: [{name: a, module-path: ci}]",
		"depth: 0\nconcurrency: {}", "concurrency: {push: queue, groups: [{name: a, functions: [b], limit: 2}]}", "a: &a [*a]", "? [a]\n: b", "---\n---\n", "%YAML 1.1\n---\n", "module-path: \"\\u0000\"", "\xff\xfe",
	} {
		f.Add([]byte(s))
	}
	g := grants(f, "NPM")
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := config.Repository(tree(string(data)), scope, g)
		if err != nil {
			var p *event.Problem
			if !errors.As(err, &p) {
				t.Fatalf("%q: %v", data, err)
			}
			if strings.ContainsAny(p.Public, "\n\r\x00\x1b") || !utf8.ValidString(p.Public) || !strings.HasPrefix(p.Public, "pocketci.yaml") {
				t.Errorf("%q: %q", data, p.Public)
			}
			return
		}
		if s.Missing != "" || len(s.Modules) == 0 || s.Named != (s.Modules[0].Name != "") {
			t.Fatalf("%q: %+v", data, s)
		}
		for _, m := range s.Modules {
			if !fs.ValidPath(m.Path) || m.Depth < 0 {
				t.Errorf("%q: %+v", data, m)
			}
			for _, secret := range m.Secrets {
				if secret.FromEnv != "NPM" {
					t.Errorf("%q: %+v was not granted", data, secret)
				}
			}
		}
	})
}
