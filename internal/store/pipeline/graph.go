package pipeline

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// graphing is $graphLookup.
type graphing struct {
	from, to, path string
	as             []string
	start          *expression.Expression
	onward         *match.Path
	depthField     []string // nil for none
	maxDepth       int64    // below 0 for no bound
	restriction    bson.D
	collation      match.Collation
	insensitive    bool
}

func (c compiler) graphLookup(v any) (*graphing, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(codeFailedToParse, "the $graphLookup stage specification must be an object")
	}
	g := &graphing{maxDepth: -1, collation: c.collation, insensitive: c.options.CaseInsensitive}
	var onward, depth string
	texts := map[string]*string{"from": &g.from, "as": &g.path, "connectFromField": &onward, "connectToField": &g.to, "depthField": &depth}
	for _, e := range d {
		var err error
		switch e.Key {
		case "startWith":
			g.start, err = c.expression(e.Value)
		case "maxDepth":
			switch {
			case !isNumber(e.Value):
				err = store.BadRequest(40100, "maxDepth requires a numeric argument")
			default:
				if g.maxDepth, ok = whole(e.Value); !ok {
					err = store.BadRequest(40102, "maxDepth could not be represented as a long long")
				} else if g.maxDepth < 0 {
					err = store.BadRequest(40101, "maxDepth requires a nonnegative argument, found: %d", g.maxDepth)
				}
			}
		case "restrictSearchWithMatch":
			if g.restriction, ok = e.Value.(bson.D); !ok {
				err = store.BadRequest(40185, "restrictSearchWithMatch must be an object")
			} else {
				err = c.searchable("restrictSearchWithMatch", g.restriction)
			}
		default:
			text, known := texts[e.Key]
			if !known {
				return nil, store.BadRequest(40104, "Unknown argument to $graphLookup: %s", e.Key)
			}
			if *text, ok = e.Value.(string); !ok {
				err = store.BadRequest(40103, "expected string as argument for %s", e.Key)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if g.from == "" || g.path == "" || onward == "" || g.to == "" || g.start == nil {
		return nil, store.BadRequest(40105, "$graphLookup requires 'from', 'as', 'startWith', 'connectFromField', and 'connectToField' to be specified.")
	}
	return g, g.paths(onward, depth)
}

func (g *graphing) paths(onward, depth string) (err error) {
	if g.as, err = splitPath(g.path); err != nil {
		return err
	}
	if depth != "" {
		if g.depthField, err = splitPath(depth); err != nil {
			return err
		}
	}
	for _, path := range []string{onward, g.to} {
		if _, err := splitPath(path); err != nil {
			return err
		}
	}
	g.onward, err = match.CompilePath(onward)
	return err
}

func (g *graphing) traits() traits {
	return traits{single: true, reads: true, quiets: true, keeps: func(path string) bool { return !overlap(path, g.path) }}
}

func (g *graphing) step(x *execution, next step, quiet bool) step {
	s := &graph{graphing: g, x: x, next: next}
	s.blocks = blocks{x: x, quiet: quiet, work: s.work}
	s.shape = at(g.as, &s.list)
	if g.depthField != nil {
		s.deepened = at(g.depthField, &s.depth)
	}
	return s
}

type graph struct {
	*graphing
	blocks
	x               *execution
	next            step
	shape, deepened *shape
	list, depth     slot
	buffer, inner   []byte
}

func (g *graph) end() error {
	if err := g.finish(); err != nil {
		return err
	}
	return g.next.end()
}

func (g *graph) work(docs []scored) (more bool, err error) {
	for _, d := range docs {
		doc := d.doc
		g.x.score.n = d.score
		found, err := g.walk(doc)
		if err != nil {
			return false, err
		}
		g.list.value = found.value()
		if g.buffer, err = g.shape.append(g.buffer[:0], g.x.env, doc, doc); err != nil {
			return false, err
		}
		if err := checkSize(len(g.buffer)); err != nil {
			return false, err
		}
		if more, err := g.next.take(g.buffer); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// frontier are the values to look for next, each for the first time.
type frontier struct {
	collation match.Collation
	seen      map[string]struct{}
	values    bson.A
	size      int
	key       []byte
}

func (f *frontier) add(v bson.RawValue) bool {
	f.key = f.collation.AppendKey(f.key[:0], v)
	if _, ok := f.seen[string(f.key)]; !ok {
		f.seen[string(f.key)] = struct{}{}
		f.values = append(f.values, cloned(v))
		f.size += len(f.key) + len(v.Value) + groupSize
	}
	return true
}

// walk returns all that is found from a document on, level by level.
func (g *graph) walk(doc bson.Raw) (*array, error) {
	start, err := g.start.Evaluate(g.x.env, doc)
	if err != nil {
		return nil, err
	}
	next := &frontier{collation: g.collation, seen: make(map[string]struct{})}
	switch start.Type {
	case 0:
	case bson.TypeArray:
		for e := match.Elements(start.Value); ; {
			_, v, ok := e.Next()
			if !ok {
				break
			}
			next.add(v)
		}
	default:
		next.add(start)
	}
	result := newArray()
	visited := make(map[string]struct{})
	size := 0
	for depth := int64(0); len(next.values) > 0 && (g.maxDepth < 0 || depth <= g.maxDepth); depth++ {
		if err := g.x.ctx.Err(); err != nil {
			return nil, err
		}
		in := bson.D{{Key: g.to, Value: bson.D{{Key: "$in", Value: next.values}}}}
		next.values = nil
		g.depth.value = int64Value(depth)
		q := store.Find{Filter: conjunction(in, g.restriction), CaseInsensitive: g.insensitive}
		err := g.x.source.Find(g.x.ctx, g.from, q, func(doc bson.Raw) error {
			id := string(match.AppendKey(nil, match.Lookup(doc, "_id")))
			if _, ok := visited[id]; ok {
				return nil
			}
			visited[id] = struct{}{}
			g.onward.Distinct(doc, next.add)
			if g.deepened != nil {
				var err error
				if g.inner, err = g.deepened.append(g.inner[:0], g.x.env, doc, doc); err != nil {
					return err
				}
				doc = g.inner
			}
			result.add(bson.TypeEmbeddedDocument, doc)
			if size += len(id) + stateSize; size+next.size+len(result.data) > g.x.options.limit() {
				return store.BadRequest(40099, "$graphLookup reached maximum memory consumption")
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return &result, nil
}
