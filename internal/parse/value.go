// Package parse is the vocabulary of the Parse protocol: its values, types,
// update operations, access control lists and error codes, and how each of them
// is written in JSON and in a stored BSON document. It does no I/O and knows no
// permissions.
//
// Values come from clients by DecodeValue and go to the store by Row, Update and
// FieldToBSON. What is read goes from BSON to JSON by a View, without becoming
// values on the way; ObjectFromBSON is for those who must see them.
package parse

import "time"

// Value is a Parse value: one of Null, Bool, Number, String, Date, Bytes,
// Pointer, Relation, File, GeoPoint, Polygon, Array and *Object. The set is
// closed. Values are immutable once decoded: whoever changes one copies it.
type Value interface{ value() }

type (
	// Null is JSON null.
	Null struct{}
	// Bool is JSON true or false.
	Bool bool
	// Number is a JSON number; as in JavaScript every number is a float64.
	Number float64
	// String is a JSON string.
	String string
	// Date is {"__type":"Date","iso":…}: milliseconds since the Unix epoch, UTC.
	Date int64
	// Bytes is {"__type":"Bytes","base64":…}.
	Bytes []byte
	// Pointer is {"__type":"Pointer","className":…,"objectId":…}.
	Pointer struct{ ClassName, ObjectID string }
	// Relation is {"__type":"Relation","className":…}.
	Relation struct{ ClassName string }
	// File is {"__type":"File","name":…,"url":…}.
	File struct{ Name, URL string }
	// GeoPoint is {"__type":"GeoPoint","latitude":…,"longitude":…}, in degrees.
	GeoPoint struct{ Latitude, Longitude float64 }
	// Polygon is {"__type":"Polygon","coordinates":[[lat,lng],…]}: a ring, whose
	// last point may repeat the first. It is closed when it is stored in a field.
	Polygon []GeoPoint
	// Array is a JSON array.
	Array []Value
	// Object is a JSON object in the order of its keys; of duplicate keys the
	// last one holds, as in JavaScript.
	Object struct{ Members []Member }
	// Member is a key and its value.
	Member struct {
		Key   string
		Value Value
	}
)

func (Null) value()     {}
func (Bool) value()     {}
func (Number) value()   {}
func (String) value()   {}
func (Date) value()     {}
func (Bytes) value()    {}
func (Pointer) value()  {}
func (Relation) value() {}
func (File) value()     {}
func (GeoPoint) value() {}
func (Polygon) value()  {}
func (Array) value()    {}
func (*Object) value()  {}

// Time returns the date as a time in UTC.
func (d Date) Time() time.Time { return time.UnixMilli(int64(d)).UTC() }

// DateOf returns t as a Date, cut to milliseconds.
func DateOf(t time.Time) Date { return Date(t.UnixMilli()) }

// Get returns the member's value and whether o has the key. A nil object has none.
func (o *Object) Get(key string) (Value, bool) {
	if o == nil {
		return nil, false
	}
	for i := range o.Members {
		if o.Members[i].Key == key {
			return o.Members[i].Value, true
		}
	}
	return nil, false
}

// Set sets the member's value, in place or at the end.
func (o *Object) Set(key string, v Value) {
	for i := range o.Members {
		if o.Members[i].Key == key {
			o.Members[i].Value = v
			return
		}
	}
	o.Members = append(o.Members, Member{key, v})
}

// Delete removes a member and tells whether it was there.
func (o *Object) Delete(key string) bool {
	for i := range o.Members {
		if o.Members[i].Key == key {
			o.Members = append(o.Members[:i], o.Members[i+1:]...)
			return true
		}
	}
	return false
}
