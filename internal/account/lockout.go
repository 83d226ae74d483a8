package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// Lockout closes an account after failed log-ins. The fields carry the meaning of
// Parse Server's option accountLockout.
type Lockout struct {
	// Duration is for how many minutes it is closed.
	Duration int
	// Threshold is the number of failed log-ins that close it; 0 is none.
	Threshold int
}

// The stored fields of the lockout.
const (
	failedLogins  = "_failed_login_count"
	lockedOutTill = "_account_lockout_expires_at"
)

func (l *Lockout) refusal() error {
	return parse.Errorf(parse.ObjectNotFound,
		"Your account is locked due to multiple failed login attempts. Please try again after %d minute(s)", l.Duration)
}

// closed is a condition for users whose accounts are closed.
func (l *Lockout) closed(now time.Time) bson.D {
	return bson.D{
		{Key: lockedOutTill, Value: bson.D{{Key: "$gt", Value: bson.NewDateTimeFromTime(now)}}},
		{Key: failedLogins, Value: bson.D{{Key: "$gte", Value: int32(l.Threshold)}}},
	}
}

// countLogin lets a log-in pass, if its account is not closed, or counts that it
// failed. Each count is one atomic step, the last of which closes the account, so
// that of many who guess at the same time no more learn whether they are right than
// the threshold says (row I01).
func (s *Service) countLogin(ctx context.Context, user bson.Raw, right bool) error {
	lockout := &s.Lockout
	if lockout.Threshold == 0 || user == nil {
		return nil
	}
	now := s.Now()
	open := bson.D{{Key: "_id", Value: idOf(user)}, {Key: "$nor", Value: bson.A{lockout.closed(now)}}}
	if right {
		_, err := s.Engine.Store.FindAndUpdate(ctx, userClass, store.Update{
			Filter: open, Change: bson.D{{Key: "$set", Value: bson.D{{Key: failedLogins, Value: int32(0)}}}}}, store.After)
		if errors.Is(err, store.ErrNotFound) {
			return lockout.refusal()
		}
		return err
	}
	one := bson.E{Key: "$inc", Value: bson.D{{Key: failedLogins, Value: int32(1)}}}
	till := now.Add(time.Duration(lockout.Duration) * time.Minute)
	last := bson.D{{Key: failedLogins, Value: bson.D{{Key: "$gte", Value: int32(lockout.Threshold - 1)}}}}
	closing := store.Update{
		Filter: append(slices.Clip(open), last...),
		Change: bson.D{one, {Key: "$set", Value: bson.D{{Key: lockedOutTill, Value: bson.NewDateTimeFromTime(till)}}}},
	}
	counting := store.Update{
		Filter: bson.D{open[0], {Key: "$nor", Value: bson.A{lockout.closed(now), last}}}, Change: bson.D{one},
	}
	if lockout.Threshold == 1 { // the first one is the last, though there is no count yet
		closing.Filter = open
	}
	// Others may count between the two: then it is the last count after all.
	for _, update := range [...]store.Update{closing, counting, closing} {
		changed, err := s.Engine.Store.FindAndUpdate(ctx, userClass, update, store.After)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if count, _ := changed.Lookup(failedLogins).AsInt64OK(); count > int64(lockout.Threshold) {
			return lockout.refusal()
		}
		return nil
	}
	return lockout.refusal()
}
