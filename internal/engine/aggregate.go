package engine

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// Aggregate runs a pipeline or lists distinct values; see API.
func (e *Engine) Aggregate(ctx context.Context, c Caller, className string, a *query.Aggregate) (*Result, error) {
	if err := e.requireMaster(c); err != nil {
		return nil, err
	}
	if c.Scope == ScopeReadOnlyMaster && !e.AggregationForReadOnlyMaster {
		return nil, parse.NewError(parse.OperationForbidden, "Cannot run an aggregation pipeline when using the readOnlyMasterKey")
	}
	class, err := e.class(ctx, className)
	if err != nil {
		return nil, err
	}
	if class == nil {
		return NewResult([]byte(`{"results":[]}`)), nil
	}
	if a.Distinct != "" {
		return e.distinct(ctx, c, class, a)
	}
	form := e.Aggregation
	if a.RawValues != nil {
		form.RawValues = *a.RawValues
	}
	if a.RawFieldNames != nil {
		form.RawFieldNames = *a.RawFieldNames
	}
	pipeline, err := query.CompilePipeline(a.Stages, class, form)
	if err != nil {
		return nil, err
	}
	if pipeline, err = e.permitPipeline(c, class, pipeline); err != nil {
		return nil, err
	}
	hint, err := hintOf(a.Hint)
	if err != nil {
		return nil, err
	}
	write := e.resultWriter(class, pipeline, form, a.Explain)
	allowance := e.allowance(ctx)
	return pooledResult(func(out []byte) ([]byte, error) {
		out = append(out, `{"results":[`...)
		empty := len(out)
		o := store.AggregateOptions{Hint: hint, Comment: a.Comment, ReadPreference: a.ReadPreference, Explain: a.Explain}
		err := e.Store.Aggregate(ctx, class.Name, pipeline, o, func(doc bson.Raw) error {
			if len(out) > empty {
				out = append(out, ',')
			}
			start := len(out)
			var err error
			if out, err = write(out, doc); err != nil {
				return err
			}
			return allowance.Take(len(out) - start)
		})
		if err != nil {
			return nil, storeError(err)
		}
		return append(out, `]}`...), nil
	})
}

// resultWriter returns what appends one result in the form asked for.
func (e *Engine) resultWriter(class *schema.Class, pipeline bson.A, form query.PipelineForm, explain bool) func([]byte, bson.Raw) ([]byte, error) {
	switch {
	case form.RawValues:
		return func(dst []byte, doc bson.Raw) ([]byte, error) {
			if !form.RawFieldNames {
				var err error
				if doc, err = renameID(doc); err != nil {
					return nil, err
				}
			}
			text, err := bson.MarshalExtJSON(doc, false, false)
			return append(dst, text...), err
		}
	case form.RawFieldNames, explain:
		return func(dst []byte, doc bson.Raw) ([]byte, error) {
			v := parse.FromBSON(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc})
			return parse.AppendJSON(dst, plainDates(v)), nil
		}
	}
	view := parse.NewView(parse.ViewOptions{
		ClassName: class.Name, Fields: class.Types(), FileURL: e.FileURL,
		Results: true, PointerIDs: query.GroupsByPointer(pipeline),
	})
	return func(dst []byte, doc bson.Raw) ([]byte, error) { return view.AppendObject(dst, doc, nil) }
}

// renameID calls a result's _id objectId.
func renameID(doc bson.Raw) (bson.Raw, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, err
	}
	var d bson.D
	for _, e := range elements {
		key := e.Key()
		if key == "_id" {
			key = "objectId"
		}
		d = append(d, bson.E{Key: key, Value: e.Value()})
	}
	return bson.Marshal(d)
}

// plainDates turns dates into texts, as JavaScript writes them where they have
// no Parse type.
func plainDates(v parse.Value) parse.Value {
	switch v := v.(type) {
	case parse.Date:
		return parse.String(parse.FormatDate(int64(v)))
	case parse.Array:
		for i := range v {
			v[i] = plainDates(v[i])
		}
	case *parse.Object:
		for i := range v.Members {
			v.Members[i].Value = plainDates(v.Members[i].Value)
		}
	}
	return v
}

