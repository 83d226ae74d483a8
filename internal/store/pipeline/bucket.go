package pipeline

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/spool"
)

// buckets is the key of the groups of $bucket: the boundary at or below a value.
type buckets struct {
	value      *expression.Expression
	boundaries []bson.RawValue
	// other is the key of what is in no bucket, of type 0 if that is an error.
	other     bson.RawValue
	collation match.Collation
}

func (b *buckets) Evaluate(env *expression.Env, doc bson.Raw) (bson.RawValue, error) {
	v, err := b.value.Evaluate(env, doc)
	if err != nil {
		return v, err
	}
	at, found := slices.BinarySearchFunc(b.boundaries, v, b.collation.Compare)
	if found {
		at++
	}
	switch {
	case at > 0 && at < len(b.boundaries):
		return b.boundaries[at-1], nil
	case b.other.Type == 0:
		return v, store.BadRequest(40066, "$switch could not find a matching branch for an input, and no default was specified.")
	}
	return b.other, nil
}

// groupBy compiles the groupBy of $bucket and $bucketAuto.
func (c compiler) groupBy(v any, code int32, name string) (*expression.Expression, error) {
	if !pathOperand(v) && !operatorDocument(v) {
		return nil, store.BadRequest(code, "The %s 'groupBy' field must be defined as a $-prefixed path or an expression, but found: %v", name, v)
	}
	return c.expression(v)
}

