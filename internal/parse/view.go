package parse

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// ViewOptions say what of a class's documents is shown, and how.
type ViewOptions struct {
	ClassName string
	// Fields are the declared types of all fields, relations included.
	Fields map[string]FieldType
	// Hidden names fields that are not shown.
	Hidden map[string]bool
	// Keys names the wanted fields; nil means all. objectId, createdAt, updatedAt,
	// ACL and, as in parse-server, relations are shown in any case.
	Keys map[string]bool
	// ExcludeKeys names fields that are not wanted.
	ExcludeKeys map[string]bool
	// FileURL appends the URL of the file of that name; nil leaves URLs out.
	FileURL func(dst []byte, name string) []byte
	// Typed begins each object with "__type":"Object" and its className, as
	// included objects have.
	Typed bool
	// Named begins each object with its className alone, as objects have that a
	// query was redirected to.
	Named bool
	// Results shows results of aggregations, which have no ACL and whose _id may be
	// anything. With PointerIDs it is a stored pointer, and objectId is the id in it.
	Results, PointerIDs bool
	// Internal shows the internal fields of users, as the maintenance key may see.
	Internal bool
	// AuthData is what is shown of a provider's part of authData, nil for nothing;
	// nil shows all.
	AuthData func(provider string, data *Object) *Object
}

// View writes stored documents of one class as Parse JSON. It is immutable and
// safe for concurrent use; making one costs about as much as a few documents, so
// callers keep it for all documents of a query.
type View struct {
	class   string
	fields  map[string]FieldType
	hidden  map[string]bool
	keys    map[string]bool // nil for all
	exclude map[string]bool
	fileURL func(dst []byte, name string) []byte
	// authData is what is shown of a provider's part; nil shows all.
	authData func(provider string, data *Object) *Object

	columns map[string]*viewColumn // by stored name
	head    []byte                 // what every object begins with
	tail    []byte                 // the relations, each followed by a comma
}

// viewColumn is a column with what a view needs to write it.
type viewColumn struct {
	column
	prefix string // `"name":`; "" when it is not shown
}

// NewView returns a view.
func NewView(o ViewOptions) *View {
	v := &View{
		class: o.ClassName, hidden: o.Hidden, keys: o.Keys, exclude: o.ExcludeKeys, fileURL: o.FileURL, authData: o.AuthData,
		fields:  o.Fields,
		columns: make(map[string]*viewColumn, len(o.Fields)+8),
		head:    []byte{'{'},
	}
	if o.Typed {
		v.head = append(v.head, `"__type":"Object",`...)
	}
	if o.Typed || o.Named {
		v.head = append(v.head, `"className":`...)
		v.head = append(AppendString(v.head, o.ClassName), ',')
		v.columns["className"] = &viewColumn{}
	}
	for _, stored := range []string{storedID, storedCreatedAt, storedUpdatedAt, "_rperm", "_wperm", "_acl"} {
		v.columns[stored] = v.column(stored)
	}
	if o.Results {
		for _, stored := range []string{"_rperm", "_wperm", "_acl"} {
			v.columns[stored] = &viewColumn{}
		}
		v.columns[storedID].kind = columnResultID
		if o.PointerIDs {
			v.columns[storedID].kind = columnResultPointer
		}
	}
	if o.ClassName == "_User" {
		v.addInternal(o.Internal)
	}
	for name, t := range o.Fields {
		if t.Kind == KindRelation && !o.Hidden[name] {
			v.tail = append(AppendString(v.tail, name), ':')
			v.tail = append(AppendJSON(v.tail, Relation{ClassName: t.TargetClass}), ',')
		}
		stored := StorageName(name, t)
		if _, ok := v.columns[stored]; !ok {
			v.columns[stored] = v.column(stored)
		}
	}
	return v
}

// addInternal adds the columns of the internal fields of users.
func (v *View) addInternal(shown bool) {
	for _, stored := range internalColumns {
		c := &viewColumn{}
		if shown {
			c = &viewColumn{column: column{name: stored, kind: columnPlain}, prefix: `"` + stored + `":`}
		}
		v.columns[stored] = c
	}
	v.columns["_hashed_password"] = &viewColumn{}
}

// column prepares the column of a stored name.
func (v *View) column(stored string) *viewColumn {
	c := &viewColumn{column: columnOf(v.class, stored, v.fields)}
	if c.kind == columnHidden {
		return c
	}
	name := c.name
	if c.kind == columnAuthData {
		name = "authData"
	}
	if v.Hides(name) {
		return c
	}
	c.prefix = string(append(AppendString(nil, name), ':'))
	return c
}

// Hides tells whether a field is left out: because it is hidden, excluded, or
// not among the keys. What a pointer left out points to need not be fetched, and
// when it is hidden it must not be.
func (v *View) Hides(field string) bool {
	if v.hidden[field] {
		return true
	}
	if alwaysShown(field) {
		return false
	}
	return v.keys != nil && !v.keys[field] || v.exclude[field]
}

