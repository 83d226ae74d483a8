package embedded

import (
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// difference finds what an update has done to a document, in the terms of
// MongoDB's updateDescription.
type difference struct{ *store.Change }

// documents compares two versions of a document; prefix is its path with a dot.
func (d difference) documents(prefix string, before, after bson.Raw) {
	was, err := before.Elements()
	if err != nil {
		return
	}
	is, err := after.Elements()
	if err != nil {
		return
	}
	old := make(map[string]bson.RawValue, len(was))
	for _, e := range was {
		old[e.Key()] = e.Value()
	}
	for _, e := range is {
		v, there := old[e.Key()]
		delete(old, e.Key())
		if there {
			d.values(prefix+e.Key(), v, e.Value())
			continue
		}
		d.set(prefix+e.Key(), e.Value())
	}
	for _, e := range was {
		if _, gone := old[e.Key()]; gone {
			d.Removed = append(d.Removed, prefix+e.Key())
		}
	}
}

func (d difference) set(path string, v bson.RawValue) {
	d.Set = append(d.Set, bson.E{Key: path, Value: v})
}

func (d difference) values(path string, before, after bson.RawValue) {
	if before.Equal(after) {
		return
	}
	if was, ok := before.DocumentOK(); ok {
		if is, ok := after.DocumentOK(); ok {
			d.documents(path+".", was, is)
			return
		}
	}
	if was, ok := before.ArrayOK(); ok {
		if is, ok := after.ArrayOK(); ok && d.arrays(path, was, is) {
			return
		}
	}
	d.set(path, after)
}

// arrays compares two versions of an array, element by element, unless most of
// the elements differ.
func (d difference) arrays(path string, before, after bson.RawArray) bool {
	was, err := before.Values()
	if err != nil {
		return false
	}
	is, err := after.Values()
	if err != nil {
		return false
	}
	common, different := min(len(was), len(is)), 0
	for i := range common {
		if !was[i].Equal(is[i]) {
			different++
		}
	}
	if different+max(0, len(is)-len(was)) > len(is)/2 {
		return false
	}
	for i := range common {
		d.values(path+"."+strconv.Itoa(i), was[i], is[i])
	}
	for i := common; i < len(is); i++ {
		d.set(path+"."+strconv.Itoa(i), is[i])
	}
	if len(is) < len(was) {
		d.Truncated = append(d.Truncated, store.TruncatedArray{Field: path, NewSize: int32(len(is))})
	}
	return true
}
