package provider_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

const mfaSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // 12345678901234567890

// passwordAt is what an app on a phone shows at a time (RFC 6238).
func passwordAt(tb testing.TB, at time.Time) string {
	tb.Helper()
	secret, err := base32.StdEncoding.DecodeString(mfaSecret)
	if err != nil {
		tb.Fatal(err)
	}
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1000000)
}

// row is a user's row: what is stored of a provider, written only if it is as it
// was when it was read.
type row struct {
	mu     sync.Mutex
	stored *parse.Object
}

var errConflict = errors.New("somebody else was first")

func (r *row) read() *parse.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stored
}

func (r *row) write(was *parse.Object, a provider.Answer, sent *parse.Object) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Keep {
		return nil
	}
	if r.stored != was {
		return errConflict
	}
	if r.stored = a.Save; a.Save == nil {
		r.stored = sent
	}
	return nil
}

// do does with the row what users' code does with a provider's answer.
func (r *row) do(tb testing.TB, check func(context.Context, provider.Check) (provider.Answer, error), d string, change ...func(*provider.Check)) (*parse.Object, error) {
	tb.Helper()
	c := provider.Check{Data: data(tb, d), Stored: r.read(), UserID: "user-1"}
	for _, f := range change {
		f(&c)
	}
	a, err := check(context.Background(), c)
	if err != nil && a.Save == nil {
		return nil, err
	}
	if conflict := r.write(c.Stored, a, c.Data); conflict != nil {
		return nil, conflict
	}
	return a.Response, err
}

var totpOnly = options{"options": []any{"TOTP"}}

// withTOTP is a user who has set up TOTP, and the recovery codes.
func withTOTP(t *testing.T, c *clock) (provider.Provider, *row, []string) {
	t.Helper()
	p, r := open(t, nil, "mfa", totpOnly, at(c)), &row{}
	response, err := r.do(t, p.SetUp, `{"secret":"`+mfaSecret+`","token":"`+passwordAt(t, c.Now())+`"}`)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := response.Get("recovery")
	codes := strings.Split(string(v.(parse.String)), ", ")
	return p, r, codes
}

func token(text string) string { return `{"token":"` + text + `"}` }

func TestTOTPIsSetUpAndAskedFor(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	p, r, codes := withTOTP(t, c)
	if p.Policy() != provider.Additional {
		t.Error("a second factor logs in alone")
	}
	for _, code := range codes {
		if len(codes) != 2 || !regexp.MustCompile(`^[A-Za-z0-9]{30}$`).MatchString(code) || codes[0] == codes[1] {
			t.Errorf("recovery codes %q", codes)
		}
	}
	if stored := written(t, r.read()); strings.Contains(stored, codes[0]) || !strings.Contains(stored, mfaSecret) {
		t.Errorf("stored %s", stored)
	}
	if shown := written(t, p.Show(r.read())); shown != `{"status":"enabled"}` {
		t.Errorf("shown %s", shown)
	}
	if shown := written(t, p.Show(nil)); shown != `{"status":"disabled"}` {
		t.Errorf("shown of nobody's %s", shown)
	}
	if _, err := r.do(t, p.LogIn, token(passwordAt(t, c.Now()))); err != nil {
		t.Errorf("the password of the set-up: %v", err)
	}
	if _, err := p.Challenge(context.Background(), provider.Challenge{}); err != provider.ErrNoChallenge {
		t.Error("there is a challenge")
	}
}

func TestTOTPIsRFC6238(t *testing.T) {
	// The vectors of the RFC's appendix B, whose secrets are as long as the hashes.
	secret := func(n int) string {
		return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(strings.Repeat("1234567890", 7)[:n]))
	}
	for _, v := range []struct {
		at                   int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		c := &clock{now: time.Unix(v.at, 0)}
		for algorithm, want := range map[string][2]string{"SHA1": {secret(20), v.sha1}, "SHA256": {secret(32), v.sha256}, "SHA512": {secret(64), v.sha512}} {
			p := open(t, nil, "mfa", options{"options": []any{"TOTP"}, "digits": int64(8), "algorithm": algorithm}, at(c))
			if _, err := (&row{}).do(t, p.SetUp, `{"secret":"`+want[0]+`","token":"`+want[1]+`"}`); err != nil {
				t.Errorf("%s at %d: %v", algorithm, v.at, err)
			}
		}
	}
}