// bucket compiles $bucket, which is a $group and a $sort.
func (c compiler) bucket(v any) ([]operation, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(40201, "Argument to $bucket stage must be an object")
	}
	b := &buckets{collation: c.collation}
	output := bson.D{{Key: "count", Value: countOne}}
	for _, e := range d {
		var err error
		switch e.Key {
		case "groupBy":
			b.value, err = c.groupBy(e.Value, 40202, "$bucket")
		case "boundaries":
			b.boundaries, err = c.boundaries(e.Value)
		case "default":
			var constant *expression.Expression
			if constant, err = c.expression(e.Value); err == nil {
				if b.other, ok = constant.Constant(); !ok {
					err = store.BadRequest(40195, "The $bucket 'default' field must be a constant expression")
				}
				b.other = orNull(b.other)
			}
		case "output":
			if output, ok = e.Value.(bson.D); !ok {
				err = store.BadRequest(40196, "The $bucket 'output' field must be an object")
			}
		default:
			err = store.BadRequest(40197, "Unrecognized option to $bucket: %s.", e.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	if b.value == nil || b.boundaries == nil {
		return nil, store.BadRequest(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.")
	}
	lowest, highest := b.boundaries[0], b.boundaries[len(b.boundaries)-1]
	if b.other.Type != 0 && c.collation.Compare(b.other, lowest) >= 0 && c.collation.Compare(b.other, highest) < 0 {
		return nil, store.BadRequest(40199, "The $bucket 'default' field must be less than the lowest boundary or greater than or equal to the highest boundary.")
	}
	fields, err := c.accumulations(output)
	if err != nil {
		return nil, err
	}
	sort, err := c.sort(bson.D{{Key: "_id", Value: int32(1)}})
	return []operation{&grouping{key: b, fields: fields, collation: c.collation}, sort}, err
}

func (c compiler) boundaries(v any) ([]bson.RawValue, error) {
	list, ok := v.(bson.A)
	if !ok {
		return nil, store.BadRequest(40200, "The $bucket 'boundaries' field must be an array, but found: %v", v)
	}
	var values []bson.RawValue
	for _, item := range list {
		e, err := c.expression(item)
		if err != nil {
			return nil, err
		}
		v, ok := e.Constant()
		if !ok {
			return nil, store.BadRequest(40191, "The $bucket 'boundaries' field must be an array of constant values")
		}
		values = append(values, orNull(v))
	}
	if len(values) < 2 {
		return nil, store.BadRequest(40192, "The $bucket 'boundaries' field must have at least 2 values, but found %d value(s).", len(values))
	}
	for i := 1; i < len(values); i++ {
		low, _ := match.KeyBounds(values[i-1].Type)
		other, _ := match.KeyBounds(values[i].Type)
		if low != other {
			return nil, store.BadRequest(40193, "All values in the the 'boundaries' option to $bucket must have the same type.")
		}
		if c.collation.Compare(values[i-1], values[i]) >= 0 {
			return nil, store.BadRequest(40194, "The 'boundaries' option to $bucket must be sorted, but elements %d and %d are not in ascending order.", i-1, i)
		}
	}
	return values, nil
}

// autoBucketing is $bucketAuto: as many groups as told, of about the same size.
type autoBucketing struct {
	value     *expression.Expression
	n         int64
	fields    []accumulation
	collation match.Collation
}

func (c compiler) bucketAuto(v any) (*autoBucketing, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(40240, "The argument to $bucketAuto must be an object")
	}
	b := &autoBucketing{collation: c.collation}
	output := bson.D{{Key: "count", Value: countOne}}
	for _, e := range d {
		var err error
		switch e.Key {
		case "groupBy":
			b.value, err = c.groupBy(e.Value, 40239, "$bucketAuto")
		case "buckets":
			n, fits := whole(e.Value)
			switch {
			case !isNumber(e.Value):
				err = store.BadRequest(40241, "The $bucketAuto 'buckets' field must be a numeric value")
			case !fits || n != int64(int32(n)):
				err = store.BadRequest(40242, "The $bucketAuto 'buckets' field must be representable as a 32-bit integer")
			case n <= 0:
				err = store.BadRequest(40243, "The $bucketAuto 'buckets' field must be greater than 0, but found: %d", n)
			}
			b.n = n
		case "output":
			if output, ok = e.Value.(bson.D); !ok {
				err = store.BadRequest(40244, "The $bucketAuto 'output' field must be an object")
			}
		case "granularity":
			if _, ok := e.Value.(string); !ok {
				return nil, store.BadRequest(40261, "The $bucketAuto 'granularity' field must be a string")
			}
			err = store.BadRequest(codeNotSupported, "the 'granularity' of $bucketAuto is not served")
		default:
			err = store.BadRequest(40245, "Unrecognized option to $bucketAuto: %s.", e.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	if b.value == nil || b.n == 0 {
		return nil, store.BadRequest(40246, "$bucketAuto requires 'groupBy' and 'buckets' to be specified.")
	}
	var err error
	b.fields, err = c.accumulations(output)
	return b, err
}

func (b *autoBucketing) traits() traits { return traits{quiets: true} }

func (b *autoBucketing) step(x *execution, next step, _ bool) step {
	docs := spool.NewSorter(x.spilling("$bucketAuto"), 0)
	x.closers = append(x.closers, docs.Close)
	return &autoBuckets{autoBucketing: b, x: x, docs: docs, next: next}
}

type autoBuckets struct {
	*autoBucketing
	x     *execution
	docs  *spool.Sorter
	total int64
	key   []byte
	next  step

	// The bucket that is filled, how many documents it has, and the value of the
	// first and the last of them.
	states      []state
	n           int64
	size        int
	first, last bson.RawValue
	made        int64
}

func (b *autoBuckets) take(doc bson.Raw) (bool, error) {
	v, err := b.value.Evaluate(b.x.env, doc)
	if err != nil {
		return false, err
	}
	b.total++
	b.key = b.collation.AppendKey(b.key[:0], v)
	return true, b.docs.Add(b.key, b.x.hold(doc))
}

func (b *autoBuckets) end() error {
	// A bucket has this many documents, and those with the value of its last.
	size := max(1, (b.total+b.autoBucketing.n/2)/b.autoBucketing.n)
	wanted := true
	err := b.docs.Sorted(func(held []byte) (bool, error) {
		if err := b.x.alive(); err != nil {
			return false, err
		}
		doc := b.x.release(held)
		v, err := b.value.Evaluate(b.x.env, doc)
		if err != nil {
			return false, err
		}
		v = cloned(orNull(v))
		if b.n >= size && b.made < b.autoBucketing.n-1 && b.collation.Compare(v, b.last) != 0 {
			if wanted, err = b.emit(v); err != nil || !wanted {
				return false, err
			}
		}
		return true, b.add(doc, v)
	})
	if err == nil && wanted && b.n > 0 {
		_, err = b.emit(b.last)
	}
	if err != nil {
		return err
	}
	return b.next.end()
}

func (b *autoBuckets) add(doc bson.Raw, v bson.RawValue) error {
	if b.n == 0 {
		b.first, b.size = v, 0
		b.states = make([]state, len(b.fields))
		for i, f := range b.fields {
			var err error
			if b.states[i], err = f.start(b.x, null); err != nil {
				return err
			}
		}
	}
	b.n++
	b.last = v
	for _, s := range b.states {
		grown, err := s.take(b.x.env, doc)
		if err != nil {
			return err
		}
		b.size += grown
	}
	if b.size > b.x.options.limit() {
		return store.BadRequest(codeExceededMemory, "$bucketAuto used too much memory. Memory limit: %d bytes", maxMemory)
	}
	return nil
}

// emit passes on the bucket, which reaches up to a value.
func (b *autoBuckets) emit(upTo bson.RawValue) (more bool, err error) {
	id, start := openDocument(nil)
	id = closeDocument(appendField(appendField(id, "min", b.first), "max", upTo), start)
	made := &group{id: documentValue(id), states: b.states}
	b.made++
	b.n = 0
	doc, err := made.append(nil, b.fields)
	if err != nil {
		return false, err
	}
	b.x.score.none()
	return b.next.take(doc)
}
