package status_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/run"
)

// checkSendable checks what GitHub refuses and what people must not be shown.
func checkSendable(t *testing.T, s run.Status) {
	t.Helper()
	for what, c := range map[string]struct {
		text string
		max  int
	}{"description": {s.Description, 140}, "context": {s.Context, 255}} {
		if c.text == "" || !utf8.ValidString(c.text) || utf8.RuneCountInString(c.text) > c.max {
			t.Errorf("%s %q: empty, not UTF-8 or longer than %d", what, c.text, c.max)
		}
		for _, r := range c.text {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r > 0xFFFF {
				t.Errorf("%s %q holds %U", what, c.text, r)
			}
		}
	}
}

func TestDescriptionsAreOnePlainLine(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"first line":                     {"tests failed: 3 of 10\nsee above", "tests failed: 3 of 10"},
		"first line that says something": {"\n \t\r\n\x1b[0m\nno such file\n", "no such file"},
		"carriage return":                {"50%\r100%", "50%"},
		"colours":                        {"\x1b[1;31mFAIL\x1b[0m \x1b]0;title\x07x", "FAIL x"},
		"C1 escape":                      {"\u009b31mFAIL", "FAIL"},
		"NUL, bell, backspace and DEL":   {"a\x00b\x07c\x08d\x7fe", "abcde"},
		"tabs and spaces":                {"a\t\tb   c\u2028d", "a b c d"},
		"direction overrides":            {"abc\u202edcba\u2066", "abcdcba"},
		"not UTF-8":                      {"a\xffb", "a\ufffdb"},
		"beyond U+FFFF":                  {"bug \U0001F41B!", "bug \ufffd!"},
		"140 characters fit":             {strings.Repeat("é", 140), strings.Repeat("é", 140)},
		"141 characters are cut to 140":  {strings.Repeat("é", 141), strings.Repeat("é", 139) + "…"},
		"no space before the ellipsis":   {strings.Repeat("x", 138) + "   yyyy", strings.Repeat("x", 138) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, _ := status.Plan(done(call(labeled(""), "a", result(run.Failure, time.Second, tc.text)), run.Failure), later)
			if got := rows[0].Status.Description; got != tc.want {
				t.Errorf("%q is described as %q, want %q", tc.text, got, tc.want)
			}
			checkSendable(t, rows[0].Status)
		})
	}
}

func TestContextsThatAreTooLongStayApart(t *testing.T) {
	long := strings.Repeat("abcdefgh", 40)
	r := done(decide(decide(labeled(""), long+"x", run.VerdictSkipped, ""), long+"y", run.VerdictSkipped, ""), run.Success)
	rows, _ := status.Plan(r, later)
	checkSendable(t, rows[0].Status)
	checkSendable(t, rows[1].Status)
	if rows[0].Status.Context == rows[1].Status.Context {
		t.Errorf("both are %s", rows[0].Status.Context)
	}
}