// distinct lists the values of a field.
func (e *Engine) distinct(ctx context.Context, c Caller, class *schema.Class, a *query.Aggregate) (*Result, error) {
	if !query.ValidPath(a.Distinct) {
		return nil, parse.Errorf(parse.InvalidKeyName, "Invalid field name: %s", a.Distinct)
	}
	if err := e.checkPath(c, class, nil, a.Distinct); err != nil {
		return nil, err
	}
	where, err := e.resolve(ctx, c, class, a.Where, 0)
	if err != nil {
		return nil, err
	}
	filter, err := query.Compile(where, class, e.Now())
	if err != nil {
		return nil, err
	}
	root := query.Root(a.Distinct)
	var t parse.FieldType
	if f := class.Fields[root]; f != nil {
		t = f.Type
	}
	values, err := e.Store.Distinct(ctx, class.Name, parse.StoragePath(class.Name, a.Distinct, t), filter)
	if err != nil {
		return nil, storeError(err)
	}
	results := parse.Array{}
	for _, raw := range values {
		v := parse.FromBSON(raw)
		if _, null := v.(parse.Null); null {
			continue
		}
		if text, ok := v.(parse.String); ok && t.Kind == parse.KindPointer && root == a.Distinct {
			if class, id, ok := strings.Cut(string(text), "$"); ok {
				v = parse.Pointer{ClassName: class, ObjectID: id}
			}
		}
		results = append(results, v)
	}
	return NewResult(append(parse.AppendJSON([]byte(`{"results":`), results), '}')), nil
}

// secrets are the stored fields by which one could become another user; authData
// are, too, whose fields have the names of their providers.
var secrets = map[string][]string{
	"_User":    {"_hashed_password", "_password_history", "_perishable_token", "_email_verify_token"},
	"_Session": {"_session_token", "sessionToken"},
	// Mails hold links by which one sets a password.
	"_MailQueue": {"_message"},
}

// writingStages write what they are given, past the gate.
var writingStages = []string{"$out", "$merge"}

// operators that are JavaScript, which no request may bring.
var scriptOperators = []string{"$function", "$accumulator", "$where"}

// permitPipeline refuses what a pipeline may not do, and keeps secrets from who
// reads with the read-only master key: with them they could write (root cause R7).
func (e *Engine) permitPipeline(c Caller, class *schema.Class, pipeline bson.A) (bson.A, error) {
	readOnly := c.Scope == ScopeReadOnlyMaster
	err := walkBSON(pipeline, func(key string, v any) error {
		switch {
		case slices.Contains(writingStages, key):
			return parse.Errorf(parse.InvalidQuery, "Aggregation stage %s is not allowed.", key)
		case slices.Contains(scriptOperators, key):
			return parse.Errorf(parse.InvalidQuery, "Operator %s is not allowed.", key)
		case strings.IndexByte(key, 0) >= 0: // where a name ends in BSON
			return parse.NewError(parse.InvalidQuery, "Names in a pipeline must not contain a null character.")
		}
		joined, isText := v.(string)
		if key == "$unionWith" || key == "from" || key == "coll" {
			if isText && readOnly && secrets[joined] != nil {
				return e.denied("read-only masterKey isn't allowed to join the " + joined + " collection.")
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if hidden := secrets[class.Name]; readOnly && hidden != nil {
		unset := bson.A{}
		for _, field := range hidden {
			unset = append(unset, field)
		}
		first := bson.A{bson.D{{Key: "$unset", Value: unset}}}
		if class.Name == "_User" {
			first = append(first, withoutAuthData)
		}
		pipeline = append(first, pipeline...)
	}
	return pipeline, nil
}

// authDataPrefix begins the name of a stored field with the authData of a provider.
const authDataPrefix = "_auth_data_"

// withoutAuthData is a stage that takes all of them out of users.
var withoutAuthData = bson.D{{Key: "$replaceWith", Value: bson.D{{Key: "$arrayToObject", Value: bson.D{{Key: "$filter", Value: bson.D{
	{Key: "input", Value: bson.D{{Key: "$objectToArray", Value: "$$ROOT"}}},
	{Key: "as", Value: "field"},
	{Key: "cond", Value: bson.D{{Key: "$ne", Value: bson.A{bson.D{{Key: "$indexOfBytes", Value: bson.A{"$$field.k", authDataPrefix}}}, int32(0)}}}},
}}}}}}}

// walkBSON calls visit with every member of the documents in v.
func walkBSON(v any, visit func(key string, v any) error) error {
	switch v := v.(type) {
	case bson.A:
		for _, e := range v {
			if err := walkBSON(e, visit); err != nil {
				return err
			}
		}
	case bson.D:
		for _, e := range v {
			if err := visit(e.Key, e.Value); err != nil {
				return err
			}
			if err := walkBSON(e.Value, visit); err != nil {
				return err
			}
		}
	}
	return nil
}
