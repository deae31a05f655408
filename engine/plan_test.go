package engine_test

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

func planOf(t testing.TB, path string, files map[string]string) (engine.Plan, error) {
	t.Helper()
	return engine.NewPlan(t.Context(), run.Source{ModulePath: path, Tree: run.Tree{Files: enginetest.NewFiles(files)}}, false)
}

const pinned = `{"name":"x","source":"github.com/a/b@v1","pin":"3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a"}`

func TestPlanNarrows(t *testing.T) {
	tests := map[string]struct {
		path  string
		files map[string]string
		want  engine.Plan
	}{
		"to the module's folder": {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go"}`},
			engine.Plan{Path: "ci", Include: []string{"ci/dagger.json", "ci"}}},
		"to the source folder": {".", map[string]string{"dagger.json": `{"name":"x","sdk":{"source":"go"},"source":".dagger"}`},
			engine.Plan{Path: ".", Include: []string{"dagger.json", ".dagger"}}},
		"to the folder of a module without an SDK": {"ci", map[string]string{"ci/dagger.json": `{"name":"x"}`},
			engine.Plan{Path: "ci", Include: []string{"ci/dagger.json", "ci"}}},
		"to what it includes": {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","include":["../go.mod","../internal/**/*.go","!../internal/testdata"]}`},
			engine.Plan{Path: "ci", Include: []string{"ci/dagger.json", "ci", "go.mod", "internal/**/*.go"}, Exclude: []string{"internal/testdata"}}},
		"less what it excludes": {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","exclude":["tmp","!keep"]}`},
			engine.Plan{Path: "ci", Include: []string{"ci/dagger.json", "ci"}, Exclude: []string{"ci/tmp"},
				Whole: `ci/dagger.json includes "keep" after an exclusion`}},
		"to local dependencies and theirs, once": {"ci", map[string]string{
			"ci/dagger.json":   `{"name":"x","sdk":"go","dependencies":["../a",{"name":"b","source":"./b"}]}`,
			"a/dagger.json":    `{"name":"a","sdk":"go","dependencies":[{"name":"b","source":"../ci/b"},{"name":"x","source":"../ci"}]}`,
			"ci/b/dagger.json": `{"name":"b","sdk":"../../sdk"}`,
			"sdk/dagger.json":  `{"name":"sdk","sdk":"go"}`,
		}, engine.Plan{Path: "ci", Include: []string{"ci/dagger.json", "ci", "a/dagger.json", "a", "ci/b/dagger.json", "ci/b", "sdk/dagger.json", "sdk"}}},
		"with a pinned remote dependency": {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","dependencies":[` + pinned + `,"git@host.org:a/b@` + strings.Repeat("a", 40) + `"]}`},
			engine.Plan{Path: "ci", Include: []string{"ci/dagger.json", "ci"}}},
		"a folder that is called like a host": {"ci", map[string]string{
			"ci/dagger.json": `{"name":"x","sdk":"go","dependencies":["v1.0/lib"]}`, "ci/v1.0/lib/dagger.json": `{"name":"lib"}`,
		}, engine.Plan{Path: "ci", Include: []string{"ci/dagger.json", "ci", "ci/v1.0/lib/dagger.json", "ci/v1.0/lib"}}},
		"a path that is written with a dot": {"./ci/", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go"}`},
			engine.Plan{Path: "ci", Include: []string{"ci/dagger.json", "ci"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := planOf(t, tt.path, tt.files)
			if err != nil {
				t.Fatal(err)
			}
			if got.Key == "" {
				t.Error("no key")
			}
			if tt.want.Whole != "" {
				tt.want.Include, tt.want.Exclude = nil, nil
			}
			got.Key = ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlanTakesTheWholeWhereItMust(t *testing.T) {
	tests := map[string]struct {
		path  string
		files map[string]string
		why   string
		git   bool
	}{
		"the module is the repository":         {".", map[string]string{"dagger.json": `{"name":"x","sdk":"go"}`}, "the whole repository", false},
		"a key that is not known":              {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","root":".."}`}, `unknown key "root"`, true},
		"everything is included":               {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","include":[".."]}`}, "includes the whole repository", false},
		"a name that is a pattern":             {"c[i]", map[string]string{"c[i]/dagger.json": `{"name":"x","sdk":"go"}`}, "also a pattern", false},
		"a source that is a pattern":           {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","source":"s*"}`}, "also a pattern", false},
		"a dependency with a default path":     {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","dependencies":["../lib"]}`, "lib/dagger.json": `{"name":"lib","sdk":"go"}`, "lib/main.go": "// +defaultPath=\"/\"\n"}, "lib has parameters with a default path", true},
		"a python dependency with one":         {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","dependencies":["../lib"]}`, "lib/dagger.json": `{"name":"lib","sdk":"python"}`, "lib/src/lib/main.py": "a: Annotated[dagger.Directory, DefaultPath(\"/\")]\n"}, "lib has parameters with a default path", true},
		"a dependency's key that is not known": {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","dependencies":["../lib"]}`, "lib/dagger.json": `{"name":"lib","views":[]}`}, "lib/dagger.json has the unknown key", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := planOf(t, tt.path, tt.files)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got.Whole, tt.why) || got.KeepGit != tt.git || got.Include != nil || got.Exclude != nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	deep := map[string]string{}
	for i := range 120 {
		deep["m"+strings.Repeat("x", i)+"/dagger.json"] = `{"name":"x","dependencies":["../m` + strings.Repeat("x", i+1) + `"]}`
	}
	tests := map[string]struct {
		path  string
		files map[string]string
		want  string
	}{
		"a path that climbs out":           {"../ci", nil, "leaves the repository"},
		"an absolute path":                 {"/ci", nil, "leaves the repository"},
		"no dagger.json":                   {"ci", map[string]string{"ci/main.go": ""}, "ci/dagger.json is missing"},
		"no folder":                        {"ci", map[string]string{"a": ""}, "ci/dagger.json is missing"},
		"a file in the folder's place":     {"ci", map[string]string{"ci": ""}, "ci is not a folder"},
		"text that is no JSON":             {"ci", map[string]string{"ci/dagger.json": "{"}, "ci/dagger.json can't be read"},
		"JSON of another shape":            {"ci", map[string]string{"ci/dagger.json": `{"include":1}`}, "ci/dagger.json can't be read"},
		"null":                             {"ci", map[string]string{"ci/dagger.json": `null`}, "not an object"},
		"a huge dagger.json":               {"ci", map[string]string{"ci/dagger.json": strings.Repeat(" ", 1<<20+1)}, "larger than 1 MiB"},
		"a source that climbs out":         {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","source":"../src"}`}, "leaves the module's folder"},
		"an include that climbs out":       {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","include":["../../etc"]}`}, "leaves the repository"},
		"an include that is absolute":      {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"go","include":["/etc"]}`}, "leaves the repository"},
		"a dependency that climbs out":     {"ci", map[string]string{"ci/dagger.json": `{"name":"x","dependencies":["../../x"]}`}, "leaves the repository"},
		"a dependency that is absolute":    {"ci", map[string]string{"ci/dagger.json": `{"name":"x","dependencies":["/x"]}`}, "leaves the repository"},
		"a dependency that isn't there":    {"ci", map[string]string{"ci/dagger.json": `{"name":"x","dependencies":["../x"]}`}, "ci/dagger.json depends on x, which holds no dagger.json"},
		"a dependency without a pin":       {"ci", map[string]string{"ci/dagger.json": `{"name":"x","dependencies":["github.com/a/b@v1"]}`}, "github.com/a/b@v1 without a pin"},
		"an SDK without a pin":             {"ci", map[string]string{"ci/dagger.json": `{"name":"x","sdk":"github.com/a/sdk"}`}, "github.com/a/sdk without a pin"},
		"a toolchain without a pin":        {"ci", map[string]string{"ci/dagger.json": `{"name":"x","toolchains":[{"source":"https://h.org/a"}]}`}, "https://h.org/a without a pin"},
		"a dependency's without a pin":     {"ci", map[string]string{"ci/dagger.json": `{"name":"x","dependencies":["../a"]}`, "a/dagger.json": `{"name":"a","dependencies":["github.com/a/b"]}`}, "a/dagger.json depends on github.com/a/b without a pin"},
		"a pin that is a branch":           {"ci", map[string]string{"ci/dagger.json": `{"name":"x","dependencies":[{"source":"github.com/a/b","pin":"main"}]}`}, "without a pin"},
		"a blueprint":                      {"ci", map[string]string{"ci/dagger.json": `{"name":"x","blueprint":{"source":"../b"}}`}, "blueprint"},
		"a chain of dependencies too long": {"m", deep, "more than 100 local modules"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := planOf(t, tt.path, tt.files)
			var problem *event.Problem
			if !errors.As(err, &problem) || !strings.Contains(problem.Public, tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("but for what the operator allows", func(t *testing.T) {
		files := enginetest.NewFiles(map[string]string{"ci/dagger.json": `{"name":"x","dependencies":["github.com/a/b@v1"]}`})
		if _, err := engine.NewPlan(t.Context(), run.Source{ModulePath: "ci", Tree: run.Tree{Files: files}}, true); err != nil {
			t.Error(err)
		}
	})
}

func TestPlanRefusesDetours(t *testing.T) {
	link := &fstest.MapFile{Data: []byte("real"), Mode: fs.ModeSymlink | 0o777}
	submodule := &fstest.MapFile{Mode: fs.ModeIrregular | 0o755}
	tests := map[string]struct {
		path string
		more fstest.MapFS
		want string
	}{
		"a symlink":                {"link", fstest.MapFS{"link": link}, "symlink link"},
		"below a symlink":          {"link/ci", fstest.MapFS{"link": link}, "symlink link"},
		"a submodule":              {"sub", fstest.MapFS{"sub": submodule}, "submodule sub"},
		"a dagger.json as symlink": {"fake", fstest.MapFS{"fake/dagger.json": link}, "not a regular file"},
		"to a dependency":          {"dep", fstest.MapFS{"dep/dagger.json": &fstest.MapFile{Data: []byte(`{"name":"x","dependencies":["../link"]}`)}, "link": link}, "symlink link"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := enginetest.NewFiles(map[string]string{"real/dagger.json": `{"name":"x"}`, "real/ci/dagger.json": `{"name":"x"}`})
			maps.Copy(files.MapFS, tt.more)
			_, err := engine.NewPlan(t.Context(), run.Source{ModulePath: tt.path, Tree: run.Tree{Files: files}}, false)
			var problem *event.Problem
			if !errors.As(err, &problem) || !strings.Contains(problem.Public, tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPlanKeyIsThatOfTheContent(t *testing.T) {
	base := map[string]string{
		"README.md":       "x",
		"go.mod":          "module x",
		"ci/dagger.json":  `{"name":"x","sdk":"go","include":["../go.mod","../gone"],"dependencies":["../lib"]}`,
		"ci/main.go":      "package main",
		"lib/dagger.json": `{"name":"lib"}`,
	}
	first, err := planOf(t, "ci", base)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change map[string]string
		same   bool
	}{
		"nothing":          {nil, true},
		"a file beside":    {map[string]string{"README.md": "y", "src/a.go": "package a"}, true},
		"the module":       {map[string]string{"ci/main.go": "package main // changed"}, false},
		"a new file in it": {map[string]string{"ci/b.go": "package main"}, false},
		"a dependency":     {map[string]string{"lib/main.go": "package main"}, false},
		"what is included": {map[string]string{"go.mod": "module y"}, false},
		"what was missing": {map[string]string{"gone": "here"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(base)
			maps.Copy(files, tt.change)
			again, err := planOf(t, "ci", files)
			if err != nil {
				t.Fatal(err)
			}
			if same := again.Key == first.Key; same != tt.same {
				t.Errorf("same key: %t", same)
			}
		})
	}
}

// FuzzPlan: whatever a repository writes into its dagger.json, nothing outside
// of the repository is asked for, and nothing panics.
func FuzzPlan(f *testing.F) {
	f.Add(`{"name":"x","sdk":"go","source":".","include":["../a/**","!b"],"exclude":["c"],"dependencies":["../lib",` + pinned + `]}`)
	f.Add(`{"sdk":{"source":"../sdk"},"toolchains":[{"source":"./t"}],"blueprint":"x"}`)
	f.Add(`{"include":["a/../../.."],"source":"a/../.."}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := planOf(t, "ci", map[string]string{"ci/dagger.json": text, "lib/dagger.json": text, "sdk/dagger.json": "{}"})
		if err != nil {
			return
		}
		for _, name := range slices.Concat(p.Include, p.Exclude) {
			if name == ".." || strings.HasPrefix(name, "../") || strings.HasPrefix(name, "/") || strings.Contains(name, "/../") {
				t.Errorf("%q leaves the repository", name)
			}
		}
		if p.Whole == "" && !slices.Contains(p.Include, "ci/dagger.json") {
			t.Errorf("dagger.json is not among %q", p.Include)
		}
	})
}
