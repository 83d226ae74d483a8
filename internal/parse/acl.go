package parse

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// ACL says who may read and write an object. Keys are "*" for everyone, a user's
// id, or "role:" and a role's name. Source: the Parse REST guide, "Security".
type ACL struct{ Entries []ACLEntry }

// ACLEntry is what one user or role may do.
type ACLEntry struct {
	Key         string
	Read, Write bool
}

// ACLOf reads an ACL from its JSON form. Anything but a map of names to "read"
// and "write" booleans is an InvalidACL error.
func ACLOf(v Value) (ACL, error) {
	o, ok := v.(*Object)
	if !ok {
		return ACL{}, errInvalidACL()
	}
	acl := ACL{Entries: make([]ACLEntry, 0, len(o.Members))}
	for _, m := range o.Members {
		rights, ok := m.Value.(*Object)
		if !ok || m.Key == "" || m.Key == "*unresolved" || strings.IndexByte(m.Key, 0) >= 0 {
			return ACL{}, errInvalidACL()
		}
		entry := ACLEntry{Key: m.Key}
		for _, r := range rights.Members {
			allowed, ok := r.Value.(Bool)
			switch {
			case ok && r.Key == "read":
				entry.Read = bool(allowed)
			case ok && r.Key == "write":
				entry.Write = bool(allowed)
			default:
				return ACL{}, errInvalidACL()
			}
		}
		acl.Entries = append(acl.Entries, entry)
	}
	return acl, nil
}

func errInvalidACL() error { return NewError(InvalidACL, "Invalid ACL.") }

// Value returns the ACL's JSON form. Entries that allow nothing are left out.
func (a ACL) Value() *Object {
	o := &Object{Members: make([]Member, 0, len(a.Entries))}
	for _, e := range a.Entries {
		if !e.Read && !e.Write {
			continue
		}
		rights := &Object{}
		if e.Read {
			rights.Members = append(rights.Members, Member{"read", Bool(true)})
		}
		if e.Write {
			rights.Members = append(rights.Members, Member{"write", Bool(true)})
		}
		o.Members = append(o.Members, Member{e.Key, rights})
	}
	return o
}

// Stored returns the fields that an ACL is kept in: _rperm and _wperm, by which
// the store filters, and _acl, which old readers of the database look at.
func (a ACL) Stored() (rperm, wperm bson.A, acl bson.D) {
	rperm, wperm, acl = bson.A{}, bson.A{}, bson.D{}
	for _, e := range a.Entries {
		rights := bson.D{}
		if e.Read {
			rperm = append(rperm, e.Key)
			rights = append(rights, bson.E{Key: "r", Value: true})
		}
		if e.Write {
			wperm = append(wperm, e.Key)
			rights = append(rights, bson.E{Key: "w", Value: true})
		}
		if len(rights) > 0 {
			acl = append(acl, bson.E{Key: e.Key, Value: rights})
		}
	}
	return rperm, wperm, acl
}

// storedFields returns the fields that Stored describes.
func (a ACL) storedFields() []bson.E {
	rperm, wperm, acl := a.Stored()
	return []bson.E{{Key: "_rperm", Value: rperm}, {Key: "_wperm", Value: wperm}, {Key: "_acl", Value: acl}}
}
