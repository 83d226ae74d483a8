//go:build unix

package account_test

import (
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/engine"
)

// processorTime reports the processors' time per operation, which what else runs on
// the machine does not change as it does the clock's.
func processorTime(b *testing.B) (report func()) {
	b.Helper()
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkLogIn and BenchmarkBcrypt, run together, tell how much of the machine a
// storm of log-ins leaves to hashing: their ratio shall be 0.9 at least.
func BenchmarkLogIn(b *testing.B) {
	d := open(b, func(o *account.Options, _ *engine.Options) { o.PasswordCost = 10 })
	d.signUp("ada", "")
	b.SetParallelism(8)
	b.ResetTimer()
	defer processorTime(b)()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a := d.logIn("ada", "secret"); a.status != 200 {
				b.Errorf("answered %d %s", a.status, a.text)
			}
		}
	})
}

func BenchmarkBcrypt(b *testing.B) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), 10)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	defer processorTime(b)()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := bcrypt.CompareHashAndPassword(hash, []byte("secret")); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRefusedLogIns are log-ins one after the other, to hold an unknown name
// beside a wrong password (advisory C19).
func BenchmarkRefusedLogIns(b *testing.B) {
	d := open(b, func(o *account.Options, _ *engine.Options) { o.PasswordCost = 10 })
	d.signUp("ada", "")
	for _, name := range []string{"ada", "nobody"} {
		b.Run(name, func(b *testing.B) {
			defer processorTime(b)()
			for b.Loop() {
				if a := d.logIn(name, "wrong"); a.status != 404 {
					b.Errorf("answered %d %s", a.status, a.text)
				}
			}
		})
	}
}

// BenchmarkReadsDuringLogIns is a read while a storm of log-ins keeps all processors
// at hashing.
func BenchmarkReadsDuringLogIns(b *testing.B) {
	d := open(b, func(o *account.Options, _ *engine.Options) { o.PasswordCost = 10 })
	u := d.signUp("ada", "")
	var stop atomic.Bool
	done := make(chan struct{}, 64)
	for range cap(done) {
		go func() {
			for !stop.Load() {
				d.logIn("ada", "secret")
			}
			done <- struct{}{}
		}()
	}
	for b.Loop() {
		if a := d.ask(session(u.token), "GET", "/users/me", ""); a.status != 200 {
			b.Errorf("answered %d %s", a.status, a.text)
		}
	}
	stop.Store(true)
	for range cap(done) {
		<-done
	}
}
