package match

import (
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// modifierCompiler makes a modifier of the operand that an operator has for a path.
type modifierCompiler func(path string, operand value) (modifier, error)

var modifiers = map[string]modifierCompiler{
	"$set":         func(_ string, v value) (modifier, error) { return setting{v}, nil },
	"$setOnInsert": func(_ string, v value) (modifier, error) { return settingOnInsert{v}, nil },
	"$unset":       func(string, value) (modifier, error) { return unsetting{}, nil },
	"$min":         func(_ string, v value) (modifier, error) { return limiting{v, -1}, nil },
	"$max":         func(_ string, v value) (modifier, error) { return limiting{v, 1}, nil },
	"$inc":         compileIncrement,
	"$mul":         compileMultiply,
	"$bit":         compileBit,
	"$currentDate": compileCurrentDate,
	"$rename":      compileRename,
	"$push":        compilePush,
	"$addToSet":    compileAddToSet,
	"$pull":        compilePull,
	"$pullAll":     compilePullAll,
	"$pop":         compilePop,
}

// creator is embedded in modifiers that make a value where there is none.
type creator struct{}

func (creator) creates(*applying) bool { return true }

// keeper is embedded in modifiers that only change what is there.
type keeper struct{}

func (keeper) creates(*applying) bool { return false }

// setting is $set.
type setting struct{ v value }

func (s setting) modify(value, *applying) (value, error) { return s.v, nil }
func (s setting) creates(*applying) bool                 { return true }

// settingOnInsert is $setOnInsert.
type settingOnInsert struct{ v value }

func (s settingOnInsert) modify(old value, a *applying) (value, error) {
	if a.insert {
		return s.v, nil
	}
	return old, nil
}

func (s settingOnInsert) creates(a *applying) bool { return a.insert }

// unsetting is $unset.
type unsetting struct{ keeper }

func (unsetting) modify(value, *applying) (value, error) { return missing, nil }

// limiting is $min and $max: it sets its value where that is on the given side
// of what is there.
type limiting struct {
	v    value
	side int
}

func (l limiting) modify(old value, _ *applying) (value, error) {
	if old.kind == 0 || compare(l.v, old, Simple, 0)*l.side > 0 {
		return l.v, nil
	}
	return old, nil
}

func (l limiting) creates(*applying) bool { return true }

// currentDate is $currentDate.
type currentDate struct {
	creator
	timestamp bool
}

func (c currentDate) modify(_ value, a *applying) (value, error) {
	now := a.clock()
	if c.timestamp {
		return value{
			kind: bson.TypeTimestamp,
			data: binary.LittleEndian.AppendUint64(nil, uint64(now.Unix())<<32|1),
		}, nil
	}
	return value{
		kind: bson.TypeDateTime,
		data: binary.LittleEndian.AppendUint64(nil, uint64(now.UnixMilli())),
	}, nil
}

func compileCurrentDate(path string, v value) (modifier, error) {
	if v.kind == bson.TypeBoolean {
		return currentDate{}, nil
	}
	if v.kind == bson.TypeEmbeddedDocument {
		e := elements(v.data)
		key, kind, _ := e.next()
		if string(key) == "$type" && kind.isString() {
			switch string(kind.text()) {
			case "date":
				return currentDate{}, nil
			case "timestamp":
				return currentDate{timestamp: true}, nil
			}
		}
	}
	return nil, store.BadRequest(codeBadValue,
		"$currentDate of '%s' is neither a boolean nor {$type: 'date' | 'timestamp'}", path)
}

// renaming is $rename, at its target.
type renaming struct {
	from, target string
	number       int // among the update's renames
}

func compileRename(path string, v value) (modifier, error) {
	if !v.isString() {
		return nil, store.BadRequest(codeBadValue, "The 'to' field for $rename must be a string: %s", path)
	}
	target := string(v.text())
	if target == path {
		return nil, store.BadRequest(codeBadValue, "The source and target field for $rename must differ: %s", path)
	}
	return &renaming{from: path, target: target}, nil
}

func (r *renaming) modify(old value, a *applying) (value, error) {
	v := a.renamed[r.number]
	switch {
	case v.kind == 0:
		return old, nil
	case a.arrays > 0:
		return missing, store.BadRequest(codeBadValue,
			"The destination field cannot be an array element, '%s'", r.target)
	}
	return v, nil
}

func (r *renaming) creates(a *applying) bool { return a.renamed[r.number].kind != 0 }

// renamed stands at the source of a rename.
type renamed struct{ keeper }

func (renamed) modify(old value, _ *applying) (value, error) { return old, nil }
