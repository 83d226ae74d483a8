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
	params, masterKeyOnly := &parse.Object{}, &parse.Object{}
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
	if len(masterKeyOnly.Members) == 0 {
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
	var set, unset bson.D
	for _, m := range params.Members {
		if m.Key == "" || strings.ContainsAny(m.Key, ".$\x00") {
			return parse.Errorf(parse.InvalidKeyName, "Invalid key name: %s", m.Key)
		}
		if err := e.checkFileURLs(m.Value); err != nil {
			return err
		}
		op, isOp, err := parse.OperationOf(m.Value)
		if err != nil {
			return err
		}
		if _, ok := op.(parse.DeleteField); isOp && !ok {
			return parse.NewError(parse.CommandUnavailable, "A parameter can be set or deleted only.")
		}
		if isOp {
			unset = append(unset, bson.E{Key: "params." + m.Key, Value: ""})
		} else {
			set = append(set, bson.E{Key: "params." + m.Key, Value: parse.ToBSON(m.Value)})
		}
		flag, _ := masterKeyOnly.Get(m.Key)
		set = append(set, bson.E{Key: "masterKeyOnly." + m.Key, Value: flag == parse.Bool(true)})
	}
	change := bson.D{}
	if len(set) > 0 {
		change = append(change, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		change = append(change, bson.E{Key: "$unset", Value: unset})
	}
	if len(change) == 0 {
		return nil
	}
	_, err = e.Store.FindAndUpdate(ctx, configCollection, store.Update{Filter: configFilter, Change: change, Upsert: true}, store.After)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return storeError(err)
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
