package embedded

import (
	"bytes"
	"slices"
)

// position is a place in the order of a field's ascending index keys: right
// before all keys that begin with key, or right after them.
type position struct {
	key   []byte
	after bool
}

// append appends the position to the keys of the fields before, as the bound
// that separates the index keys before it from those after it.
func (p position) append(prefix []byte, descending bool) []byte {
	bound := slices.Concat(prefix, p.key)
	if !descending {
		if p.after {
			return successor(bound)
		}
		return bound
	}
	for i := len(prefix); i < len(bound); i++ {
		bound[i] = ^bound[i]
	}
	if p.after {
		return bound
	}
	return successor(bound)
}

func (p position) compare(q position) int {
	return bytes.Compare(p.append(nil, false), q.append(nil, false))
}

// successor returns the least key above all keys that begin with prefix,
// changing prefix. No key begins with 0xFF.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xFF {
			prefix[i]++
			return prefix[:i+1]
		}
	}
	return []byte{0xFF}
}

// interval is the keys of one field between two positions.
type interval struct{ low, high position }

func (i interval) empty() bool { return i.low.compare(i.high) >= 0 }

func (i interval) equal(j interval) bool {
	return i.low.compare(j.low) == 0 && i.high.compare(j.high) == 0
}

// everything is the interval of all keys.
func everything() interval { return interval{position{}, position{after: true}} }

// exactly is the interval of one value's key.
func exactly(key []byte) interval {
	return interval{position{key: key}, position{key: key, after: true}}
}

// intersect returns what is in both of two lists of ordered intervals.
func intersect(a, b []interval) []interval {
	var both []interval
	for len(a) > 0 && len(b) > 0 {
		i := a[0]
		if b[0].low.compare(i.low) > 0 {
			i.low = b[0].low
		}
		if c := b[0].high.compare(i.high); c < 0 {
			i.high = b[0].high
			b = b[1:]
		} else {
			a = a[1:]
		}
		if !i.empty() {
			both = append(both, i)
		}
	}
	return both
}

// merge orders intervals and joins those that overlap.
func merge(intervals []interval) []interval {
	slices.SortFunc(intervals, func(a, b interval) int { return a.low.compare(b.low) })
	merged := intervals[:0]
	for _, i := range intervals {
		if i.empty() {
			continue
		}
		if n := len(merged); n > 0 && i.low.compare(merged[n-1].high) < 0 {
			if i.high.compare(merged[n-1].high) > 0 {
				merged[n-1].high = i.high
			}
			continue
		}
		merged = append(merged, i)
	}
	return merged
}

// keyRange is a contiguous part of an index: low ≤ k < high.
type keyRange struct{ low, high []byte }

// allKeys is a whole index.
func allKeys() []keyRange { return []keyRange{{low: []byte{}, high: []byte{0xFF}}} }

// maxRanges bounds the ranges of a scan, beyond which the fields of an index
// behind those that made them are left to the filter.
const maxRanges = 1 << 14

// keyRanges combines the intervals of an index's leading fields. All fields but
// the last must have single values only, so that what they make is contiguous.
func keyRanges(fields []indexField, bounds [][]interval) []keyRange {
	prefixes := [][]byte{nil}
	last := len(bounds) - 1
	for i, intervals := range bounds[:last] {
		var longer [][]byte
		for _, prefix := range prefixes {
			for _, iv := range intervals {
				key := slices.Concat(prefix, iv.low.key)
				if fields[i].descending {
					for j := len(prefix); j < len(key); j++ {
						key[j] = ^key[j]
					}
				}
				longer = append(longer, key)
			}
		}
		prefixes = longer
	}
	var ranges []keyRange
	for _, prefix := range prefixes {
		for _, iv := range bounds[last] {
			low, high := iv.low, iv.high
			if fields[last].descending {
				low, high = high, low
			}
			ranges = append(ranges, keyRange{
				low:  low.append(prefix, fields[last].descending),
				high: high.append(prefix, fields[last].descending),
			})
		}
	}
	slices.SortFunc(ranges, func(a, b keyRange) int { return bytes.Compare(a.low, b.low) })
	return ranges
}
