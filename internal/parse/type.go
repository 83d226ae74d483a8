package parse

// Kind is the kind of a field's type.
type Kind uint8

// The kinds of field types. Source: the Parse REST guide, "Schema".
const (
	KindInvalid Kind = iota
	KindString
	KindNumber
	KindBoolean
	KindDate
	KindObject
	KindArray
	KindGeoPoint
	KindPolygon
	KindFile
	KindBytes
	KindPointer
	KindRelation
	KindACL
)

var kindNames = [...]string{"", "String", "Number", "Boolean", "Date", "Object", "Array",
	"GeoPoint", "Polygon", "File", "Bytes", "Pointer", "Relation", "ACL"}

// String gives the kind's name on the wire, such as "GeoPoint".
func (k Kind) String() string { return kindNames[k] }

// FieldType is the type of a class's field. TargetClass is set for pointers
// and relations only.
type FieldType struct {
	Kind        Kind
	TargetClass string
}

// String renders the type as parse-server's messages do: "String",
// "Pointer<_User>", "Relation<Post>".
func (t FieldType) String() string {
	if t.TargetClass != "" {
		return t.Kind.String() + "<" + t.TargetClass + ">"
	}
	return t.Kind.String()
}
