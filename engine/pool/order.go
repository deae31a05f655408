package pool

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-rendezvous"
)

// enter chooses a host that was not tried yet for a session, and counts it there.
func (p *Pool[H]) enter(repoID int64, tried []*host[H]) *host[H] {
	p.entering.Lock()
	defer p.entering.Unlock()
	h := p.next(repoID, true, tried)
	if h != nil {
		h.enter()
	}
	return h
}

// next is the first host in order that was not tried yet, or nil.
func (p *Pool[H]) next(repoID int64, spill bool, tried []*host[H]) *host[H] {
	for _, h := range p.order(repoID, spill) {
		if !slices.Contains(tried, h) {
			return h
		}
	}
	return nil
}

// order is in which order the hosts are asked for a repository: as they rank for
// it, those that are busy after those that are not, and those that are left alone
// last.
func (p *Pool[H]) order(repoID int64, spill bool) []*host[H] {
	now := p.cfg.Clock()
	hosts := p.ranked(repoID)
	how := make(map[*host[H]]standing, len(hosts))
	for _, h := range hosts {
		s := h.standing(now)
		s.busy = s.busy && spill
		how[h] = s
	}
	slices.SortStableFunc(hosts, func(a, b *host[H]) int { return how[a].compare(how[b]) })
	return hosts
}

// compare says which host is asked first; 0: as they rank.
func (s standing) compare(t standing) int {
	switch {
	case s.alone != t.alone:
		return s.alone.Compare(t.alone) // The zero time comes before all others.
	case s.busy != t.busy && s.busy:
		return 1
	case s.busy != t.busy:
		return -1
	case s.busy:
		return cmp.Compare(s.sessions, t.sessions)
	}
	return 0
}

// ranked is the hosts in the repository's own order.
func (p *Pool[H]) ranked(repoID int64) []*host[H] {
	key := strconv.FormatInt(repoID, 10)
	left := make([]string, 0, len(p.hosts))
	by := make(map[string]*host[H], len(p.hosts))
	for _, h := range p.hosts {
		left, by[h.name] = append(left, h.name), h
	}
	ranked := make([]*host[H], 0, len(p.hosts))
	for len(left) > 0 {
		first := rendezvous.New(left, xxhash.Sum64String).Lookup(key)
		ranked = append(ranked, by[first])
		left = slices.DeleteFunc(left, func(name string) bool { return name == first })
	}
	return ranked
}
