package engine

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

const installationClass = "_Installation"

// Installations says what becomes of installations that turn out to be of one
// device. The fields carry the meaning of Parse Server's options of the group
// installation.
type Installations struct {
	// KeepLosers takes the id or the token that collides from the installation
	// that loses, instead of deleting it.
	KeepLosers bool
	// PreferInstallationID lets the one with the id win over the one that has the
	// device token and no id.
	PreferInstallationID bool
	// EnforceAuth leaves alone what the caller may not delete or change.
	EnforceAuth bool
}

// createInstallation makes an installation, or changes the one that the device
// has already.
func (e *Engine) createInstallation(ctx context.Context, c Caller, body *parse.Object) (*Created, error) {
	if _, _, err := e.objectID(installationClass, body); err != nil {
		return nil, err
	}
	w, err := e.settleInstallation(ctx, c, "", body)
	if err != nil {
		return nil, err
	}
	var created *Created
	if w.target == "" {
		created, err = e.create(ctx, c, installationClass, w.body)
	} else {
		w.body.Delete("objectId")
		var changed *Result
		if changed, err = e.update(ctx, c, installationClass, w.target, w.body); err == nil {
			created = &Created{Result: *changed}
		}
	}
	if err != nil {
		return nil, err
	}
	return created, w.clearLosers(ctx)
}

// updateInstallation changes an installation: the one of that id, or the one that
// the caller says it is.
func (e *Engine) updateInstallation(ctx context.Context, c Caller, id string, body *parse.Object) (*Result, error) {
	w, err := e.settleInstallation(ctx, c, id, body)
	if err != nil {
		return nil, err
	}
	changed, err := e.update(ctx, c, installationClass, w.target, w.body)
	if err != nil {
		return nil, err
	}
	return changed, w.clearLosers(ctx)
}

// installationWrite is a write to an installation under the rules by which a
// device has one row. Source: protocol.md §10, "Installation rules".
type installationWrite struct {
	engine *Engine
	caller Caller
	// target is the id of the object to change; "" makes a new one.
	target string
	body   *parse.Object
	// token, id and device are the body's deviceToken, installationId and
	// deviceType, "" when it has none; owner is the installation that the caller
	// says it is. unset are those of the three that the body empties.
	token, id, device, owner string
	unset                    []string
	// losers are the rows that lose a collision, and lost the field that they lose.
	losers bson.D
	lost   string
}

// installation is a stored one, as far as the rules look at it.
type installation struct{ objectID, id, token, device string }