func TestTOTPSetUpsThatAreRefused(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	p, good := open(t, nil, "mfa", totpOnly, at(c)), passwordAt(t, c.Now())
	for d, message := range map[string]string{
		`{}`:                                  "Invalid MFA data",
		`{"secret":"` + mfaSecret + `"}`:      "Invalid MFA data",
		`{"token":"` + good + `"}`:            "Invalid MFA data",
		`{"secret":5,"token":"` + good + `"}`: "Invalid MFA data",
		`{"secret":"GEZDGNBVGY3TQOJQGEZ","token":"` + good + `"}`:                    "Invalid MFA data", // 19 characters
		`{"secret":"11111111111111111111111111111111","token":"000000"}`:             "Invalid MFA data",
		`{"secret":"` + strings.Repeat("A", 300) + `","token":"000000"}`:             "Invalid MFA data",
		`{"secret":"` + mfaSecret + `","token":"000000"}`:                            "Invalid MFA token",
		`{"secret":"` + mfaSecret + `","token":""}`:                                  "Invalid MFA data",
		`{"secret":"` + mfaSecret + `","token":{"$ne":""}}`:                          "Invalid MFA token",
		`{"secret":"` + mfaSecret + `","token":` + strings.TrimLeft(good, "0") + `}`: "Invalid MFA token",
		`{"mobile":"+15550100200"}`:                                                  "Invalid MFA data", // SMS is not among the options
	} {
		_, err := (&row{}).do(t, p.SetUp, d)
		refused(t, err, parse.ScriptFailed, message)
	}
	for _, secret := range []string{strings.ToLower(mfaSecret), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", mfaSecret + "===="} {
		if _, err := (&row{}).do(t, p.SetUp, `{"secret":"`+secret+`","token":"`+good+`"}`); err != nil {
			t.Errorf("%s: %v", secret, err)
		}
	}
}

func TestTOTPWindowAndReplay(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)} // the middle of a step
	for ahead, ok := range map[time.Duration]bool{-60 * time.Second: false, -30 * time.Second: true, 0: true, 30 * time.Second: true, 60 * time.Second: false} {
		p, r, _ := withTOTP(t, c)
		if _, err := r.do(t, p.LogIn, token(passwordAt(t, c.Now().Add(ahead)))); (err == nil) != ok {
			t.Errorf("a clock %s ahead: %v", ahead, err)
		}
	}
	p, r, _ := withTOTP(t, c)
	now := passwordAt(t, c.Now())
	if _, err := r.do(t, p.LogIn, token(now)); err != nil {
		t.Fatal(err)
	}
	_, err := r.do(t, p.LogIn, token(now))
	refused(t, err, parse.ScriptFailed, "Invalid MFA token")
	_, err = r.do(t, p.LogIn, token(passwordAt(t, c.Now().Add(-30*time.Second))))
	refused(t, err, parse.ScriptFailed, "Invalid MFA token") // one of before
	if _, err := r.do(t, p.LogIn, token(passwordAt(t, c.Now().Add(30*time.Second)))); err != nil {
		t.Errorf("the next one: %v", err)
	}

	// Fifty who bring the same one at the same time.
	p, r, _ = withTOTP(t, c)
	if n := many(50, func() error { _, err := r.do(t, p.LogIn, token(now)); return err }); n != 1 {
		t.Errorf("one password logged in %d times", n)
	}
}

// many counts how many of n that run at once succeed.
func many(n int, f func() error) (succeeded int) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	for range n {
		wait.Go(func() {
			if f() == nil {
				mu.Lock()
				defer mu.Unlock()
				succeeded++
			}
		})
	}
	wait.Wait()
	return succeeded
}

