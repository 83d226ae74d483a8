package engine

import (
	"container/list"
	"sync"
	"time"
)

// sessionCache remembers who session tokens stand for. What it remembers is
// forgotten when the engine writes what it was made of, and after a time, since
// others write too: other nodes, and operators past the gate. Tokens that stand
// for nobody are not remembered.
type sessionCache struct {
	// max is how many sessions are remembered; ttl is for how long.
	max int
	ttl time.Duration

	mu      sync.RWMutex
	byToken map[string]*list.Element
	byTag   map[tag]map[*list.Element]bool
	// order has the sessions, each a *remembered, the oldest first. Nearly all are
	// kept for the same time, so the oldest is the one that is least worth.
	order list.List
	// forgettings counts what was forgotten: who has read a session before
	// something was forgotten must not put it back.
	forgettings uint64
}

type remembered struct {
	*session
	until time.Time
}

// tag names something that a session was made of.
type tag struct {
	of tagged
	id string
}

// tagged are the kinds of things that sessions are made of.
type tagged uint8

const (
	taggedSession tagged = iota // by its id
	taggedToken
	taggedUser
	taggedRole
)

// manyRoles is the tag of the sessions with more roles than are tagged one by one.
var manyRoles = tag{taggedRole, ""}

// maxRoleTags is how many roles of a session are tagged, so that memory stays
// bounded by the number of sessions.
const maxRoleTags = 16

func newSessionCache(max int, ttl time.Duration) *sessionCache {
	return &sessionCache{max: max, ttl: ttl, byToken: make(map[string]*list.Element), byTag: make(map[tag]map[*list.Element]bool)}
}

// get is the session of a token, nil when it is not remembered. It may have ended.
func (c *sessionCache) get(token string, now time.Time) *session {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if element := c.byToken[token]; element != nil {
		if r := element.Value.(*remembered); now.Before(r.until) {
			return r.session
		}
	}
	return nil
}

// seen is for put: how much has been forgotten before a session is read.
func (c *sessionCache) seen() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.forgettings
}

// put remembers a session, unless something was forgotten since its reading began.
func (c *sessionCache) put(s *session, now time.Time, seen uint64) {
	if c.max <= 0 || c.ttl <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen != c.forgettings {
		return
	}
	if old := c.byToken[s.token]; old != nil {
		c.remove(old)
	}
	for oldest := c.order.Front(); oldest != nil; oldest = c.order.Front() {
		if c.order.Len() < c.max && now.Before(oldest.Value.(*remembered).until) {
			break
		}
		c.remove(oldest)
	}
	until := now.Add(c.ttl)
	if !s.due.IsZero() && s.due.Before(until) {
		until = s.due
	}
	element := c.order.PushBack(&remembered{s, until})
	c.byToken[s.token] = element
	for _, t := range s.tags() {
		if c.byTag[t] == nil {
			c.byTag[t] = make(map[*list.Element]bool, 1)
		}
		c.byTag[t][element] = true
	}
}

// forget forgets the sessions with one of the tags.
func (c *sessionCache) forget(tags ...tag) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgettings++
	for _, t := range tags {
		for element := range c.byTag[t] {
			c.remove(element)
		}
	}
}

// forgetAll forgets all sessions.
func (c *sessionCache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgettings++
	c.order.Init()
	clear(c.byToken)
	clear(c.byTag)
}

func (c *sessionCache) remove(element *list.Element) {
	s := c.order.Remove(element).(*remembered).session
	delete(c.byToken, s.token)
	for _, t := range s.tags() {
		if of := c.byTag[t]; len(of) > 1 {
			delete(of, element)
		} else {
			delete(c.byTag, t)
		}
	}
}

// tags are those of what the session was made of.
func (s *session) tags() []tag {
	tags := append(make([]tag, 0, 3+min(len(s.roleIDs), maxRoleTags)),
		tag{taggedSession, s.id}, tag{taggedToken, s.token}, tag{taggedUser, s.user})
	if len(s.roleIDs) > maxRoleTags {
		return append(tags, manyRoles)
	}
	for _, id := range s.roleIDs {
		tags = append(tags, tag{taggedRole, id})
	}
	return tags
}
