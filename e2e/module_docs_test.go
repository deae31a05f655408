package e2e_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What the helper module shows stands on its page, every field of it.
func TestModulePageNamesEveryField(t *testing.T) {
	page, err := os.ReadFile("../docs/module.md")
	if err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile("(?m)`json:\"([A-Za-z]+)\"`$")
	found := 0
	for _, name := range []string{"../module/main.go", "../module/types.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range field.FindAllStringSubmatch(string(source), -1) {
			found++
			if !strings.Contains(string(page), "`"+match[1]+"`") && match[1] != "eventTrigger" {
				t.Errorf("docs/module.md doesn't name %s", match[1])
			}
		}
	}
	if found < 100 {
		t.Errorf("found %d fields in the module: the expression doesn't see them", found)
	}
}
