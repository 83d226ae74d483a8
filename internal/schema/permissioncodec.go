package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// The members of class-level permissions that are not operations.
const (
	keyACL             = "ACL"
	keyProtectedFields = "protectedFields"
	keyReadUserFields  = "readUserFields"
	keyWriteUserFields = "writeUserFields"

	keyPointerFields          = "pointerFields"
	keyRequiresAuthentication = "requiresAuthentication"
)

// decodePermissions reads permissions from their REST form, which is the stored
// one too. It takes what it understands: a stored schema that holds more than
// Loam knows must not close the class, nor open it.
func decodePermissions(o *parse.Object) Permissions {
	p := Permissions{ProtectedFields: make(map[string][]string)}
	for _, m := range o.Members {
		switch m.Key {
		case keyACL:
			acl, _ := m.Value.(*parse.Object)
			p.setDefaultACL(acl)
		case keyReadUserFields:
			p.ReadUserFields = stringsOf(m.Value)
		case keyWriteUserFields:
			p.WriteUserFields = stringsOf(m.Value)
		case keyProtectedFields:
			groups, _ := m.Value.(*parse.Object)
			for _, group := range membersOf(groups) {
				if _, ok := group.Value.(parse.Array); ok {
					p.ProtectedFields[group.Key] = stringsOf(group.Value)
				}
			}
		default:
			if op := slices.Index(operationNames[:], m.Key); op >= 0 {
				grant, _ := m.Value.(*parse.Object)
				p.Grants[op] = decodeGrant(grant)
			}
		}
	}
	return p
}

func (p *Permissions) setDefaultACL(acl *parse.Object) {
	p.DefaultACL, p.publicACL = nil, false
	if acl == nil {
		return
	}
	if p.publicACL = parse.Equal(acl, publicACL()); p.publicACL {
		return
	}
	p.DefaultACL = &parse.Object{}
	for _, m := range acl.Members {
		if _, ok := m.Value.(*parse.Object); ok {
			p.DefaultACL.Set(m.Key, m.Value)
		}
	}
}

func decodeGrant(o *parse.Object) Grant {
	var g Grant
	for _, m := range membersOf(o) {
		if m.Key == keyPointerFields {
			g.PointerFields = stringsOf(m.Value)
			continue
		}
		if m.Value != parse.Value(parse.Bool(true)) {
			continue
		}
		switch role, isRole := strings.CutPrefix(m.Key, rolePrefix); {
		case m.Key == "*":
			g.Public = true
		case m.Key == keyRequiresAuthentication:
			g.RequiresAuthentication = true
		case isRole:
			if g.Roles == nil {
				g.Roles = make(map[string]bool)
			}
			g.Roles[role] = true
		default:
			if g.Users == nil {
				g.Users = make(map[string]bool)
			}
			g.Users[m.Key] = true
		}
	}
	return g
}

// stringsOf returns the strings of an array; not nil when v is one.
func stringsOf(v parse.Value) []string {
	array, ok := v.(parse.Array)
	if !ok {
		return nil
	}
	list := make([]string, 0, len(array))
	for _, v := range array {
		if s, ok := v.(parse.String); ok {
			list = append(list, string(s))
		}
	}
	return list
}

func membersOf(o *parse.Object) []parse.Member {
	if o == nil {
		return nil
	}
	return o.Members
}

// object is the REST form of the permissions; protected are the protected
// fields to show.
func (p *Permissions) object(protected map[string][]string) *parse.Object {
	o := &parse.Object{}
	switch {
	case p.publicACL:
		o.Set(keyACL, publicACL())
	case p.DefaultACL != nil:
		o.Set(keyACL, p.DefaultACL)
	}
	for op := range p.Grants {
		o.Set(operationNames[op], p.Grants[op].object())
	}
	groups := &parse.Object{}
	for _, group := range slices.Sorted(maps.Keys(protected)) {
		groups.Set(group, arrayOf(protected[group]))
	}
	o.Set(keyProtectedFields, groups)
	if p.ReadUserFields != nil {
		o.Set(keyReadUserFields, arrayOf(p.ReadUserFields))
	}
	if p.WriteUserFields != nil {
		o.Set(keyWriteUserFields, arrayOf(p.WriteUserFields))
	}
	return o
}

func (g *Grant) object() *parse.Object {
	o := &parse.Object{}
	if g.Public {
		o.Set("*", parse.Bool(true))
	}
	if g.RequiresAuthentication {
		o.Set(keyRequiresAuthentication, parse.Bool(true))
	}
	for _, role := range slices.Sorted(maps.Keys(g.Roles)) {
		o.Set(rolePrefix+role, parse.Bool(true))
	}
	for _, user := range slices.Sorted(maps.Keys(g.Users)) {
		o.Set(user, parse.Bool(true))
	}
	if g.PointerFields != nil {
		o.Set(keyPointerFields, arrayOf(g.PointerFields))
	}
	return o
}

func arrayOf(list []string) parse.Array {
	array := make(parse.Array, len(list))
	for i, s := range list {
		array[i] = parse.String(s)
	}
	return array
}
