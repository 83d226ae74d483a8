package pipeline

import (
	"hash/maphash"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/spool"
)

// grouping is $group, and what becomes one.
type grouping struct {
	key       computed
	fields    []accumulation
	collation match.Collation
}

// accumulation is a field of a group.
type accumulation struct {
	name string
	accumulator
}

func (c compiler) group(v any) (*grouping, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(15947, "a group's fields must be specified in an object")
	}
	g := &grouping{collation: c.collation}
	var fields bson.D
	for _, e := range d {
		if e.Key != "_id" {
			fields = append(fields, e)
			continue
		}
		if g.key != nil {
			return nil, store.BadRequest(15948, "a group's _id may only be specified once")
		}
		key, err := c.expression(e.Value)
		if err != nil {
			return nil, err
		}
		g.key = key
	}
	var err error
	if g.fields, err = c.accumulations(fields); err != nil {
		return nil, err
	}
	if g.key == nil {
		return nil, store.BadRequest(15955, "a group specification must include an _id")
	}
	return g, nil
}

// accumulations compiles the fields of groups.
func (c compiler) accumulations(fields bson.D) ([]accumulation, error) {
	var list []accumulation
	for _, e := range fields {
		operator, ok := e.Value.(bson.D)
		switch {
		case !ok:
			return nil, store.BadRequest(40234, "The field '%s' must be an accumulator object", e.Key)
		case strings.Contains(e.Key, "."):
			return nil, store.BadRequest(40235, "The field name '%s' cannot contain '.'", e.Key)
		case strings.HasPrefix(e.Key, "$"):
			return nil, store.BadRequest(40236, "The field name '%s' cannot be an operator name", e.Key)
		case len(operator) != 1:
			return nil, store.BadRequest(40238, "The field '%s' must specify one accumulator", e.Key)
		}
		for _, other := range list {
			if other.name == e.Key {
				return nil, store.BadRequest(16406, "duplicate field '%s'", e.Key)
			}
		}
		a, err := c.accumulator(operator[0].Key, operator[0].Value)
		if err != nil {
			return nil, err
		}
		list = append(list, accumulation{e.Key, a})
	}
	return list, nil
}

// counts tells how to answer a group that only counts.
func (g *grouping) counts() (func(n int64) (bson.Raw, error), bool) {
	key, ok := g.key.(*expression.Expression)
	if !ok {
		return nil, false
	}
	id, ok := key.Constant()
	if !ok {
		return nil, false
	}
	for _, f := range g.fields {
		if sum, ok := f.accumulator.(*summing); !ok || !sum.one {
			return nil, false
		}
	}
	return func(n int64) (bson.Raw, error) {
		dst, start := openDocument(nil)
		dst = appendField(dst, "_id", orNull(id))
		for _, f := range g.fields {
			dst = appendField(dst, f.name, integerValue(n))
		}
		return closeDocument(dst, start), nil
	}, true
}

func (g *grouping) traits() traits { return traits{quiets: true} }

func (g *grouping) step(x *execution, next step, _ bool) step {
	return &grouper{grouping: g, x: x, groups: make(map[string]*group), seed: maphash.MakeSeed(), next: next}
}

// grouper is a $group at work. When its groups take too much memory, documents
// of groups that are not there yet wait in files, by a hash of their keys, and
// are grouped file by file in the end.
type grouper struct {
	*grouping
	x      *execution
	groups map[string]*group
	order  []*group
	size   int
	key    []byte
	seed   maphash.Seed
	waits  []*spool.Spool // nil while there is enough memory
	depth  int
	next   step
}

// group is a group with the states of its fields.
type group struct {
	id     bson.RawValue
	states []state
}

const (
	// groupSize is what a group takes besides its key and what its fields hold.
	groupSize = 128
	stateSize = 64
	// groupFiles is how many files documents wait in.
	groupFiles = 16
	// maxRegrouping bounds how often documents are put into files again.
	maxRegrouping = 6
)

func (g *grouper) take(doc bson.Raw) (bool, error) {
	id, err := g.grouping.key.Evaluate(g.x.env, doc)
	if err != nil {
		return false, err
	}
	g.key = g.collation.AppendKey(g.key[:0], id)
	found := g.groups[string(g.key)]
	if found == nil {
		if g.waits != nil {
			return true, g.wait(doc)
		}
		if found, err = g.add(orNull(id)); err != nil {
			return false, err
		}
	}
	for _, s := range found.states {
		grown, err := s.take(g.x.env, doc)
		if err != nil {
			return false, err
		}
		g.size += grown
	}
	if g.size > g.x.options.limit() {
		return true, g.full()
	}
	return true, nil
}

