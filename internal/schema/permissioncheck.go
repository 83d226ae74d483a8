package schema

import (
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// permissionCheck validates submitted class-level permissions with
// parse-server's wording. All its errors are parse.InvalidJSON.
type permissionCheck struct {
	fields fieldSet
	// customIDs says that user ids may be any text, not letters and digits only
	// (option allowCustomObjectId).
	customIDs bool
}

// fieldSet tells the type of a class's fields as they are going to be.
type fieldSet map[string]parse.FieldType

func (c permissionCheck) check(o *parse.Object) error {
	for _, m := range o.Members {
		var err error
		switch m.Key {
		case keyReadUserFields, keyWriteUserFields:
			err = c.checkUserFields(m.Key, m.Value)
		case keyProtectedFields:
			err = c.checkProtectedFields(m.Value)
		case keyACL, "find", "count", "get", "create", "update", "delete", "addField":
			err = c.checkGrant(m.Key, m.Value)
		default:
			err = parse.Errorf(parse.InvalidJSON, "%s is not a valid operation for class level permissions", m.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c permissionCheck) checkUserFields(key string, v parse.Value) error {
	array, ok := v.(parse.Array)
	if !ok {
		return parse.Errorf(parse.InvalidJSON, "'%s' is not a valid value for class level permissions %s - must be an array", text(v), key)
	}
	return c.checkPointers(key, array)
}

// checkPointers wants fields that can name users: pointers to _User, and arrays.
func (c permissionCheck) checkPointers(where string, names parse.Array) error {
	for _, v := range names {
		name, ok := v.(parse.String)
		t := c.fields[string(name)]
		if !ok || t != pointerTo("_User") && t.Kind != parse.KindArray {
			return parse.Errorf(parse.InvalidJSON, "'%s' is not a valid column for class level pointer permissions %s", text(v), where)
		}
	}
	return nil
}

func (c permissionCheck) checkProtectedFields(v parse.Value) error {
	groups, err := groupsOf(keyProtectedFields, v)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if !c.validGroup(group.Key, "*", "authenticated") && !strings.HasPrefix(group.Key, ownerPrefix) {
			return invalidGroup(group.Key)
		}
		names, ok := group.Value.(parse.Array)
		if !ok {
			return parse.Errorf(parse.InvalidJSON, "'%s' is not a valid value for protectedFields[%s] - expected an array.", text(group.Value), group.Key)
		}
		for _, v := range names {
			name := text(v)
			if isDefaultField("", name) {
				return parse.Errorf(parse.InvalidJSON, "Default field '%s' can not be protected", name)
			}
			if _, ok := c.fields[name]; !ok {
				return parse.Errorf(parse.InvalidJSON, "Field '%s' in protectedFields:%s does not exist", name, group.Key)
			}
		}
	}
	return nil
}

func (c permissionCheck) checkGrant(key string, v parse.Value) error {
	groups, err := groupsOf(key, v)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if !c.validGroup(group.Key, "*", keyRequiresAuthentication, keyPointerFields) {
			return invalidGroup(group.Key)
		}
		switch {
		case group.Key == keyPointerFields:
			names, ok := group.Value.(parse.Array)
			if !ok {
				return parse.Errorf(parse.InvalidJSON, "'%s' is not a valid value for %s[%s] - expected an array.", text(group.Value), key, group.Key)
			}
			// parse-server names the operation's value here, not the operation.
			err = c.checkPointers(text(v), names)
		case key == keyACL:
			err = checkRights(group.Value)
		case group.Value != parse.Value(parse.Bool(true)):
			err = parse.Errorf(parse.InvalidJSON, "'%s' is not a valid value for class level permissions acl %s:%s", text(group.Value), key, group.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkRights checks the value of one group in a default ACL.
func checkRights(v parse.Value) error {
	rights, ok := v.(*parse.Object)
	if !ok {
		return parse.Errorf(parse.InvalidJSON, "'%s' is not a valid value for class level permissions acl", text(v))
	}
	var badKeys, badValues []string
	for _, m := range rights.Members {
		if m.Key != "read" && m.Key != "write" {
			badKeys = append(badKeys, m.Key)
		}
		if _, ok := m.Value.(parse.Bool); !ok {
			badValues = append(badValues, text(m.Value))
		}
	}
	switch {
	case badKeys != nil:
		return parse.Errorf(parse.InvalidJSON, "'%s' is not a valid key for class level permissions acl", strings.Join(badKeys, ","))
	case badValues != nil:
		return parse.Errorf(parse.InvalidJSON, "'%s' is not a valid value for class level permissions acl", strings.Join(badValues, ","))
	}
	return nil
}

// groupsOf returns the members of an operation's value.
func groupsOf(key string, v parse.Value) ([]parse.Member, error) {
	if o, ok := v.(*parse.Object); ok {
		return o.Members, nil
	}
	return nil, parse.Errorf(parse.InvalidJSON, "'%s' is not a valid value for class level permissions %s - must be an object", text(v), key)
}

// validGroup tells whether a key can name a group of users: a role, a user's
// id, or one of the words.
func (c permissionCheck) validGroup(key string, words ...string) bool {
	for _, word := range words {
		if key == word {
			return true
		}
	}
	if key == "" || strings.HasPrefix(key, rolePrefix) || c.customIDs {
		return key != ""
	}
	return isWord(key) && !strings.Contains(key, "_")
}

func invalidGroup(key string) error {
	return parse.Errorf(parse.InvalidJSON, "'%s' is not a valid key for class level permissions", key)
}

// text renders a value as JavaScript puts it into a message.
func text(v parse.Value) string {
	switch v := v.(type) {
	case parse.String:
		return string(v)
	case parse.Array:
		items := make([]string, len(v))
		for i, item := range v {
			if item != parse.Value(parse.Null{}) {
				items[i] = text(item)
			}
		}
		return strings.Join(items, ",")
	case parse.Null, parse.Bool, parse.Number:
		return string(parse.AppendJSON(nil, v))
	}
	return "[object Object]"
}
