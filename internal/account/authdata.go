package account

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/store"
)

var (
	errUnsupported   = parse.NewError(parse.UnsupportedService, "This authentication method is unsupported.")
	errAlreadyLinked = parse.NewError(parse.AccountAlreadyLinked, "this auth is already used")
	// errUsedUp is a proof that was good once, and another request was first (root
	// cause R6).
	errUsedUp = parse.NewError(parse.ScriptFailed, "Invalid auth data")
)

// Shown is what users see of their own authData: what its provider shows, and all
// of a provider that the app has no more.
func Shown(providers map[string]provider.Provider) func(name string, data *parse.Object) *parse.Object {
	return func(name string, data *parse.Object) *parse.Object {
		if p := providers[name]; p != nil {
			return p.Show(data)
		}
		return data
	}
}

// proof is what a client sent as authData of one provider.
type proof struct {
	name     string
	provider provider.Provider
	// data is nil where the user is to be without the provider.
	data *parse.Object
}

// proofs are those of one request, by the names of their providers.
type proofs []proof

// proofsOf takes authData apart. A provider that the app does not have is refused
// here, before anybody is looked up by it (advisory C08), and what is no object
// is nobody's proof (root cause R3).
func (s *Service) proofsOf(authData *parse.Object) (proofs, error) {
	list := make(proofs, 0, len(authData.Members))
	for _, m := range authData.Members {
		p := proof{name: m.Key, provider: s.Providers[m.Key]}
		switch data := m.Value.(type) {
		case parse.Null:
			if !providerName(m.Key) {
				return nil, errUnsupported
			}
			list = append(list, p)
			continue
		case *parse.Object:
			p.data = data
		}
		if p.provider == nil || p.data == nil {
			return nil, errUnsupported
		}
		// One without anything is none (advisory C06), but for a second factor: there
		// it is a wrong one.
		if len(p.data.Members) > 0 || p.provider.Policy() == provider.Additional {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b proof) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// providerName tells whether a name can be a provider's, of which a user may be
// rid though the app has it no more.
func providerName(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	}) < 0
}

// origin is how a session came to be that is opened with these proofs; without
// any, it is other.
func (list proofs) origin(other origin) origin {
	if len(list) == 0 {
		return other
	}
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.name
	}
	return origin{loggingIn, strings.Join(names, ",")}
}

// exchange lets the providers turn what was sent into what tells who it is.
func (list proofs) exchange(ctx context.Context) error {
	for i, p := range list {
		if p.data == nil {
			continue
		}
		if v, has := p.data.Get("id"); has && !falsy(v) && !isText(v) { // advisory C05
			return invalidID(p.name)
		}
		data, err := p.provider.Exchange(ctx, p.data)
		if err != nil {
			return providerError(err)
		}
		list[i].data = data
	}
	return nil
}