// A recovery code is good once.
func TestAdvisory_C09_RecoveryCodesAreUsedUp(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	p, r, codes := withTOTP(t, c)
	for i, code := range codes {
		if _, err := r.do(t, p.LogIn, token(code)); err != nil {
			t.Errorf("code %d: %v", i, err)
		}
		_, err := r.do(t, p.LogIn, token(code))
		refused(t, err, parse.ScriptFailed, "Invalid MFA token")
	}
	if shown := written(t, p.Show(r.read())); shown != `{"status":"enabled"}` {
		t.Errorf("without codes it is %s", shown)
	}

	// Codes that Parse Server has stored are good, and what is stored of Loam's is none.
	old := &row{stored: data(t, `{"secret":"`+mfaSecret+`","recovery":["Bcj8H7m2Z2lp2FN0ZlaHRRUIp4vFVy","iVtPBYDjSRL2b4skbmgm160eghteJO"]}`)}
	if _, err := old.do(t, p.LogIn, token("iVtPBYDjSRL2b4skbmgm160eghteJO")); err != nil || written(t, old.read()) != `{"recovery":["Bcj8H7m2Z2lp2FN0ZlaHRRUIp4vFVy"],"secret":"`+mfaSecret+`"}` {
		t.Errorf("%s %v", written(t, old.read()), err)
	}
	p, r, _ = withTOTP(t, c)
	v, _ := r.read().Get("recovery")
	_, err := r.do(t, p.LogIn, token(string(v.(parse.Array)[0].(parse.String))))
	refused(t, err, parse.ScriptFailed, "Invalid MFA token")
	old = &row{stored: data(t, `{"secret":"`+mfaSecret+`","recovery":["",5,null,{"a":1}]}`)}
	for _, d := range []string{`{"token":""}`, `{"token":5}`, `{"token":null}`, `{"token":{"a":1}}`, `{"recovery":""}`} {
		_, err := old.do(t, p.LogIn, d, func(c *provider.Check) { c.UserID = d })
		refused(t, err, parse.ScriptFailed, "Invalid MFA token")
	}
}

// Fifty who bring the same code at the same time are one.
func TestAdvisory_C10_RecoveryCodesLogInOnceAtATime(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	p, r, codes := withTOTP(t, c)
	if n := many(50, func() error { _, err := r.do(t, p.LogIn, token(codes[0])); return err }); n != 1 {
		t.Errorf("one code logged in %d times", n)
	}
}

// An update needs the present factor, and uses its code up as well.
func TestAdvisory_C11_RecoveryCodesAreUsedUpByUpdates(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	p, r, codes := withTOTP(t, c)
	update := `{"secret":"` + mfaSecret + `","token":"` + passwordAt(t, c.Now()) + `","old":"` + codes[0] + `"}`
	if n := many(50, func() error { _, err := r.do(t, p.Update, update); return err }); n != 1 {
		t.Errorf("one code changed the factor %d times", n)
	}
	c.add(10 * time.Minute) // those who came too late have guessed wrong
	_, err := r.do(t, p.Update, update)
	refused(t, err, parse.ScriptFailed, "Invalid MFA token")
}

func TestTheFactorIsChangedByWhoHasIt(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	good := passwordAt(t, c.Now())
	for d, message := range map[string]string{
		`{}`:                   "Invalid MFA token",
		`{"status":"enabled"}`: "Invalid MFA token",
		token(good):            "Invalid MFA token",
		`{"secret":"` + mfaSecret + `","token":"` + good + `"}`:                "Invalid MFA token",
		`{"secret":"` + mfaSecret + `","token":"` + good + `","old":"000000"}`: "Invalid MFA token",
		`{"old":"` + good + `"}`: "Invalid MFA data",
		`{"secret":"` + mfaSecret + `","token":"` + good + `","old":"` + good + `"}`: "",
	} {
		p, r, _ := withTOTP(t, c)
		response, err := r.do(t, p.Update, d)
		if message == "" {
			if _, ok := response.Get("recovery"); err != nil || !ok {
				t.Errorf("%s: %v", d, err)
			}
			continue
		}
		refused(t, err, parse.ScriptFailed, message)
	}
	p, r, _ := withTOTP(t, c)
	_, err := r.do(t, p.Update, `{"secret":"ABC"}`, func(c *provider.Check) { c.Master = true })
	if err != nil || written(t, r.read()) != `{"secret":"ABC"}` {
		t.Errorf("the master key: %s %v", written(t, r.read()), err)
	}
}

