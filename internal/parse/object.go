package parse

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// FromBSON returns the value of the nested form, as ToBSON makes it. BSON types
// that Parse has not become the nearest: ObjectIDs and symbols strings, all
// numbers Number, what is left Null.
func FromBSON(v bson.RawValue) Value {
	if size := valueSize(v.Type, v.Value); size < 0 || size > len(v.Value) {
		return Null{}
	}
	return nestedValue(v.Type, v.Value, 0)
}

func nestedValue(kind bson.Type, b []byte, depth int) Value {
	if depth > maxNesting {
		return Null{}
	}
	switch kind {
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript:
		return String(stringBytes(b))
	case bson.TypeBoolean:
		return Bool(b[0] != 0)
	case bson.TypeInt32, bson.TypeDouble, bson.TypeInt64, bson.TypeTimestamp, bson.TypeDecimal128:
		if f, ok := numberOf(kind, b); ok {
			return Number(f)
		}
	case bson.TypeDateTime:
		return Date(int64Of(b))
	case bson.TypeBinary:
		return Bytes(bytes.Clone(binaryBytes(b)))
	case bson.TypeObjectID:
		return String(hex.EncodeToString(b))
	case bson.TypeRegex:
		return String(b[:bytes.IndexByte(b, 0)])
	case bson.TypeArray:
		a := Array{}
		for r := readDocument(b); r.next(); {
			a = append(a, nestedValue(r.kind, r.value, depth+1))
		}
		return a
	case bson.TypeEmbeddedDocument:
		return nestedObject(b, depth)
	}
	return Null{}
}

func nestedObject(doc []byte, depth int) Value {
	var members []Member
	typed := false
	for r := readDocument(doc); r.next(); {
		key := string(r.key)
		typed = typed || key == "__type"
		members = append(members, Member{key, nestedValue(r.kind, r.value, depth+1)})
	}
	o := &Object{Members: members}
	if !typed {
		return o
	}
	if v, ok := typedValue(members); ok {
		return v
	}
	// Old rows have dates whose member iso is a date.
	if t, _ := o.text("__type"); t == "Date" {
		iso, _ := o.Get("iso")
		if d, ok := iso.(Date); ok {
			return d
		}
	}
	return o
}

// ObjectFromBSON returns a stored document as a Parse object: what a View that
// hides nothing shows, as a value. Pointers come as pointers; files have no URL.
// A malformed document is an error.
func ObjectFromBSON(doc bson.Raw, class string, fields map[string]FieldType) (*Object, error) {
	o := &Object{}
	var perms permissions
	var authData *Object
	r := readDocument(doc)
	for r.next() {
		c := columnOf(class, string(r.key), fields)
		switch c.kind {
		case columnHidden:
		case columnRead, columnWrite:
			perms.note(r.key, r.kind, r.value)
		case columnAuthData:
			if authData == nil {
				authData = &Object{}
				o.Members = append(o.Members, Member{"authData", authData})
			}
			authData.Members = append(authData.Members, Member{c.name, nestedValue(r.kind, r.value, 0)})
		default:
			if v := c.value(r.kind, r.value); v != nil && !c.superseded(doc) {
				o.Members = append(o.Members, Member{c.name, v})
			}
		}
	}
	if r.failed {
		return nil, errMalformed
	}
	if perms.any() {
		acl := perms.acl()
		o.Members = append(o.Members, Member{"ACL", acl.Value()})
	}
	return o, nil
}

// value returns the value of a top-level element, or nil when it shows nothing.
func (c *column) value(kind bson.Type, b []byte) Value {
	switch c.kind {
	case columnID:
		if f, ok := numberOf(kind, b); ok {
			return String(appendNumber(nil, f))
		}
	case columnTimestamp:
		if kind == bson.TypeDateTime {
			return String(FormatDate(int64Of(b)))
		}
	case columnPointer:
		if kind == bson.TypeString {
			if p, ok := pointerOf(string(stringBytes(b))); ok {
				return p
			}
		}
		return nil
	case columnFile:
		if kind == bson.TypeString {
			return File{Name: string(stringBytes(b))}
		}
	case columnGeoPoint:
		if p, ok := geoPointOf(kind, b); ok {
			return p
		}
	case columnPolygon:
		if ring, ok := geoJSONRing(kind, b); ok {
			var polygon Polygon
			for r := readDocument(ring); r.next(); {
				p, _ := geoPointOf(r.kind, r.value)
				polygon = append(polygon, p)
			}
			return polygon
		}
	case columnBytes:
		if kind == bson.TypeString {
			if data, err := base64.StdEncoding.DecodeString(string(stringBytes(b))); err == nil {
				return Bytes(data)
			}
		}
	}
	return nestedValue(kind, b, 0)
}