// holders finds the users of whom somebody has a proof: two at most, as who has
// proofs of two is refused anyway.
func (s *Service) holders(ctx context.Context, c engine.Caller, list proofs) ([]bson.Raw, error) {
	var ids bson.A
	for _, p := range list {
		if p.data == nil {
			continue
		}
		v, has := p.data.Get("id")
		if !has || falsy(v) {
			continue
		}
		id, ok := v.(parse.String)
		if !ok { // it would be compared as what it is (advisory C05)
			return nil, invalidID(p.name)
		}
		ids = append(ids, bson.D{{Key: parse.AuthDataName(p.name) + ".id", Value: knownAs(string(id))}})
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []bson.Raw
	find := store.Find{Filter: bson.D{{Key: "$or", Value: ids}}, Limit: 2}
	err := s.Engine.Store.Find(ctx, userClass, find, func(doc bson.Raw) error {
		if c.Master() || !lockedOut(doc) {
			rows = append(rows, slices.Clone(doc))
		}
		return nil
	})
	return rows, err
}

// knownAs is what rows may have as an id: earlier versions of Parse Server stored
// the numbers of services that count their users as numbers.
func knownAs(id string) any {
	n, err := strconv.ParseInt(id, 10, 53)
	if err != nil || strconv.FormatInt(n, 10) != id {
		return id
	}
	return bson.D{{Key: "$in", Value: bson.A{id, n}}}
}

func isText(v parse.Value) bool {
	_, ok := v.(parse.String)
	return ok
}

func invalidID(provider string) error {
	return parse.Errorf(parse.InvalidValue, "Invalid authData id for provider '%s'.", provider)
}

// verdict is what the providers made of the proofs of one request.
type verdict struct {
	set   bson.D
	unset []string
	// held are the fields of which the row must still be what the providers saw,
	// and consumed tells that one of them was used up.
	held     bson.D
	consumed bool
	response *parse.Object
	// refusal is why the proofs don't hold, though there is something to store: a
	// code that was sent.
	refusal error
}

// check lets the providers judge proofs, one after the other, so that none sends
// a message for a request that another one refuses. user is the row that the
// proofs are for, nil for a new user's; own tells that the caller is that user,
// or the master.
func (list proofs) check(ctx context.Context, c engine.Caller, user bson.Raw, own bool) (*verdict, error) {
	v := &verdict{response: &parse.Object{}}
	for _, p := range list {
		field := parse.AuthDataName(p.name)
		if p.data == nil {
			v.unset = append(v.unset, field)
			continue
		}
		check := provider.Check{Data: p.data, UserID: idOf(user), Master: c.Master()}
		stored, found := user.Lookup(field).DocumentOK()
		var seen any
		if found {
			check.Stored, _ = parse.FromBSON(user.Lookup(field)).(*parse.Object)
			var document bson.D
			if err := bson.Unmarshal(stored, &document); err != nil {
				return nil, err
			}
			seen = document
		}
		judge := p.provider.SetUp
		switch {
		case found && own:
			judge = p.provider.Update
		case found:
			judge = p.provider.LogIn
		}
		answer, err := judge(ctx, check)
		switch {
		case err != nil && answer.Save == nil:
			return nil, providerError(err)
		case err != nil:
			return &verdict{
				set: bson.D{{Key: field, Value: parse.ToBSON(answer.Save)}}, held: bson.D{{Key: field, Value: seen}},
				consumed: true, refusal: providerError(err),
			}, nil
		}
		if answer.Response != nil {
			v.response.Set(p.name, answer.Response)
		}
		if answer.Keep {
			continue
		}
		save := p.data
		if answer.Save != nil {
			save = answer.Save
			v.consumed = v.consumed || found
		}
		if err := parse.CheckKeys(save); err != nil {
			return nil, err
		}
		if found && parse.Equal(save, check.Stored) {
			continue
		}
		v.set = append(v.set, bson.E{Key: field, Value: parse.ToBSON(save)})
		if user != nil {
			v.held = append(v.held, bson.E{Key: field, Value: seen})
		}
	}
	return v, nil
}

// providerError is what a client is told of a proof that was refused.
func providerError(err error) error {
	if _, public := errors.AsType[*parse.Error](err); public || errors.Is(err, context.Canceled) {
		return err
	}
	return parse.NewError(parse.ScriptFailed, "Auth failed. Unknown error.").WithCause(err)
}

// answer is the member in which clients get what providers say to them.
func (v *verdict) answer() parse.Member {
	return parse.Member{Key: "authDataResponse", Value: v.response}
}

// changed are the proofs without those of which a user has all already: clients
// send back what they were shown.
func (list proofs) changed(user bson.Raw) proofs {
	known := func(p proof) bool {
		stored, _ := parse.FromBSON(user.Lookup(parse.AuthDataName(p.name))).(*parse.Object)
		return stored != nil && p.data != nil && len(p.data.Members) > 0 && !slices.ContainsFunc(p.data.Members, func(m parse.Member) bool {
			v, has := stored.Get(m.Key)
			return !has || !parse.Equal(v, m.Value)
		})
	}
	return slices.DeleteFunc(slices.Clone(list), known)
}

// requireAdditional refuses the log-in of a user who has set up a provider that
// is asked besides, without its proof; one that goes alone will do instead.
func (s *Service) requireAdditional(user bson.Raw, list proofs) error {
	proves := func(name string) bool {
		return slices.ContainsFunc(list, func(p proof) bool { return p.name == name && p.data != nil })
	}
	var missing []string
	given := false
	elements, err := user.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		name, ok := strings.CutPrefix(e.Key(), parse.AuthDataName(""))
		if _, isObject := e.Value().DocumentOK(); !ok || !isObject || s.Providers[name] == nil {
			continue
		}
		switch s.Providers[name].Policy() {
		case provider.Solo:
			if proves(name) {
				return nil
			}
		case provider.Additional:
			given = given || proves(name)
			missing = append(missing, name)
		}
	}
	if given || len(missing) == 0 {
		return nil
	}
	return parse.NewError(parse.OtherCause, "Missing additional authData "+strings.Join(missing, ","))
}

