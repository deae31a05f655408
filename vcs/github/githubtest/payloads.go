package githubtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Zero is the sha that stands for no commit.
const Zero = "0000000000000000000000000000000000000000"

// PushPayload is a push by our account: of a branch, or of a tag if ref begins
// with refs/tags/. Zero as before: created; as after: deleted.
func (s *Server) PushPayload(fullName, ref, before, after string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.must(fullName)
	commit, forced := after, false
	if out, err := s.git(at.dir, "rev-parse", "--verify", "-q", after+"^{commit}"); err == nil {
		commit = strings.TrimSpace(out) // of an annotated tag: what it points at
	}
	if before != Zero && after != Zero {
		_, err := s.git(at.dir, "merge-base", "--is-ancestor", before, after)
		forced = err != nil
	}
	head := map[string]any{
		"id": commit, "tree_id": Zero, "distinct": true, "message": "a change",
		"timestamp": s.cfg.Clock().UTC().Format(time.RFC3339), "url": s.URL + "/" + at.FullName() + "/commit/" + commit,
		"author":    map[string]any{"name": "Octo Cat", "email": "octo@example.com", "username": s.cfg.Login},
		"committer": map[string]any{"name": "Octo Cat", "email": "octo@example.com", "username": s.cfg.Login},
		"added":     []string{}, "removed": []string{}, "modified": []string{},
	}
	body := map[string]any{
		"ref": ref, "before": before, "after": after, "created": before == Zero, "deleted": after == Zero,
		"forced": forced, "base_ref": nil, "compare": s.URL + "/" + at.FullName() + "/compare/" + before + "..." + after,
		"commits": []any{head}, "head_commit": head,
		"pusher": map[string]any{"name": s.cfg.Login, "email": "octo@example.com"},
	}
	if after == Zero {
		body["commits"], body["head_commit"] = []any{}, nil
	}
	return s.payload(at, s.cfg.Login, body)
}

// PullRequestPayload is an event of a pull request that AddPull made; login
// is the sender (empty: its author).
func (s *Server) PullRequestPayload(fullName string, number int, action, login string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.must(fullName)
	p := at.pulls[number]
	if p == nil {
		panic(fmt.Sprintf("githubtest: no pull request %s#%d", fullName, number))
	}
	if login == "" {
		login = p.Login
	}
	return s.payload(at, login, map[string]any{"action": action, "number": number, "pull_request": s.pullJSON(at, *p)})
}

// CommentPayload is an issue_comment event (created) of a comment that AddComment made.
func (s *Server) CommentPayload(c Comment) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.must(c.Repo)
	issue := map[string]any{
		"id": at.ID*1000 + int64(c.Number), "number": c.Number, "state": "open", "title": fmt.Sprintf("Issue %d", c.Number),
		"url":      fmt.Sprintf("%s/repos/%s/issues/%d", s.APIURL(), c.Repo, c.Number),
		"html_url": fmt.Sprintf("%s/%s/issues/%d", s.URL, c.Repo, c.Number),
	}
	if at.pulls[c.Number] != nil {
		issue["pull_request"] = map[string]any{"url": fmt.Sprintf("%s/repos/%s/pulls/%d", s.APIURL(), c.Repo, c.Number)}
	}
	return s.payload(at, c.Login, map[string]any{"action": "created", "issue": issue, "comment": s.commentJSON(c)})
}

// StatusPayload is the event that GitHub sends for a status.
func (s *Server) StatusPayload(st Status) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.must(st.Repo)
	return s.payload(at, st.Creator, map[string]any{
		"id": st.ID, "sha": st.SHA, "name": at.FullName(), "target_url": nil, "context": st.Context,
		"description": st.Description, "state": st.State, "commit": map[string]any{"sha": st.SHA}, "branches": []any{},
	})
}

// Payload is any event's: fields plus repository and sender (login; it
// becomes an account). A name of "" leaves the repository out.
func (s *Server) Payload(fullName, login string, fields map[string]any) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at *repo
	if fullName != "" {
		at = s.must(fullName)
	}
	return s.payload(at, login, fields)
}

func (s *Server) payload(at *repo, login string, fields map[string]any) []byte {
	body := map[string]any{"sender": s.userJSON(s.addUser(User{Login: login}))}
	if at != nil {
		body["repository"] = s.repoJSON(at)
	}
	for k, v := range fields {
		body[k] = v
	}
	out, err := json.Marshal(body)
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	return out
}
