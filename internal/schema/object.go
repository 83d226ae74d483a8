package schema

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// Object is the class as the REST API shows it: {"className":…, "fields":{…},
// "classLevelPermissions":{…}, "indexes":{…}}.
func (c *Class) Object() *parse.Object { return c.object(c.protected) }

// object shows the class with the protected fields given.
func (c *Class) object(protected map[string][]string) *parse.Object {
	fields := &parse.Object{}
	for _, name := range c.FieldNames() {
		fields.Set(name, c.Fields[name].object())
	}
	permissions := &parse.Object{}
	if !c.unstored {
		permissions = c.Permissions.object(protected)
	}
	o := &parse.Object{Members: []parse.Member{
		{Key: "className", Value: parse.String(c.Name)},
		{Key: "fields", Value: fields},
		{Key: "classLevelPermissions", Value: permissions},
	}}
	if len(c.indexNames) > 0 {
		indexes := &parse.Object{}
		for _, name := range c.indexNames {
			indexes.Set(name, indexObject(c.Indexes[name]))
		}
		o.Set("indexes", indexes)
	}
	return o
}

func (f *Field) object() *parse.Object {
	o := &parse.Object{Members: []parse.Member{{Key: "type", Value: parse.String(f.Type.Kind.String())}}}
	if f.Type.TargetClass != "" {
		o.Set("targetClass", parse.String(f.Type.TargetClass))
	}
	for _, m := range membersOf(f.options) {
		o.Set(m.Key, m.Value)
	}
	return o
}

func indexObject(keys bson.D) *parse.Object {
	o := &parse.Object{Members: make([]parse.Member, len(keys))}
	for i, e := range keys {
		o.Members[i] = parse.Member{Key: e.Key, Value: indexOrder(e.Value)}
	}
	return o
}

// indexOrder is the order of one key: a number, or the name of a kind of index.
func indexOrder(v any) parse.Value {
	switch v := v.(type) {
	case int32:
		return parse.Number(v)
	case int64:
		return parse.Number(v)
	case float64:
		return parse.Number(v)
	case string:
		return parse.String(v)
	}
	return parse.Null{}
}