// keep stores what the providers made of a log-in's proofs. A secret that was
// used up meanwhile ends the log-in; that another log-in was first to store a
// newer token does not. It returns the verdict's refusal, once that is stored.
func (s *Service) keep(ctx context.Context, user string, v *verdict) error {
	if len(v.set) == 0 && len(v.unset) == 0 {
		return nil
	}
	set := append(v.set, bson.E{Key: "_updated_at", Value: bson.NewDateTimeFromTime(s.Now())})
	change := bson.D{{Key: "$set", Value: set}}
	if len(v.unset) > 0 {
		gone := bson.D{}
		for _, field := range v.unset {
			gone = append(gone, bson.E{Key: field, Value: ""})
		}
		change = append(change, bson.E{Key: "$unset", Value: gone})
	}
	result, err := s.Engine.Store.Update(ctx, userClass, store.Update{
		Filter: append(bson.D{{Key: "_id", Value: user}}, v.held...), Change: change,
	})
	if _, duplicate := errors.AsType[*store.DuplicateKeyError](err); duplicate {
		return errAlreadyLinked.WithCause(err)
	}
	if err == nil && result.Matched == 0 && v.consumed {
		err = errUsedUp
	}
	if err == nil {
		err = v.refusal
	}
	return err
}

// prepareProofs does what a write's authData asks for. A new user whose proofs are
// those of a known one is logged in instead, and done is the answer.
func (s *Service) prepareProofs(ctx context.Context, d *engine.Draft, list proofs, did *change) (done *engine.Created, err error) {
	v, _ := d.Body.Get("authData")
	authData, _ := v.(*parse.Object)
	d.Body.Delete("authData")
	if authData == nil || len(authData.Members) == 0 {
		return nil, nil
	}
	asUser, own := d.ID, d.Caller.Master() || d.ID == d.Caller.UserID
	if d.Creating {
		asUser, own = d.Caller.UserID, false
	} else if !own {
		return nil, s.Engine.Refusal(parse.OperationForbidden, "Only users themselves change their identity providers.")
	}
	sent := slices.Clone(list)
	if !d.Creating {
		if list = list.changed(d.Current); len(list) == 0 && len(sent) > 0 {
			return nil, nil
		}
	}
	if err := list.exchange(ctx); err != nil {
		return nil, err
	}
	users, err := s.holders(ctx, d.Caller, list)
	if err != nil {
		return nil, err
	}
	if len(users) > 1 || len(users) == 1 && asUser != "" && idOf(users[0]) != asUser {
		// Who has no proof doesn't learn that there is such a user.
		if _, err := list.check(ctx, d.Caller, users[0], false); err != nil {
			return nil, err
		}
		return nil, errAlreadyLinked
	}
	if d.Creating && len(users) == 1 {
		return s.logInByProofs(ctx, d.Caller, users[0], list)
	}
	judged, err := list.check(ctx, d.Caller, d.Current, own)
	if err != nil {
		return nil, err
	}
	if judged.refusal != nil {
		return nil, s.keep(ctx, d.ID, judged)
	}
	d.Stored = append(d.Stored, judged.set...)
	d.Unset = append(d.Unset, judged.unset...)
	if len(judged.held) > 0 {
		d.Condition, d.Unmet = append(d.Condition, judged.held...), errUsedUp
	}
	d.Answer.Members = append(d.Answer.Members, judged.answer())
	did.proofs = sent
	return nil, nil
}

// logInByProofs opens a session for the user whose proofs they are.
func (s *Service) logInByProofs(ctx context.Context, c engine.Caller, user bson.Raw, list proofs) (*engine.Created, error) {
	if err := s.requireAdditional(user, list); err != nil {
		return nil, err
	}
	id, sent := idOf(user), list
	if c.UserID != "" || c.Master() {
		// Who is the user already, or anybody, proves what is new.
		list = list.changed(user)
	}
	// All others are checked, also if they say nothing new (advisory C07).
	v, err := list.check(ctx, c, user, c.UserID == id)
	if err != nil {
		return nil, err
	}
	if err := s.keep(ctx, id, v); err != nil {
		return nil, err
	}
	var result *engine.Result
	if c.UserID != "" || onServer(c) {
		result, err = s.Engine.Get(ctx, c, userClass, id, &query.Query{})
	} else {
		result, err = s.openAndShow(ctx, c, id, sent.origin(origin{}))
	}
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		result = result.With(v.answer())
	}
	return &engine.Created{Result: *result, ObjectID: id, Known: true}, nil
}