func TestGuessesAreBounded(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	p, r, codes := withTOTP(t, c)
	const many = "Too many wrong MFA tokens; try again later"
	for range 5 {
		_, err := r.do(t, p.LogIn, token("000000"))
		refused(t, err, parse.ScriptFailed, "Invalid MFA token")
	}
	for _, guess := range []string{"000000", passwordAt(t, c.Now()), codes[0]} {
		_, err := r.do(t, p.LogIn, token(guess))
		refused(t, err, parse.ScriptFailed, many)
		_, err = r.do(t, p.Update, `{"secret":"`+mfaSecret+`","token":"`+guess+`","old":"`+guess+`"}`)
		refused(t, err, parse.ScriptFailed, many)
	}
	if _, err := r.do(t, p.LogIn, token(passwordAt(t, c.Now())), func(c *provider.Check) { c.UserID = "user-2" }); err != nil {
		t.Errorf("another user: %v", err)
	}
	c.add(10 * time.Minute)
	if _, err := r.do(t, p.LogIn, token(passwordAt(t, c.Now()))); err != nil {
		t.Errorf("later: %v", err)
	}

	// Who guesses right is not counted, and who guesses at once gets no more.
	for range 20 {
		c.add(30 * time.Second)
		if _, err := r.do(t, p.LogIn, token(passwordAt(t, c.Now()))); err != nil {
			t.Fatalf("one of twenty log-ins: %v", err)
		}
	}
	var mu sync.Mutex
	tried := 0
	_ = manyGuesses(100, func() {
		if _, err := r.do(t, p.LogIn, token("000000")); err.(*parse.Error).Message != many {
			mu.Lock()
			defer mu.Unlock()
			tried++
		}
	})
	if tried != 5 {
		t.Errorf("a hundred at once got %d guesses", tried)
	}
}

func manyGuesses(n int, f func()) int { return many(n, func() error { f(); return nil }) }

func TestMFAOptions(t *testing.T) {
	twilio := options{"driver": "twilio", "accountSid": "AC1", "authToken": "t", "from": "+15550100100"}
	for says, o := range map[string]options{
		"auth.mfa.options is missing":          {},
		"options must be a list":               {"options": "TOTP"},
		"options must include SMS or TOTP":     {"options": []any{"X"}},
		"digits must be a whole":               {"options": []any{"TOTP"}, "digits": int64(3)},
		"from 4 to 10":                         {"options": []any{"TOTP"}, "digits": int64(11)},
		"period must be a whole":               {"options": []any{"TOTP"}, "period": int64(10)},
		"algorithm must be SHA1":               {"options": []any{"TOTP"}, "algorithm": "MD4"},
		"auth.mfa.sms is missing":              {"options": []any{"SMS"}},
		"sendSMS is a JavaScript":              {"options": []any{"SMS"}, "sendSMS": "x"},
		"sms.driver is missing":                {"options": []any{"SMS"}, "sms": options{}},
		"sms.driver must be twilio, sns":       {"options": []any{"SMS"}, "sms": options{"driver": "pigeon"}},
		"sms.authToken is missing":             {"options": []any{"SMS"}, "sms": options{"driver": "twilio"}},
		"sms.secretAccessKey is missing":       {"options": []any{"SMS"}, "sms": options{"driver": "sns", "region": "r"}},
		"sms.url is missing":                   {"options": []any{"SMS"}, "sms": options{"driver": "webhook", "secret": hookSecret}},
		"sms.secret must be at least 24 bytes": {"options": []any{"SMS"}, "sms": options{"driver": "webhook", "url": "https://a.example", "secret": "short"}},
		"sms.text must hold {{token}}":         {"options": []any{"SMS"}, "sms": merged(twilio, options{"text": "hello"})},
		"sms.url must begin with https":        {"options": []any{"SMS"}, "sms": merged(twilio, options{"url": "http://a.example"})},
		"sms.region is no option of it":        {"options": []any{"SMS"}, "sms": merged(twilio, options{"region": "r"})},
	} {
		_, err := provider.Open(map[string]map[string]any{"mfa": o}, provider.Env{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v does not say %q", o, err, says)
		}
	}
}

func merged(a, b options) options {
	a = maps.Clone(a)
	maps.Copy(a, b)
	return a
}

// phones is a gateway that keeps what it is to send.
type phones struct {
	mu   sync.Mutex
	sent []map[string]string
	fail bool
}

func newPhones(t *testing.T, o options, c *clock) (*phones, provider.Provider) {
	n, ph := providertest.NewInternet(t), &phones{}
	n.HandleFunc("sms.example", func(w http.ResponseWriter, r *http.Request) {
		ph.mu.Lock()
		defer ph.mu.Unlock()
		var m map[string]string
		if ph.fail || json.NewDecoder(r.Body).Decode(&m) != nil {
			http.Error(w, "not today", http.StatusServiceUnavailable)
			return
		}
		ph.sent = append(ph.sent, m)
	})
	all := merged(options{"options": []any{"SMS", "TOTP"}, "sms": options{"driver": "webhook", "url": "https://sms.example/", "secret": hookSecret, "text": "{{token}} is yours"}}, o)
	return ph, open(t, n, "mfa", all, at(c))
}

// last is the token that was sent last, and to whom.
func (p *phones) last(t *testing.T) (token, to string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sent) == 0 {
		t.Fatal("nothing was sent")
	}
	m := p.sent[len(p.sent)-1]
	token, ok := strings.CutSuffix(m["text"], " is yours")
	if !ok {
		t.Fatalf("sent %q", m)
	}
	return token, m["to"]
}