// add adds a group for the key at hand.
func (g *grouper) add(id bson.RawValue) (*group, error) {
	added := &group{id: cloned(id), states: make([]state, len(g.fields))}
	for i, f := range g.fields {
		s, err := f.start(g.x, added.id)
		if err != nil {
			return nil, err
		}
		added.states[i] = s
	}
	g.groups[string(g.key)] = added
	g.order = append(g.order, added)
	g.size += groupSize + len(g.key) + len(id.Value) + stateSize*len(added.states)
	return added, nil
}

// full has documents of new groups wait from now on. Groups that grow on and on
// are an error.
func (g *grouper) full() error {
	options := g.x.spilling("$group")
	if options.Refuse != nil {
		return store.BadRequest(codeMemoryNeedsDisk, "Exceeded memory limit for $group, but didn't allow external sort. Pass allowDiskUse:true to opt in.")
	}
	if g.waits == nil && g.depth < maxRegrouping {
		g.waits = make([]*spool.Spool, groupFiles)
		options.Memory /= 4 * groupFiles
		for i := range g.waits {
			g.waits[i] = spool.New(options)
			g.x.closers = append(g.x.closers, g.waits[i].Close)
		}
	}
	if limit := g.x.options.limit(); g.size > limit+limit/2 {
		return store.BadRequest(codeExceededMemory, "$group used too much memory and cannot spill to disk. Memory limit: %d bytes", limit)
	}
	return nil
}

func (g *grouper) wait(doc bson.Raw) error {
	return g.waits[maphash.Bytes(g.seed, g.key)%groupFiles].Add(g.x.hold(doc))
}

func (g *grouper) end() error {
	if _, err := g.emit(); err != nil {
		return err
	}
	return g.next.end()
}

// emit passes on the groups and those of the documents that wait.
func (g *grouper) emit() (more bool, err error) {
	var buffer []byte
	g.x.score.none()
	for _, group := range g.order {
		if err := g.x.alive(); err != nil {
			return false, err
		}
		if buffer, err = group.append(buffer[:0], g.fields); err != nil {
			return false, err
		}
		if more, err := g.next.take(buffer); err != nil || !more {
			return more, err
		}
	}
	g.groups, g.order = nil, nil
	for _, wait := range g.waits {
		if more, err := g.regroup(wait); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// regroup groups documents that waited.
func (g *grouper) regroup(wait *spool.Spool) (more bool, err error) {
	defer wait.Close()
	if err := wait.Rewind(); err != nil {
		return false, err
	}
	part := &grouper{
		grouping: g.grouping, x: g.x, groups: make(map[string]*group), seed: maphash.MakeSeed(), depth: g.depth + 1, next: g.next,
	}
	for {
		held, err := wait.Next()
		if err != nil {
			return false, err
		}
		if held == nil {
			return part.emit()
		}
		if err := g.x.alive(); err != nil {
			return false, err
		}
		if _, err := part.take(g.x.release(held)); err != nil {
			return false, err
		}
	}
}

// append appends the group's document.
func (g *group) append(dst []byte, fields []accumulation) ([]byte, error) {
	dst, start := openDocument(dst)
	dst = appendField(dst, "_id", g.id)
	for i, f := range fields {
		v, err := g.states[i].value()
		if err != nil {
			return dst, err
		}
		dst = appendField(dst, f.name, orNull(v))
	}
	dst = closeDocument(dst, start)
	return dst, checkSize(len(dst))
}

// sortByCount compiles $sortByCount, which is a $group and a $sort.
func (c compiler) sortByCount(v any) ([]operation, error) {
	switch operand := v.(type) {
	case bson.D:
		if !operatorDocument(operand) {
			return nil, store.BadRequest(40147, "the sortByCount field must be defined as a $-prefixed path or an expression inside an object")
		}
	case string:
		if !pathOperand(v) {
			return nil, store.BadRequest(40148, "the sortByCount field must be defined as a $-prefixed path or an expression inside an object")
		}
	default:
		return nil, store.BadRequest(40149, "the sortByCount field must be specified as a string or as an object")
	}
	g, err := c.group(bson.D{{Key: "_id", Value: v}, {Key: "count", Value: countOne}})
	if err != nil {
		return nil, err
	}
	s, err := c.sort(bson.D{{Key: "count", Value: int32(-1)}})
	return []operation{g, s}, err
}

// countOne is the accumulator that counts.
var countOne = bson.D{{Key: "$sum", Value: int32(1)}}
