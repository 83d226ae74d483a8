package match

import "go.mongodb.org/mongo-driver/v2/bson"

// Cursor walks the elements of a document or array in place.
type Cursor struct{ cursor cursor }

// Elements returns a cursor at the first element of a document or array.
func Elements(doc []byte) Cursor { return Cursor{elements(doc)} }

// Next returns the next element; ok is false at the end. The value has exactly
// the bytes that its type requires.
func (c *Cursor) Next() (key []byte, v bson.RawValue, ok bool) {
	key, e, ok := c.cursor.next()
	return key, e.raw(), ok
}

// Lookup returns the value of a document's first element of this name, of type
// 0 if there is none.
func Lookup(doc []byte, name string) bson.RawValue { return find(doc, name).raw() }

// Checked returns v cut to the bytes that its type requires; one that is not
// well formed is missing.
func Checked(v bson.RawValue) bson.RawValue { return valueOf(v).raw() }

// Truthy is MongoDB's notion of a value, well formed, that means yes: all but
// false, zeros, null, undefined and missing.
func Truthy(v bson.RawValue) bool { return value{kind: v.Type, data: v.Value}.truthy() }

// Whole returns a number, well formed, that has no fraction and fits an int64;
// ok is false for all others.
func Whole(v bson.RawValue) (n int64, ok bool) {
	return value{kind: v.Type, data: v.Value}.whole()
}

// TypeNamed returns the type that MongoDB gives this name, as "objectId".
func TypeNamed(name string) (bson.Type, bool) {
	kind, ok := typeNames[name]
	return kind, ok
}