// settleInstallation decides which object a write is about: that of the id, or
// for a new one ("") the one that the device has already.
func (e *Engine) settleInstallation(ctx context.Context, c Caller, objectID string, body *parse.Object) (*installationWrite, error) {
	w := &installationWrite{engine: e, caller: c, target: objectID, body: &parse.Object{Members: slices.Clone(body.Members)}}
	if err := w.readBody(); err != nil {
		return nil, err
	}
	anonymous := w.token == "" && w.owner == ""
	if objectID == "" {
		switch {
		case !anonymous:
			return w, w.settle(ctx, nil)
		case !c.mayWriteAsMaster():
			return nil, parse.NewError(parse.MissingDeviceField, "at least one ID field (deviceToken, installationId) must be specified in this operation")
		case w.device == "":
			return nil, errNoDeviceType
		}
		return w, nil
	}
	if anonymous && w.device == "" && len(w.unset) == 0 {
		return w, nil
	}
	own, err := w.own(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.checkChange(own); err != nil || anonymous {
		return w, err
	}
	return w, w.settle(ctx, own)
}

var errNoDeviceType = parse.NewError(parse.MissingDeviceField, "deviceType must be specified in this operation")

// readBody reads the fields that the rules are about, and writes ids in the form
// in which they are compared: in small letters, as are the tokens of Apple's
// devices, which have 64 characters.
func (w *installationWrite) readBody() error {
	for _, f := range []struct {
		name string
		text *string
	}{{"deviceToken", &w.token}, {"installationId", &w.id}, {"deviceType", &w.device}} {
		v, ok := w.body.Get(f.name)
		if !ok {
			continue
		}
		t, err := parse.TypeOf(v)
		if err == nil && t.Kind != parse.KindString && t.Kind != parse.KindInvalid {
			err = parse.Errorf(parse.IncorrectType, "schema mismatch for %s.%s; expected String but got %s", installationClass, f.name, t)
		}
		if err != nil {
			return err
		}
		text, _ := v.(parse.String)
		if *f.text = string(text); text == "" {
			w.unset = append(w.unset, f.name)
		}
	}
	if len(w.token) == 64 {
		w.token = strings.ToLower(w.token)
		w.body.Set("deviceToken", parse.String(w.token))
	}
	if w.id != "" {
		w.id = strings.ToLower(w.id)
		w.body.Set("installationId", parse.String(w.id))
	}
	w.owner = w.id
	if w.owner == "" && !w.caller.mayWriteAsMaster() {
		w.owner = strings.ToLower(w.caller.InstallationID)
	}
	return nil
}

// own is the installation that an update names, if the caller may change it.
func (w *installationWrite) own(ctx context.Context) (*installation, error) {
	class, err := w.engine.class(ctx, installationClass)
	if err != nil {
		return nil, err
	}
	filter := bson.D{{Key: "_id", Value: w.target}}
	if class != nil {
		owners, err := w.engine.permit(w.caller, class, schema.OpUpdate)
		if err != nil {
			return nil, err
		}
		filter = and(filter, owners)
	}
	found, err := w.engine.installations(ctx, writable(filter, w.caller), 1)
	if err == nil && len(found) == 0 {
		err = parse.NewError(parse.ObjectNotFound, "Object not found for update.")
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

// checkChange refuses to make an installation another one: its id and its type
// stay, and its token too, if it has no id to be known by.
func (w *installationWrite) checkChange(own *installation) error {
	changes := func(name, is, will string) bool {
		return is != "" && (slices.Contains(w.unset, name) || will != "" && will != is)
	}
	for _, f := range []struct {
		name  string
		wrong bool
	}{
		{"installationId", changes("installationId", own.id, w.id)},
		{"deviceToken", changes("deviceToken", own.token, w.token) && w.id == "" && own.id == ""},
		{"deviceType", changes("deviceType", own.device, w.device) || own.device == "" && w.device != ""},
	} {
		if f.wrong {
			return parse.NewError(parse.ImmutableDeviceField, f.name+" may not be changed in this operation")
		}
	}
	return nil
}

// settle finds the rows with the token and with the caller's id, and says which
// of them stays. own is the one that an update names, nil for a new one.
func (w *installationWrite) settle(ctx context.Context, own *installation) error {
	var named, withToken []installation
	var err error
	if w.owner != "" {
		if named, err = w.engine.installations(ctx, bson.D{{Key: "installationId", Value: w.owner}}, 1); err != nil {
			return err
		}
	}
	if w.token != "" {
		// Whether there is one, or more, is all that counts.
		if withToken, err = w.engine.installations(ctx, bson.D{{Key: "deviceToken", Value: w.token}}, 2); err != nil {
			return err
		}
	}
	if len(named) > 0 {
		own = &named[0]
	}
	if own != nil {
		w.keep(own, withToken)
		return nil
	}
	if w.device == "" {
		return errNoDeviceType
	}
	switch {
	case len(withToken) == 0:
	case len(withToken) == 1 && (withToken[0].id == "" || w.owner == ""):
		w.target = withToken[0].objectID
	case w.id == "":
		return parse.NewError(parse.InstallationIDRequired, "Must specify installationId when deviceToken matches multiple Installation objects")
	default:
		w.takeToken(bson.E{Key: "installationId", Value: bson.D{{Key: "$ne", Value: w.id}}})
	}
	return nil
}

// keep makes the write one to a row that is there, and settles whose the token is.
func (w *installationWrite) keep(own *installation, withToken []installation) {
	w.target = own.objectID
	if len(withToken) == 1 && withToken[0].id == "" {
		// The row that has nothing but the token is of the same device.
		winner, loser := withToken[0].objectID, own.objectID
		w.lost = "installationId"
		if w.engine.Installations.PreferInstallationID {
			winner, loser = loser, winner
			w.lost = "deviceToken"
		}
		if w.target = winner; winner != loser {
			w.losers = bson.D{{Key: "_id", Value: loser}}
		}
		return
	}
	if w.token == "" || w.token == own.token {
		return
	}
	named, _ := w.body.Get("objectId")
	switch {
	case w.id != "":
		w.takeToken(bson.E{Key: "installationId", Value: bson.D{{Key: "$ne", Value: w.id}}})
	case named == parse.String(own.objectID):
		w.takeToken(bson.E{Key: "_id", Value: bson.D{{Key: "$ne", Value: own.objectID}}})
	}
}

// takeToken takes the token from all rows that satisfy the condition, or from
// those of the same app when the body names one: a device may have several.
func (w *installationWrite) takeToken(condition bson.E) {
	w.lost = "deviceToken"
	w.losers = bson.D{{Key: "deviceToken", Value: w.token}, condition}
	if app, ok := w.body.Get("appIdentifier"); ok && !emptyValue(app) {
		w.losers = append(w.losers, bson.E{Key: "appIdentifier", Value: parse.ToBSON(app)})
	}
}

// clearLosers deletes the rows that lost, or takes from them what they lost. It
// comes after the write, so that nothing is lost when that is refused.
func (w *installationWrite) clearLosers(ctx context.Context) error {
	if w.losers == nil {
		return nil
	}
	e, filter := w.engine, w.losers
	if e.Installations.EnforceAuth {
		class, err := e.class(ctx, installationClass)
		if err != nil {
			return err
		}
		op := schema.OpDelete
		if e.Installations.KeepLosers {
			op = schema.OpUpdate
		}
		owners, err := e.permit(w.caller, class, op)
		if err != nil {
			e.Logger.WarnContext(ctx, "an installation keeps what another one has taken over, since the caller may not change it", "field", w.lost, "error", err)
			return nil
		}
		filter = writable(and(filter, owners), w.caller)
	}
	var err error
	if e.Installations.KeepLosers {
		_, err = e.Store.Update(ctx, installationClass, store.Update{Filter: filter, Many: true, Change: bson.D{
			{Key: "$unset", Value: bson.D{{Key: w.lost, Value: ""}}},
			{Key: "$set", Value: bson.D{{Key: "_updated_at", Value: bson.DateTime(parse.DateOf(e.Now()))}}},
		}})
	} else {
		_, err = e.Store.Delete(ctx, installationClass, filter, true)
	}
	return storeError(err)
}

// installations finds the installations that satisfy a filter.
func (e *Engine) installations(ctx context.Context, filter bson.D, limit int64) ([]installation, error) {
	var found []installation
	find := store.Find{Filter: filter, Limit: limit, Projection: bson.D{
		{Key: "installationId", Value: 1}, {Key: "deviceToken", Value: 1}, {Key: "deviceType", Value: 1}}}
	err := e.Store.Find(ctx, installationClass, find, func(doc bson.Raw) error {
		text := func(key string) string {
			s, _ := doc.Lookup(key).StringValueOK()
			return s
		}
		found = append(found, installation{strings.Clone(text("_id")), strings.Clone(text("installationId")), strings.Clone(text("deviceToken")), strings.Clone(text("deviceType"))})
		return nil
	})
	return found, storeError(err)
}