func (p *phones) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

// withSMS is a user who has set up a number.
func withSMS(t *testing.T, o options, c *clock) (*phones, provider.Provider, *row) {
	t.Helper()
	ph, p := newPhones(t, o, c)
	r := &row{}
	if _, err := r.do(t, p.SetUp, `{"mobile":"+15550100200"}`); err != nil {
		t.Fatal(err)
	}
	sent, to := ph.last(t)
	if to != "+15550100200" {
		t.Fatalf("sent to %s", to)
	}
	if _, err := r.do(t, p.Update, `{"mobile":"+15550100200","token":"`+sent+`"}`); err != nil {
		t.Fatal(err)
	}
	return ph, p, r
}

func TestSMSIsSetUpAndAskedFor(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	ph, p := newPhones(t, options{"digits": int64(8)}, c)
	r := &row{}
	for _, d := range []string{`{"mobile":""}`, `{"mobile":5}`, `{"mobile":"5550100200"}`, `{"mobile":"+1555,+1666"}`, `{"mobile":{"a":1}}`, `{"mobile":null}`} {
		_, err := r.do(t, p.SetUp, d)
		refused(t, err, parse.ScriptFailed, "Invalid MFA data")
	}
	if _, err := r.do(t, p.SetUp, `{"mobile":"+15550100200"}`); err != nil {
		t.Fatal(err)
	}
	sent, _ := ph.last(t)
	if !regexp.MustCompile(`^[0-9]{8}$`).MatchString(sent) {
		t.Errorf("sent %q", sent)
	}
	if shown := written(t, p.Show(r.read())); shown != `{"status":"disabled"}` {
		t.Errorf("a number that is pending is %s", shown)
	}
	if _, err := r.do(t, p.LogIn, `{"token":"x"}`); err != nil {
		t.Errorf("nothing is asked for yet: %v", err)
	}
	for d, message := range map[string]string{
		`{"mobile":"+15550100200","token":"00000000"}`:     "Invalid MFA token",
		`{"mobile":"+15550100201","token":"` + sent + `"}`: "This number is not pending",
		`{"mobile":"pending","token":"` + sent + `"}`:      "This number is not pending",
		`{"mobile":5,"token":"` + sent + `"}`:              "This number is not pending",
	} {
		_, err := r.do(t, p.Update, d)
		refused(t, err, parse.ScriptFailed, message)
	}
	if _, err := r.do(t, p.Update, `{"mobile":"+15550100200","token":"`+sent+`"}`); err != nil {
		t.Fatal(err)
	}
	if got := written(t, r.read()); got != `{"mobile":"+15550100200","pending":{"Members":null}}` {
		t.Errorf("stored %s", got)
	}
	_, err := r.do(t, p.Update, `{"mobile":"+15550100201"}`)
	refused(t, err, parse.ScriptFailed, "MFA is already set up on this account")

	_, err = r.do(t, p.LogIn, token(sent))
	refused(t, err, parse.ScriptFailed, "Invalid MFA token 1")
	_, err = r.do(t, p.LogIn, `{}`)
	refused(t, err, parse.ScriptFailed, "Invalid MFA token 1")
	_, err = r.do(t, p.LogIn, `{"token":"request"}`)
	refused(t, err, parse.ScriptFailed, "Please enter the token")
	next, _ := ph.last(t)
	if _, err := r.do(t, p.LogIn, token(next)); err != nil {
		t.Error(err)
	}
	if got := written(t, r.read()); strings.Contains(got, next) || strings.Contains(got, "expiry") {
		t.Errorf("stored %s", got)
	}
}

