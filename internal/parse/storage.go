package parse

import (
	"math"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Documents are stored in Parse Server's own layout, so that its databases can
// be opened as they are. A field has two forms: that of a document's top level,
// where some types are kept apart by the field's name or the schema, and that
// inside objects and arrays, which keeps "__type".

// Stored names that differ from the field's.
const (
	storedID           = "_id"
	storedCreatedAt    = "_created_at"
	storedUpdatedAt    = "_updated_at"
	storedSessionToken = "_session_token"
	storedLastUsed     = "_last_used"
	storedTimesUsed    = "times_used"
	pointerPrefix      = "_p_"
	authDataPrefix     = "_auth_data_"
)

// StorageName returns the name under which a field is stored. It is the same in
// every class: a custom field named sessionToken, lastUsed or timesUsed moves as
// well, as it does in parse-server. The authData of _User, which is stored field
// by field, has AuthDataName.
func StorageName(field string, t FieldType) string {
	switch field {
	case "objectId":
		return storedID
	case "createdAt":
		return storedCreatedAt
	case "updatedAt":
		return storedUpdatedAt
	case "sessionToken":
		return storedSessionToken
	case "lastUsed":
		return storedLastUsed
	case "timesUsed":
		return storedTimesUsed
	}
	if t.Kind == KindPointer {
		return pointerPrefix + field
	}
	return field
}

// StoragePath returns the stored form of a dotted path whose first segment is a
// field of type t. In _User "authData.<provider>" leads to the provider's own field.
func StoragePath(class, path string, t FieldType) string {
	root, rest, dotted := strings.Cut(path, ".")
	if class == "_User" && root == "authData" && dotted {
		provider, rest, dotted := strings.Cut(rest, ".")
		if isProviderName(provider) {
			return joinPath(AuthDataName(provider), rest, dotted)
		}
	}
	if dotted && t.Kind == KindPointer {
		return path
	}
	return joinPath(StorageName(root, t), rest, dotted)
}

func joinPath(root, rest string, dotted bool) string {
	if !dotted {
		return root
	}
	return root + "." + rest
}

// AuthDataName returns the name under which a user's data of an authentication
// provider is stored.
func AuthDataName(provider string) string { return authDataPrefix + provider }

func isProviderName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isDigit(c) && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}

// PointerString returns the form in which a pointer is stored at a document's
// top level: "Class$id".
func PointerString(p Pointer) string { return p.ClassName + "$" + p.ObjectID }

// pointerOf is the inverse of PointerString.
func pointerOf(s string) (Pointer, bool) {
	class, id, ok := strings.Cut(s, "$")
	return Pointer{ClassName: class, ObjectID: id}, ok
}

// ToBSON returns the form of a value inside an object or an array: bson.D,
// bson.A, string, bool, nil, int32 where a number is integral and fits, else
// float64, bson.DateTime, bson.Binary; pointers, files, relations, geo points and
// polygons are documents like their JSON.
func ToBSON(v Value) any {
	switch v := v.(type) {
	case Bool:
		return bool(v)
	case Number:
		return storedNumber(float64(v))
	case String:
		return string(v)
	case Date:
		return bson.DateTime(v)
	case Bytes:
		return bson.Binary{Data: v}
	case Pointer:
		return bson.D{{Key: "__type", Value: "Pointer"}, {Key: "className", Value: v.ClassName}, {Key: "objectId", Value: v.ObjectID}}
	case Relation:
		return bson.D{{Key: "__type", Value: "Relation"}, {Key: "className", Value: v.ClassName}}
	case File:
		d := bson.D{{Key: "__type", Value: "File"}, {Key: "name", Value: v.Name}}
		if v.URL != "" {
			d = append(d, bson.E{Key: "url", Value: v.URL})
		}
		return d
	case GeoPoint:
		return bson.D{{Key: "__type", Value: "GeoPoint"}, {Key: "latitude", Value: storedNumber(v.Latitude)}, {Key: "longitude", Value: storedNumber(v.Longitude)}}
	case Polygon:
		ring := make(bson.A, len(v))
		for i, p := range v {
			ring[i] = bson.A{storedNumber(p.Latitude), storedNumber(p.Longitude)}
		}
		return bson.D{{Key: "__type", Value: "Polygon"}, {Key: "coordinates", Value: ring}}
	case Array:
		a := make(bson.A, len(v))
		for i := range v {
			a[i] = ToBSON(v[i])
		}
		return a
	case *Object:
		if v == nil {
			return nil
		}
		d := make(bson.D, len(v.Members))
		for i, m := range v.Members {
			d[i] = bson.E{Key: m.Key, Value: ToBSON(m.Value)}
		}
		return d
	}
	return nil
}

