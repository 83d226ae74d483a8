package account

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// PasswordPolicy is what passwords must be like. The fields carry the meaning of
// Parse Server's option passwordPolicy.
type PasswordPolicy struct {
	// Pattern is a regular expression that they must match; "" is none.
	Pattern string
	// Error is what the user is told of one that won't do; "" is a general word.
	Error string
	// NoUsername says that they may not hold the username.
	NoUsername bool
	// MaxAge is the days after which one must be changed; 0 is never.
	MaxAge int
	// History is how many passwords in a row must differ; 0 is no number.
	History int
}

// The stored fields of the policy.
const (
	hashedPassword    = "_hashed_password"
	passwordChangedAt = "_password_changed_at"
	passwordHistory   = "_password_history"
)

var (
	errPasswordHasName = parse.NewError(parse.ValidationError, "Password cannot contain your username.")
	errPasswordExpired = parse.NewError(parse.ObjectNotFound, "Your password has expired. Please reset your password.")
)

// pattern is a regular expression for texts. It is the store's, which takes linear
// time whatever the text.
type pattern struct{ matcher *match.Matcher }

func compilePattern(expression string) (pattern, error) {
	if expression == "" {
		return pattern{}, nil
	}
	m, err := match.Compile(bson.D{{Key: "text", Value: bson.Regex{Pattern: expression}}})
	if err != nil {
		return pattern{}, fmt.Errorf("passwordPolicy.validatorPattern: %w", err)
	}
	return pattern{m}, nil
}

// matches tells whether a text matches; every one does where there is no pattern.
func (p pattern) matches(text string) bool {
	if p.matcher == nil {
		return true
	}
	doc, err := bson.Marshal(bson.D{{Key: "text", Value: text}})
	return err == nil && p.matcher.Match(doc)
}

// checkPassword refuses a new password that the policy does not allow.
func (s *Service) checkPassword(ctx context.Context, d *engine.Draft, password string) error {
	policy := &s.Password
	if !s.pattern.matches(password) {
		message := policy.Error
		if message == "" {
			message = "Password does not meet the Password Policy requirements."
		}
		return parse.NewError(parse.ValidationError, message)
	}
	if policy.NoUsername {
		name, _ := text(d.Body, "username")
		if name == "" {
			name, _ = d.Current.Lookup("username").StringValueOK()
		}
		if name != "" && strings.Contains(password, name) {
			return errPasswordHasName
		}
	}
	if policy.History == 0 || d.Creating {
		return nil
	}
	for _, hash := range s.hashes(d.Current) {
		same, err := s.passwords.verify(ctx, hash, password)
		if err != nil {
			return err
		}
		if same {
			return parse.Errorf(parse.ValidationError, "New password should not be the same as last %d passwords.", policy.History)
		}
	}
	return nil
}

// hashes are those of the user's last passwords, as many as must differ from a new
// one, the present one last.
func (s *Service) hashes(user bson.Raw) []string {
	var hashes []string
	if list, ok := user.Lookup(passwordHistory).ArrayOK(); ok {
		values, _ := list.Values()
		for _, v := range values {
			if hash, ok := v.StringValueOK(); ok {
				hashes = append(hashes, hash)
			}
		}
	}
	if hash, ok := user.Lookup(hashedPassword).StringValueOK(); ok {
		hashes = append(hashes, hash)
	}
	return hashes[max(0, len(hashes)-s.Password.History):]
}

// remember adds to a draft of a new user, or with a new password, what the policy
// keeps of it.
func (s *Service) remember(d *engine.Draft, changes bool) {
	if s.Password.MaxAge > 0 && (changes || d.Creating) {
		d.Stored = append(d.Stored, bson.E{Key: passwordChangedAt, Value: bson.NewDateTimeFromTime(s.Now())})
	}
	if s.Password.History == 0 || d.Creating || !changes {
		return
	}
	hashes := s.hashes(d.Current)
	kept := bson.A{}
	for _, hash := range hashes[max(0, len(hashes)-max(1, s.Password.History-1)):] {
		kept = append(kept, hash)
	}
	d.Stored = append(d.Stored, bson.E{Key: passwordHistory, Value: kept})
	// It was compared with the password that this one follows.
	d.Condition = append(d.Condition, bson.E{Key: hashedPassword, Value: present(d.Current, hashedPassword)})
	if d.Unmet == nil {
		d.Unmet = parse.NewError(parse.ValidationError, "The password was changed meanwhile.")
	}
}

// present is a text of a row as a filter wants it, nil if there is none.
func present(row bson.Raw, field string) any {
	if s, ok := row.Lookup(field).StringValueOK(); ok {
		return s
	}
	return nil
}

// checkAge refuses the log-in with a password that is too old. Of one that is
// older than the policy, the age counts from now on.
func (s *Service) checkAge(ctx context.Context, user bson.Raw) error {
	if s.Password.MaxAge == 0 {
		return nil
	}
	now := s.Now()
	changed, ok := user.Lookup(passwordChangedAt).DateTimeOK()
	if !ok {
		_, err := s.Engine.Store.Update(ctx, userClass, store.Update{
			Filter: bson.D{{Key: "_id", Value: idOf(user)}, {Key: passwordChangedAt, Value: nil}},
			Change: bson.D{{Key: "$set", Value: bson.D{{Key: passwordChangedAt, Value: bson.NewDateTimeFromTime(now)}}}},
		})
		return err
	}
	if time.UnixMilli(changed).AddDate(0, 0, s.Password.MaxAge).Before(now) {
		return errPasswordExpired
	}
	return nil
}
