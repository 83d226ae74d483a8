package engine

import (
	"context"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

const configCollection = "_GlobalConfig"

// configFilter names the one document of an app's Config.
var configFilter = bson.D{{Key: "_id", Value: int32(1)}}

// Config reads the app's parameters; see API.
func (e *Engine) Config(ctx context.Context, c Caller) (*parse.Object, error) {
	params := &parse.Object{}
	var masterKeyOnly *parse.Object // nil when nothing was ever said of it
	err := e.Store.Find(ctx, configCollection, store.Find{Filter: configFilter, Limit: 1}, func(doc bson.Raw) error {
		if v, ok := parse.FromBSON(doc.Lookup("params")).(*parse.Object); ok {
			params = v
		}
		if v, ok := parse.FromBSON(doc.Lookup("masterKeyOnly")).(*parse.Object); ok {
			masterKeyOnly = v
		}
		return nil
	})
	if err != nil {
		return nil, storeError(err)
	}
	answer := &parse.Object{}
	answer.Set("params", params)
	if masterKeyOnly == nil {
		return answer, nil
	}
	if !c.Master() {
		params, masterKeyOnly = publicConfig(params, masterKeyOnly)
		answer.Set("params", params)
	}
	answer.Set("masterKeyOnly", masterKeyOnly)
	return answer, nil
}

// publicConfig leaves out the parameters that only the master key may read.
func publicConfig(params, masterKeyOnly *parse.Object) (shown, flags *parse.Object) {
	shown, flags = &parse.Object{}, &parse.Object{}
	for _, m := range params.Members {
		flag, has := masterKeyOnly.Get(m.Key)
		if flag == parse.Bool(true) {
			continue
		}
		shown.Members = append(shown.Members, m)
		if has {
			flags.Members = append(flags.Members, parse.Member{Key: m.Key, Value: flag})
		}
	}
	return shown, flags
}

// UpdateConfig changes the app's parameters; see API.
func (e *Engine) UpdateConfig(ctx context.Context, c Caller, body *parse.Object) error {
	if err := e.requireWriter(c, "update the config"); err != nil {
		return err
	}
	params, err := objectMember(body, "params")
	if err != nil {
		return err
	}
	masterKeyOnly, err := objectMember(body, "masterKeyOnly")
	if err != nil {
		return err
	}
	var update parse.Update
	for _, m := range params.Members {
		if err := e.checkFileURLs(m.Value); err != nil {
			return err
		}
		if err := setParameter(&update, m); err != nil {
			return err
		}
		if _, has := masterKeyOnly.Get(m.Key); !has {
			update.Set("masterKeyOnly."+m.Key, false)
		}
	}
	for _, m := range masterKeyOnly.Members {
		if err := setFlag(&update, m); err != nil {
			return err
		}
	}
	change := update.Document()
	if len(change) == 0 {
		return nil
	}
	_, err = e.Store.FindAndUpdate(ctx, configCollection, store.Update{Filter: configFilter, Change: change, Upsert: true}, store.After)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return updateError(err)
}

// setParameter gives a parameter a value, or changes the one that it has.
func setParameter(u *parse.Update, m parse.Member) error {
	if err := checkParameter(m.Key); err != nil {
		return err
	}
	op, isOp, err := parse.OperationOf(m.Value)
	switch {
	case err != nil:
		return err
	case !isOp:
		u.Set("params."+m.Key, parse.ToBSON(m.Value))
		return nil
	}
	switch op.(type) {
	case parse.DeleteField, parse.Increment, parse.Add, parse.AddUnique, parse.Remove:
		return u.Operation(configCollection, "params."+m.Key, parse.FieldType{}, op)
	}
	return parse.NewError(parse.CommandUnavailable, "Parameters have no relations.")
}

// setFlag keeps a parameter for the master key, or no longer.
func setFlag(u *parse.Update, m parse.Member) error {
	if err := checkParameter(m.Key); err != nil {
		return err
	}
	path := "masterKeyOnly." + m.Key
	op, _, _ := parse.OperationOf(m.Value)
	if _, unset := op.(parse.DeleteField); unset {
		u.Unset(path)
		return nil
	}
	flag, ok := m.Value.(parse.Bool)
	if !ok && !isNull(m.Value) {
		return parse.NewError(parse.InvalidJSON, "masterKeyOnly must hold true or false")
	}
	u.Set(path, bool(flag))
	return nil
}

func checkParameter(name string) error {
	if name == "" || strings.ContainsAny(name, ".$\x00") {
		return parse.Errorf(parse.InvalidKeyName, "Invalid key name: %s", name)
	}
	return nil
}

// objectMember is a member that must be an object when it is there.
func objectMember(o *parse.Object, key string) (*parse.Object, error) {
	v, ok := o.Get(key)
	if !ok || v == (parse.Null{}) {
		return &parse.Object{}, nil
	}
	member, ok := v.(*parse.Object)
	if !ok {
		return nil, parse.Errorf(parse.InvalidJSON, "%s must be an object", key)
	}
	return member, nil
}