// A token that was sent is good once.
func TestAdvisory_C12_TokensBySMSLogInOnce(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	ph, p, r := withSMS(t, nil, c)
	_, err := r.do(t, p.LogIn, `{"token":"request"}`)
	refused(t, err, parse.ScriptFailed, "Please enter the token")
	sent, _ := ph.last(t)
	if n := many(50, func() error { _, err := r.do(t, p.LogIn, token(sent)); return err }); n != 1 {
		t.Errorf("one token logged in %d times", n)
	}
	_, err = r.do(t, p.LogIn, token(sent), func(c *provider.Check) { c.UserID = "user-2" })
	refused(t, err, parse.ScriptFailed, "Invalid MFA token 1")
}

func TestTokensBySMSEnd(t *testing.T) {
	for validity, o := range map[time.Duration]options{30 * time.Second: nil, time.Minute: {"period": int64(60)}, 5 * time.Minute: {"smsValidity": int64(300)}} {
		c := &clock{now: time.Unix(1700000010, 0)}
		ph, p, r := withSMS(t, o, c)
		for _, late := range []bool{false, true} {
			_, err := r.do(t, p.LogIn, `{"token":"request"}`)
			refused(t, err, parse.ScriptFailed, "Please enter the token")
			sent, _ := ph.last(t)
			c.add(validity - time.Second)
			if late {
				c.add(time.Second)
			}
			if _, err := r.do(t, p.LogIn, token(sent)); (err != nil) != late {
				t.Errorf("after %s, late %t: %v", validity, late, err)
			}
		}
	}
	// What Parse Server has stored of them: a date in text.
	c := &clock{now: time.Date(2026, 11, 25, 13, 52, 0, 0, time.UTC)}
	_, p := newPhones(t, nil, c)
	for expiry, ok := range map[string]bool{"2026-11-25T13:52:28.733Z": true, "2026-11-25T13:51:28.733Z": false, "soon": false, "": false} {
		r := &row{stored: data(t, `{"pending":{"+15555555555":{"token":"694802","expiry":"`+expiry+`"}}}`)}
		if _, err := r.do(t, p.Update, `{"mobile":"+15555555555","token":"694802"}`); (err == nil) != ok {
			t.Errorf("until %q: %v", expiry, err)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	ph, p, r := withSMS(t, nil, c)
	const many = "Too many MFA tokens were sent; try again later"
	for range 3 {
		_, err := r.do(t, p.LogIn, `{"token":"request"}`)
		refused(t, err, parse.ScriptFailed, "Please enter the token")
	}
	before := ph.count()
	_, err := r.do(t, p.LogIn, `{"token":"request"}`)
	refused(t, err, parse.ScriptFailed, many)
	for i := range 5 { // sign-ups, with somebody's number
		_, err = (&row{}).do(t, p.SetUp, `{"mobile":"+15550100200"}`, func(c *provider.Check) { c.UserID = "" })
		if i > 1 {
			refused(t, err, parse.ScriptFailed, many)
		}
	}
	if sent := ph.count() - before; sent != 2 {
		t.Errorf("%d more messages were sent", sent)
	}
	c.add(10 * time.Minute)
	_, err = r.do(t, p.LogIn, `{"token":"request"}`)
	refused(t, err, parse.ScriptFailed, "Please enter the token")

	ph.mu.Lock()
	ph.fail = true
	ph.mu.Unlock()
	stored := r.read()
	_, err = r.do(t, p.LogIn, `{"token":"request"}`)
	refused(t, err, parse.ScriptFailed, "Failed to send MFA token")
	if r.read() != stored {
		t.Error("a token is stored that was not sent")
	}
}

func TestAPendingNumberDoesNotStandInTheWay(t *testing.T) {
	c := &clock{now: time.Unix(1700000010, 0)}
	ph, p := newPhones(t, nil, c)
	r := &row{}
	if _, err := r.do(t, p.SetUp, `{"mobile":"+15550100200"}`); err != nil {
		t.Fatal(err)
	}
	c.add(time.Hour)
	if _, err := r.do(t, p.Update, `{"mobile":"+15550100201"}`); err != nil {
		t.Fatalf("another number: %v", err)
	}
	if _, to := ph.last(t); to != "+15550100201" {
		t.Errorf("sent to %s", to)
	}
	if _, err := r.do(t, p.Update, `{"secret":"`+mfaSecret+`","token":"`+passwordAt(t, c.Now())+`"}`); err != nil {
		t.Errorf("TOTP instead: %v", err)
	}
}
