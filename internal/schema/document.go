package schema

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// A class is kept as a document of _SCHEMA: its name as _id, the type of each
// field under the field's name, and the rest under _metadata. Source:
// protocol.md §5.
const (
	schemaCollection = "_SCHEMA"

	metadata            = "_metadata"
	metadataPermissions = metadata + ".class_permissions"
	metadataOptions     = metadata + ".fields_options"
	metadataIndexes     = metadata + ".indexes"
	// legacyPermissions was used before class_permissions and means nothing now.
	legacyPermissions = "_client_permissions"
)

// decodeClass reads a document of _SCHEMA. Fields of an unknown type, and what
// is not as it should be, it leaves out, so that a database opens whatever
// else wrote into it.
func decodeClass(doc bson.Raw, protected map[string]map[string][]string) (*Class, error) {
	name, ok := doc.Lookup("_id").StringValueOK()
	if !ok {
		return nil, fmt.Errorf("schema: a document of %s without a class name", schemaCollection)
	}
	elements, err := doc.Elements()
	if err != nil {
		return nil, fmt.Errorf("schema: class %s: %w", name, err)
	}
	options := subdocument(doc, metadata, "fields_options")
	fields := initialFields(name, len(elements))
	for _, e := range elements {
		field := e.Key()
		if field == "_id" || field == metadata || field == legacyPermissions || isDefaultField("", field) {
			continue
		}
		stored, _ := e.Value().StringValueOK()
		if t, ok := decodeType(stored); ok {
			fields = append(fields, Field{Name: field, Type: t})
		}
	}
	for i := range fields {
		if o := subdocument(options, fields[i].Name); o != nil && !isDefaultField("", fields[i].Name) {
			fields[i].setOptions(decodeJSON(o))
		}
	}
	class := (&Class{Name: name, document: slices.Clone(doc)}).sealed(fields)
	class.Permissions = publicPermissions()
	if stored := subdocument(doc, metadata, "class_permissions"); stored != nil {
		class.Permissions = decodePermissions(decodeJSON(stored))
	}
	class.protected = class.Permissions.ProtectedFields
	class.Permissions = class.Permissions.protecting(protected[name], class.Fields)
	class.Indexes, class.indexNames = decodeIndexes(subdocument(doc, metadata, "indexes"))
	return class, nil
}

// subdocument returns the document at a path, or nil when there is none.
func subdocument(doc bson.Raw, path ...string) bson.Raw {
	if len(doc) == 0 {
		return nil
	}
	sub, _ := doc.Lookup(path...).DocumentOK()
	return sub
}

func decodeIndexes(doc bson.Raw) (indexes map[string]bson.D, names []string) {
	elements, _ := doc.Elements()
	for _, e := range elements {
		var keys bson.D
		if sub, ok := e.Value().DocumentOK(); !ok || bson.Unmarshal(sub, &keys) != nil {
			continue
		}
		if indexes == nil {
			indexes = make(map[string]bson.D, len(elements))
		}
		indexes[e.Key()] = keys
		names = append(names, e.Key())
	}
	return indexes, names
}

// storedKinds are the kinds that a field is declared with by a plain word, its
// name in lower case.
var storedKinds = []parse.Kind{parse.KindString, parse.KindNumber, parse.KindBoolean, parse.KindDate,
	parse.KindObject, parse.KindArray, parse.KindGeoPoint, parse.KindPolygon, parse.KindFile, parse.KindBytes}

func decodeType(stored string) (parse.FieldType, bool) {
	if target, ok := strings.CutPrefix(stored, "*"); ok {
		return pointerTo(target), target != ""
	}
	if target, ok := strings.CutPrefix(stored, "relation<"); ok {
		target, ok = strings.CutSuffix(target, ">")
		return relationTo(target), ok && target != ""
	}
	if stored == "map" {
		return objectType, true
	}
	for _, kind := range storedKinds {
		if stored == strings.ToLower(kind.String()) {
			return parse.FieldType{Kind: kind}, true
		}
	}
	return parse.FieldType{}, false
}

func encodeType(t parse.FieldType) string {
	switch t.Kind {
	case parse.KindPointer:
		return "*" + t.TargetClass
	case parse.KindRelation:
		return "relation<" + t.TargetClass + ">"
	}
	return strings.ToLower(t.Kind.String())
}

// encodeClass is the document of a new class with fields of its own; permissions
// and indexes may be nil.
func encodeClass(name string, own []Field, permissions *parse.Object, indexes bson.D) (bson.Raw, error) {
	doc := bson.D{
		{Key: "_id", Value: name}, {Key: "objectId", Value: "string"},
		{Key: "updatedAt", Value: "date"}, {Key: "createdAt", Value: "date"},
	}
	var options bson.D
	for _, fields := range [...][]Field{systemFields[name], own} {
		for i := range fields {
			// A user's password is never stored under the field's name.
			if name == "_User" && fields[i].Name == "password" {
				continue
			}
			doc = append(doc, bson.E{Key: fields[i].Name, Value: encodeType(fields[i].Type)})
			if o := fields[i].storedOptions(); len(o) > 0 {
				options = append(options, bson.E{Key: fields[i].Name, Value: o})
			}
		}
	}
	var meta bson.D
	if options != nil {
		meta = append(meta, bson.E{Key: "fields_options", Value: options})
	}
	if permissions != nil {
		meta = append(meta, bson.E{Key: "class_permissions", Value: encodeJSON(permissions)})
	}
	if len(indexes) > 0 {
		meta = append(meta, bson.E{Key: "indexes", Value: indexes})
	}
	if meta != nil {
		doc = append(doc, bson.E{Key: metadata, Value: meta})
	}
	raw, err := bson.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("schema: class %s: %w", name, err)
	}
	return raw, nil
}

func (f *Field) storedOptions() bson.D {
	if f.options == nil {
		return nil
	}
	return encodeJSON(f.options).(bson.D)
}

// decodeJSON reads a document that holds Parse JSON as it came, dates and bytes
// included, which elsewhere have BSON types of their own.
func decodeJSON(doc bson.Raw) *parse.Object {
	stored, _ := parse.FromBSON(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc}).(*parse.Object)
	if stored == nil {
		return &parse.Object{}
	}
	o, err := parse.DecodeObject(parse.AppendJSON(nil, stored), parse.Limits{})
	if err != nil {
		return &parse.Object{}
	}
	return o
}

// encodeJSON is the inverse of decodeJSON.
func encodeJSON(v parse.Value) any {
	switch v := v.(type) {
	case parse.Date:
		return bson.D{{Key: "__type", Value: "Date"}, {Key: "iso", Value: parse.FormatDate(int64(v))}}
	case parse.Bytes:
		return bson.D{{Key: "__type", Value: "Bytes"}, {Key: "base64", Value: base64.StdEncoding.EncodeToString(v)}}
	case parse.Array:
		a := make(bson.A, len(v))
		for i := range v {
			a[i] = encodeJSON(v[i])
		}
		return a
	case *parse.Object:
		d := make(bson.D, len(v.Members))
		for i, m := range v.Members {
			d[i] = bson.E{Key: m.Key, Value: encodeJSON(m.Value)}
		}
		return d
	}
	return parse.ToBSON(v)
}
