package provider

import (
	"sync"
	"time"
)

// allowanceUsers bounds the users of whom is remembered what they have used up.
const allowanceUsers = 10000

// allowance bounds how often each user may do something in a window of time. What
// is checked is taken before, so that those who try at once don't get more; it is
// given back where it has done no harm.
type allowance struct {
	now    func() time.Time
	most   int
	window time.Duration

	mu    sync.Mutex
	users map[string]*usage
}

type usage struct {
	began time.Time
	count int
}

func newAllowance(now func() time.Time, most int, window time.Duration) *allowance {
	return &allowance{now: now, most: most, window: window, users: map[string]*usage{}}
}

// take takes one of a user's; back gives it back.
func (a *allowance) take(user string) (taken bool, back func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	u := a.users[user]
	if u == nil || now.Sub(u.began) >= a.window {
		if u == nil {
			a.forget(now)
		}
		u = &usage{began: now}
		a.users[user] = u
	}
	if u.count >= a.most {
		return false, nil
	}
	u.count++
	return true, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		u.count--
	}
}

// forget makes room for a user: of those whose window is over, or else of whoever
// began first.
func (a *allowance) forget(now time.Time) {
	if len(a.users) < allowanceUsers {
		return
	}
	first := ""
	for user, u := range a.users {
		if now.Sub(u.began) >= a.window {
			delete(a.users, user)
		} else if first == "" || u.began.Before(a.users[first].began) {
			first = user
		}
	}
	if len(a.users) >= allowanceUsers {
		delete(a.users, first)
	}
}
