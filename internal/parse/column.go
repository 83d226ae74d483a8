package parse

import "strings"

// columnKind says how a top-level element of a stored document is shown.
type columnKind uint8

const (
	columnHidden        columnKind = iota // never shown
	columnPlain                           // by its BSON type
	columnID                              // objectId
	columnResultID                        // the _id of an aggregation's result
	columnResultPointer                   // the same, "Class$id"
	columnTimestamp                       // createdAt, updatedAt: plain ISO strings
	columnRead                            // _rperm: part of ACL
	columnWrite                           // _wperm: part of ACL
	columnAuthData                        // one provider's part of authData
	columnPointer                         // "Class$id"
	columnFile                            // a file's name
	columnGeoPoint                        // [longitude, latitude]
	columnPolygon                         // GeoJSON
	columnBytes                           // binary, or base64
)

// column is where a stored element belongs in its Parse object.
type column struct {
	name string // the field's name; the provider's for columnAuthData
	kind columnKind
	// yields is the stored name that takes the place of this one where a
	// document has both; "" for none.
	yields string
}

// internalColumns are what parse-server keeps beside a user's fields. Only the
// maintenance key may see them; password hashes no one.
var internalColumns = [...]string{
	"_email_verify_token", "_email_verify_token_expires_at", "_perishable_token",
	"_perishable_token_expires_at", "_password_changed_at", "_tombstone",
	"_account_lockout_expires_at", "_failed_login_count",
}

// columnOf decides what a stored element is. The rule for names with an
// underscore is an allow list: what is not known here is not shown.
func columnOf(class, stored string, fields map[string]FieldType) column {
	switch stored {
	case storedID:
		return column{name: "objectId", kind: columnID}
	case storedCreatedAt:
		return column{name: "createdAt", kind: columnTimestamp}
	case storedUpdatedAt:
		return column{name: "updatedAt", kind: columnTimestamp}
	case "createdAt":
		return column{name: "createdAt", kind: columnTimestamp, yields: storedCreatedAt}
	case "updatedAt":
		return column{name: "updatedAt", kind: columnTimestamp, yields: storedUpdatedAt}
	case "_rperm":
		return column{name: "ACL", kind: columnRead}
	case "_wperm":
		return column{name: "ACL", kind: columnWrite}
	case storedSessionToken:
		return column{name: "sessionToken", kind: columnUnless(class == "_User")}
	case "sessionToken":
		return column{name: "sessionToken", kind: columnUnless(class == "_User"), yields: storedSessionToken}
	case storedLastUsed:
		return column{name: "lastUsed", kind: columnPlain}
	case "lastUsed":
		return column{name: "lastUsed", kind: columnPlain, yields: storedLastUsed}
	case storedTimesUsed:
		return column{name: "timesUsed", kind: columnPlain}
	case "timesUsed":
		return column{name: "timesUsed", kind: columnPlain, yields: storedTimesUsed}
	case "_expiresAt":
		return column{name: "expiresAt", kind: columnPlain, yields: "expiresAt"}
	case "password", "authData":
		return fieldColumn(stored, class == "_User", fields)
	case "", "objectId", "ACL", "__type":
		return column{}
	}
	if stored[0] != '_' {
		return fieldColumn(stored, false, fields)
	}
	if name, ok := strings.CutPrefix(stored, pointerPrefix); ok {
		if fields[name].Kind == KindPointer {
			return column{name: name, kind: columnPointer}
		}
	}
	if provider, ok := strings.CutPrefix(stored, authDataPrefix); ok && class == "_User" && isProviderName(provider) {
		return column{name: provider, kind: columnAuthData}
	}
	return column{}
}

func columnUnless(hidden bool) columnKind {
	if hidden {
		return columnHidden
	}
	return columnPlain
}

// fieldColumn is the column of a field stored under its own name. A field that
// is not declared is shown by its BSON type.
func fieldColumn(name string, hidden bool, fields map[string]FieldType) column {
	c := column{name: name, kind: columnUnless(hidden)}
	if hidden {
		return c
	}
	switch fields[name].Kind {
	case KindPointer, KindRelation, KindACL:
		// Pointers are stored under another name, relations outside the
		// document: what lies here is left over from another type.
		c.kind = columnHidden
	case KindFile:
		c.kind = columnFile
	case KindGeoPoint:
		c.kind = columnGeoPoint
	case KindPolygon:
		c.kind = columnPolygon
	case KindBytes:
		c.kind = columnBytes
	}
	return c
}

// superseded tells whether doc holds the element that takes c's place.
func (c *column) superseded(doc []byte) bool {
	if c.yields == "" {
		return false
	}
	_, _, ok := lookup(doc, c.yields)
	return ok
}