// storedNumber is a number as MongoDB's driver for Node.js stores it: an int32
// where it is one, and -0 is none.
func storedNumber(f float64) any {
	if n := int32(f); float64(n) == f && (n != 0 || !math.Signbit(f)) {
		return n
	}
	return f
}

// FieldToBSON returns the form of a value at a document's top level, in a field
// of type t: "Class$id" for a pointer, [longitude, latitude] for a geo point,
// GeoJSON for a polygon, its name for a file, and else that of ToBSON. A key
// that a nested object cannot have is an InvalidNestedKey error; values are
// otherwise taken to fit t.
func FieldToBSON(t FieldType, v Value) (any, error) {
	switch v := v.(type) {
	case Pointer:
		return PointerString(v), nil
	case File:
		return v.Name, nil
	case GeoPoint:
		if err := v.check(); err != nil {
			return nil, err
		}
		return bson.A{storedNumber(v.Longitude), storedNumber(v.Latitude)}, nil
	case Polygon:
		return geoJSON(v)
	case String:
		if t.Kind == KindDate {
			ms, ok := ParseDate(string(v))
			if !ok {
				return nil, notValid("Date")
			}
			return bson.DateTime(ms), nil
		}
	case Array, *Object:
		if err := CheckKeys(v); err != nil {
			return nil, err
		}
	}
	return ToBSON(v), nil
}

// CheckKeys returns an InvalidNestedKey error when v, or anything inside it, is
// an object with a key that cannot be stored: one with "$", "." or a NUL.
func CheckKeys(v Value) error {
	switch v := v.(type) {
	case Array:
		for _, e := range v {
			if err := CheckKeys(e); err != nil {
				return err
			}
		}
	case *Object:
		for _, m := range v.Members {
			if strings.ContainsAny(m.Key, "$.\x00") {
				return NewError(InvalidNestedKey, "Nested keys should not contain the '$' or '.' characters")
			}
			if err := CheckKeys(m.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// check refuses coordinates that no geo index can hold: one such point in a
// class would make every index on the field fail. parse-server leaves the check
// to the SDKs, whose words these are.
func (p GeoPoint) check() error {
	if err := checkDegrees("latitude", p.Latitude, 90); err != nil {
		return err
	}
	return checkDegrees("longitude", p.Longitude, 180)
}

func checkDegrees(name string, degrees, bound float64) error {
	sign, limit := ">", bound
	if degrees < 0 {
		sign, limit = "<", -bound
	}
	if math.Abs(degrees) <= bound {
		return nil
	}
	return Errorf(InvalidJSON, "GeoPoint %s out of bounds: %s %s %.1f.", name, appendNumber(nil, degrees), sign, limit)
}

// geoJSON returns a polygon as GeoJSON, with its ring closed. The ring must have
// three points, and as many different ones.
func geoJSON(ring Polygon) (any, error) {
	if len(ring) < 3 {
		return nil, NewError(InvalidJSON, "Polygon must have at least 3 values")
	}
	distinct := make(map[GeoPoint]bool, 3)
	points := make(bson.A, 0, len(ring)+1)
	for _, p := range ring {
		if err := p.check(); err != nil {
			return nil, err
		}
		if len(distinct) < 3 {
			distinct[p] = true
		}
		points = append(points, bson.A{storedNumber(p.Longitude), storedNumber(p.Latitude)})
	}
	if len(distinct) < 3 {
		return nil, NewError(InternalServerError, "GeoJSON: Loop must have at least 3 different vertices")
	}
	if ring[0] != ring[len(ring)-1] {
		points = append(points, points[0])
	}
	return bson.D{{Key: "type", Value: "Polygon"}, {Key: "coordinates", Value: bson.A{points}}}, nil
}

// authDataToBSON splits the authData of a user into the fields that hold it, one
// for each provider. Those whose data is null are to be removed.
func authDataToBSON(providers *Object) (set bson.D, unset []string, err error) {
	for _, m := range providers.Members {
		if !isProviderName(m.Key) {
			return nil, nil, NewError(InvalidKeyName, "Invalid field name: authData."+m.Key+".")
		}
		if _, null := m.Value.(Null); null {
			unset = append(unset, AuthDataName(m.Key))
			continue
		}
		if err := CheckKeys(m.Value); err != nil {
			return nil, nil, err
		}
		set = append(set, bson.E{Key: AuthDataName(m.Key), Value: ToBSON(m.Value)})
	}
	return set, unset, nil
}
