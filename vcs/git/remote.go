package git

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode"
)

// Remote is where a repository is, and as whom it is read. Token is a secret.
type Remote struct {
	// URL is https://host/owner/name (http on loopback only), without credentials.
	URL string
	// Username and Token are for URL's scheme, host and port only. No token: anonymous.
	// A token without a username goes as "x-access-token".
	Username, Token string
}

// tokenUser stands where a token comes without a username; code hosts that take
// tokens as passwords do not look at it.
const tokenUser = "x-access-token"

// check refuses addresses that would send credentials where they don't belong.
func (r Remote) check() error {
	u, err := url.Parse(r.URL)
	if err != nil {
		return errors.New("repository address can't be parsed") // the cause would show it
	}
	switch {
	case strings.ContainsFunc(r.URL+r.Username+r.Token, unicode.IsControl):
		return errors.New("repository address or credentials hold control characters")
	case u.User != nil:
		return errors.New("repository address holds credentials: set username and token instead")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "":
		return fmt.Errorf("repository address %s is not scheme://host/path", r.URL)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme == "http":
		return fmt.Errorf("repository address %s is not https, which only loopback may do without", r.URL)
	default:
		return fmt.Errorf("repository address %s is neither https nor http on loopback", r.URL)
	}
	if strings.Contains(r.Username, ":") {
		return errors.New("username holds a colon")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// basic is the value of HTTP's Basic authentication, or "".
func (r Remote) basic() string {
	if r.Token == "" {
		return ""
	}
	user := r.Username
	if user == "" {
		user = tokenUser
	}
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + r.Token))
}

// secrets are the strings that must never be shown.
func (r Remote) secrets() []string {
	return []string{r.basic(), r.Token, url.QueryEscape(r.Token), url.PathEscape(r.Token)}
}

// settings tell git of the remote. They make it a promisor that leaves file
// contents out; processes without them take what is not there as missing and fetch
// nothing by themselves.
func (r Remote) settings() []setting {
	return append(r.address(), setting{"remote.origin.promisor", "true"}, setting{"remote.origin.partialclonefilter", "blob:none"})
}

// address tells git where the remote is, and as whom it is read.
func (r Remote) address() []setting {
	all := []setting{{"remote.origin.url", r.URL}}
	u, err := url.Parse(r.URL)
	if err != nil {
		return all // refused by check before
	}
	if basic := r.basic(); basic != "" {
		all = append(all, setting{"http." + u.Scheme + "://" + u.Host + "/.extraheader", "Authorization: Basic " + basic})
	}
	if isLoopback(u.Hostname()) {
		all = append(all, setting{"http.proxy", ""})
	}
	return all
}

// transport is the only protocol that git may use for it.
func (r Remote) transport() string {
	scheme, _, _ := strings.Cut(r.URL, "://")
	return "GIT_ALLOW_PROTOCOL=" + scheme
}