// alwaysShown tells whether a field is shown even when it is not among the keys.
func alwaysShown(field string) bool {
	switch field {
	case "objectId", "createdAt", "updatedAt", "ACL":
		return true
	}
	return false
}

// maxNesting is how deep a stored document may nest to be shown; MongoDB stores
// none deeper than 100 levels.
const maxNesting = 200

// AppendObject appends a stored document as a Parse object. The pointers that e
// replaces are written as whole objects; e may be nil. A malformed document is an
// error, and so is an expansion beyond its allowance; what was appended is of no
// use then.
func (v *View) AppendObject(dst []byte, doc bson.Raw, e *Expansion) ([]byte, error) {
	return v.appendObject(dst, doc, e, 0)
}

func (v *View) appendObject(dst []byte, doc []byte, e *Expansion, depth int) ([]byte, error) {
	if depth > maxNesting {
		return dst, errMalformed
	}
	w := valueWriter{fileURL: v.fileURL, depth: depth}
	dst = append(dst, v.head...)
	var perms permissions
	authDataDone := false
	r := readDocument(doc)
	for r.next() {
		c, ok := v.columns[string(r.key)]
		if !ok {
			c = v.column(string(r.key))
		}
		if c.prefix == "" || c.yields != "" && c.superseded(doc) {
			continue
		}
		switch c.kind {
		case columnRead, columnWrite:
			perms.note(r.key, r.kind, r.value)
			continue
		case columnAuthData:
			if !authDataDone {
				dst = v.appendAuthData(dst, c.prefix, r)
				authDataDone = true
			}
			continue
		}
		start := len(dst)
		dst = append(dst, c.prefix...)
		n := len(dst)
		var err error
		if dst, err = w.column(dst, c.kind, r.kind, r.value, e.at(c.name)); err != nil {
			return dst, err
		}
		if len(dst) == n { // nothing to show
			dst = dst[:start]
			continue
		}
		dst = append(dst, ',')
	}
	if r.failed {
		return dst, errMalformed
	}
	dst = append(dst, v.tail...)
	if perms.any() {
		dst = append(perms.appendACL(append(dst, `"ACL":`...)), ',')
	}
	return closeWith(dst, '}'), nil
}

// closeWith ends an object or array whose members were each followed by a comma.
func closeWith(dst []byte, end byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst[last] = end
		return dst
	}
	return append(dst, end)
}

// appendAuthData appends the providers' data from the element that r is at to
// the end of its document, as a member; nothing if there is none to show.
func (v *View) appendAuthData(dst []byte, prefix string, r documentReader) []byte {
	start := len(dst)
	dst = append(append(dst, prefix...), '{')
	empty := len(dst)
	w := valueWriter{}
	for ok := true; ok; ok = r.next() {
		c := columnOf(v.class, string(r.key), v.fields)
		if c.kind != columnAuthData {
			continue
		}
		member := len(dst)
		dst = append(AppendString(dst, c.name), ':')
		if v.authData != nil && r.kind == bson.TypeEmbeddedDocument {
			data, _ := nestedObject(r.value, 0).(*Object)
			if data = v.authData(c.name, data); data == nil {
				dst = dst[:member]
				continue
			}
			dst = append(AppendJSON(dst, data), ',')
			continue
		}
		n := len(dst)
		var err error
		if dst, err = w.value(dst, r.kind, r.value, nil); err != nil {
			dst = append(dst[:n], "null"...)
		}
		dst = append(dst, ',')
	}
	if len(dst) == empty {
		return dst[:start]
	}
	return append(closeWith(dst, '}'), ',')
}

// longACL is the length in bytes from which on the lists of an ACL are looked up
// in a map: each entry of the one is looked for in the other.
const longACL = 2048

// appendACL appends the ACL's JSON, without building it unless it is long.
func (p *permissions) appendACL(dst []byte) []byte {
	if len(p.read)+len(p.write) > longACL {
		acl := p.acl()
		return AppendJSON(dst, acl.Value())
	}
	dst = append(dst, '{')
	for r := readDocument(p.read); r.next(); {
		if r.kind != bson.TypeString {
			continue
		}
		dst = AppendString(dst, stringBytes(r.value))
		if contains(p.write, r.value) {
			dst = append(dst, `:{"read":true,"write":true},`...)
		} else {
			dst = append(dst, `:{"read":true},`...)
		}
	}
	for r := readDocument(p.write); r.next(); {
		if r.kind == bson.TypeString && !contains(p.read, r.value) {
			dst = append(AppendString(dst, stringBytes(r.value)), `:{"write":true},`...)
		}
	}
	return closeWith(dst, '}')
}

// contains tells whether a BSON array holds a string, given as its BSON value.
func contains(list, value []byte) bool {
	for r := readDocument(list); r.next(); {
		if r.kind == bson.TypeString && string(r.value) == string(value) {
			return true
		}
	}
	return false
}
