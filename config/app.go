package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/franela/pocketci/event"
)

// The variables that make the agent a GitHub App, instead of an account's name and
// token.
const (
	appPrefix          = "GITHUB_APP_"
	appVariable        = "GITHUB_APP_ID"
	appKeyVariable     = "GITHUB_APP_PRIVATE_KEY"
	appKeyFileVariable = "GITHUB_APP_PRIVATE_KEY_FILE"

	// maxKeySize is far more than any key is, in bytes.
	maxKeySize = 64 << 10
)

// app reads the GitHub App's id and key; zero: there is none. Who works needs the
// key; others need the id alone, to know what the App does itself. A key in a file
// counts as taken from then on, like one in a variable.
func (e *Environment) app(works bool) (id int64, key string, err error) {
	number, key, file := strings.TrimSpace(e.values[appVariable]), e.values[appKeyVariable], strings.TrimSpace(e.values[appKeyFileVariable])
	switch {
	case number == "" && strings.TrimSpace(key) == "" && file == "":
		return 0, "", nil
	case number == "":
		return 0, "", &event.Problem{Public: "a GitHub App's key is set, and " + appVariable + " is not", Hint: appVariable + " stands in the App's settings, as App ID"}
	case works && strings.TrimSpace(key) == "" && file == "":
		return 0, "", &event.Problem{
			Public: appVariable + " is set, and neither " + appKeyFileVariable + " nor " + appKeyVariable,
			Hint:   "make a private key in the App's settings, and name the .pem file with " + appKeyFileVariable,
		}
	case strings.TrimSpace(key) != "" && file != "" && e.keyFile != file:
		return 0, "", &event.Problem{Public: appKeyVariable + " and " + appKeyFileVariable + " are both set", Hint: "leave one of them out"}
	}
	if id, err = strconv.ParseInt(number, 10, 64); err != nil || id <= 0 {
		return 0, "", &event.Problem{Public: fmt.Sprintf("%s: %s is not an App's id", appVariable, shown(number)), Hint: "it is a number, in the App's settings"}
	}
	if file != "" && e.keyFile != file {
		if key, err = readKey(file); err != nil {
			return 0, "", err
		}
		e.values[appKeyVariable], e.keyFile = key, file
	}
	return id, key, nil
}

// readKey reads the file that holds the key.
func readKey(file string) (string, error) {
	info, err := os.Stat(file)
	if err == nil && info.Size() > maxKeySize {
		err = errors.New("it is larger than any key")
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file)
	}
	if err == nil {
		return string(text), nil
	}
	why := "it can't be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		why = "this account may not read it"
	}
	return "", &event.Problem{Public: appKeyFileVariable + ": " + why, Err: err}
}

// keyTexts are the forms of a key that must not appear anywhere: all of it, and
// each of its lines.
func keyTexts(key string) []string {
	texts := []string{key}
	for line := range strings.Lines(strings.ReplaceAll(key, `\n`, "\n")) {
		if line = strings.TrimSpace(line); len(line) > 16 && !strings.HasPrefix(line, "-----") {
			texts = append(texts, line)
		}
	}
	return texts
}
