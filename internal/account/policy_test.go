package account_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// clock is a time that tests set.
type clock struct{ now atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.now.Store(time.Now().UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()) }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

func TestPasswordAge(t *testing.T) {
	c := newClock()
	d := open(t, func(o *account.Options, _ *engine.Options) { o.Password.MaxAge, o.Now = 30, c.Now })
	u := d.signUp("ada", "")
	c.advance(30*24*time.Hour - time.Minute)
	d.logIn("ada", "secret").must()
	c.advance(2 * time.Minute)
	old := d.logIn("ada", "secret")
	old.refused(parse.ObjectNotFound)
	if old.string("error") != "Your password has expired. Please reset your password." {
		t.Errorf("answered %s", old.text)
	}
	if wrong := d.logIn("ada", "wrong"); wrong.string("error") != "Invalid username/password." {
		t.Errorf("who doesn't know the password learns its age: %s", wrong.text)
	}
	d.ask(master, "PUT", "/users/"+u.id, `{"password":"better"}`).must()
	d.logIn("ada", "better").must()
}

// The age of a password that is older than the policy counts from the next log-in.
func TestPasswordAgeOfOldUsers(t *testing.T) {
	c := newClock()
	d := open(t, func(o *account.Options, _ *engine.Options) { o.Password.MaxAge, o.Now = 30, c.Now })
	u := d.signUp("ada", "")
	d.unset(u, "_password_changed_at")
	c.advance(100 * 24 * time.Hour)
	d.logIn("ada", "secret").must()
	c.advance(31 * 24 * time.Hour)
	d.logIn("ada", "secret").refused(parse.ObjectNotFound)
}

func TestPatternThatCannotBe(t *testing.T) {
	for pattern, ok := range map[string]bool{
		``: true, `^[a-z]+$`: true, `^(?=.*[a-z])(?=.*[0-9]).{8,}$`: true, `^(?!.*password).*$`: true, `(a)\1`: false, `(`: false,
	} {
		_, err := account.New(account.Options{Engine: engine.New(engine.Options{}), Password: account.PasswordPolicy{Pattern: pattern}})
		if (err == nil) != ok {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// Two who change a password at the same time don't bring an old one back.
func TestPasswordHistoryUnderConcurrency(t *testing.T) {
	d := open(t, func(o *account.Options, _ *engine.Options) {
		o.Password.History, o.RevokeSessionOnPasswordReset = 5, false
	})
	u := d.signUp("ada", "")
	var changed atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			a := d.ask(session(u.token), "PUT", "/users/"+u.id, `{"password":"better"}`)
			if a.status == 200 {
				changed.Add(1)
			} else if a.body["code"] != float64(parse.ValidationError) {
				t.Errorf("answered %d %s", a.status, a.text)
			}
		})
	}
	all.Wait()
	if changed.Load() != 1 {
		t.Errorf("it was changed %d times", changed.Load())
	}
	d.ask(session(u.token), "PUT", "/users/"+u.id, `{"password":"secret"}`).refused(parse.ValidationError)
}

// Of many who guess at the same time as many learn whether they are right as the
// threshold says.
func TestAdvisory_I01_LockoutUnderConcurrency(t *testing.T) {
	d := open(t, func(o *account.Options, _ *engine.Options) { o.Lockout = account.Lockout{Threshold: 3, Duration: 5} })
	d.signUp("ada", "")
	var told, locked atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			switch a := d.logIn("ada", "wrong"); {
			case strings.Contains(a.text, "locked"):
				locked.Add(1)
			case strings.Contains(a.text, "Invalid username/password."):
				told.Add(1)
			default:
				t.Errorf("answered %d %s", a.status, a.text)
			}
		})
	}
	all.Wait()
	if told.Load() != 3 || locked.Load() != 47 {
		t.Errorf("%d learned that they were wrong and %d that the account is closed, want 3 and 47", told.Load(), locked.Load())
	}
	if right := d.logIn("ada", "secret"); !strings.Contains(right.text, "after 5 minute(s)") {
		t.Errorf("answered %d %s", right.status, right.text)
	}
}

func TestLockoutEnds(t *testing.T) {
	c := newClock()
	d := open(t, func(o *account.Options, _ *engine.Options) {
		o.Lockout, o.Now = account.Lockout{Threshold: 1, Duration: 5}, c.Now
	})
	d.signUp("ada", "")
	d.logIn("ada", "wrong").refused(parse.ObjectNotFound)
	d.logIn("ada", "secret").refused(parse.ObjectNotFound)
	c.advance(5*time.Minute + time.Second)
	d.logIn("ada", "secret").must()
	d.logIn("ada", "secret").must()
}
