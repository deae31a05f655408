package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/franela/pocketci/run"
)

// args gives arguments as GraphQL writes them, in parentheses, or nothing.
func (s *Session) args(ctx context.Context, args []run.Arg) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	parts := make([]string, len(args))
	for i, a := range args {
		if !isName(a.Name) {
			return "", fmt.Errorf("%q is not a parameter's name", a.Name)
		}
		text, err := s.arg(ctx, a)
		if err != nil {
			return "", fmt.Errorf("parameter %s: %w", a.Name, err)
		}
		parts[i] = a.Name + ":" + text
	}
	return "(" + strings.Join(parts, ",") + ")", nil
}

// arg gives one argument as GraphQL writes it: a value, or the id of an object
// that the engine has made of it.
func (s *Session) arg(ctx context.Context, a run.Arg) (string, error) {
	var id string
	var err error
	switch a.Kind {
	case run.ArgValue:
		return literalJSON(a.Value)
	case run.ArgEnum:
		var member string
		if err := json.Unmarshal(a.Value, &member); err != nil || !isName(member) {
			return "", fmt.Errorf("%s is not an enum's member", a.Value)
		}
		return member, nil
	case run.ArgSource:
		id, err = s.src(ctx)
	case run.ArgTrigger:
		id, err = s.trigger(ctx)
	case run.ArgDirectory, run.ArgFile:
		id, err = s.part(ctx, a)
	case run.ArgSecret:
		value, ok := s.spec.Secrets[a.Secret]
		if !ok {
			return "", fmt.Errorf("the session has no secret %s", a.Secret)
		}
		id, err = s.secret(ctx, a.Secret, value)
	default:
		return "", fmt.Errorf("unknown kind %q", a.Kind)
	}
	return literalString(id), err
}

// triggerName is the name of the file that functions get as eventTrigger.
const triggerName = "eventTrigger.json"

// trigger gives the id of the eventTrigger file.
func (s *Session) trigger(ctx context.Context) (string, error) {
	return s.memo.get(ctx, s.ctx, "trigger", func(ctx context.Context) (string, error) {
		var out idOf
		err := s.query(ctx, fmt.Sprintf(`query($c:String!){directory{withNewFile(path:%[1]q,contents:$c){file(path:%[1]q){id}}}}`, triggerName),
			map[string]any{"c": string(s.spec.Trigger)}, &out)
		return out.Directory.WithNewFile.File.ID, err
	})
}

// secret gives the id of a secret. Its value travels as a variable, never in a
// query's text.
func (s *Session) secret(ctx context.Context, name, value string) (string, error) {
	engineName := s.secretName(name, value)
	return s.memo.get(ctx, s.ctx, "secret "+engineName, func(ctx context.Context) (string, error) {
		var out idOf
		err := s.query(ctx, `query($n:String!,$v:String!){setSecret(name:$n,plaintext:$v){id}}`,
			map[string]any{"n": engineName, "v": value}, &out)
		return out.SetSecret.ID, err
	})
}

// secretName is the name under which the engine knows a secret. The engine's
// cache knows a call again by its secrets' names, so that a name must be the
// same for the same value in every session, different for another value, and
// tell nothing about it: an HMAC of repository, lane, parameter and value.
func (s *Session) secretName(name, value string) string {
	h := hmac.New(sha256.New, s.e.cfg.Key)
	for _, part := range []string{fmt.Sprint(s.spec.Source.RepoID), string(s.spec.Source.Lane), name, value} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return "pocketci-" + hex.EncodeToString(h.Sum(nil))
}
