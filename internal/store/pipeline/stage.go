package pipeline

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// stage is a compiled stage as it is written.
type stage struct {
	spec bson.D
	operation
}

// operation is what a stage does.
type operation interface {
	// step returns the stage at work. quiet tells that no search is running when
	// documents come to it, so that it may read collections at once.
	step(x *execution, next step, quiet bool) step
	traits() traits
}

// traits are what the order of stages depends upon.
type traits struct {
	// single tells that the stage makes one document of each.
	single bool
	// keeps tells whether the stage leaves what a filter sees at a path as it
	// is; nil means that it leaves nothing.
	keeps func(path string) bool
	// keepsAll tells that the documents stay as they are.
	keepsAll bool
	// reads tells that the stage reads collections.
	reads bool
	// quiets tells that documents leave the stage when no search is running, and
	// disturbs that they leave it while one is; otherwise it is as when they come.
	quiets, disturbs bool
}

// step is a stage at work. It passes on to the next one what it makes of the
// documents it takes, which are valid during the call only.
type step interface {
	// take returns false when no more documents are wanted.
	take(doc bson.Raw) (more bool, err error)
	// end tells that there are no more documents.
	end() error
}

// build puts stages to work before last.
func (x *execution) build(stages []stage, last step, quiet bool) step {
	quiets := make([]bool, len(stages))
	for i, s := range stages {
		quiets[i] = quiet
		t := s.traits()
		quiet = (quiet || t.quiets) && !t.disturbs
	}
	next := last
	for i := len(stages) - 1; i >= 0; i-- {
		next = stages[i].step(x, next, quiets[i])
	}
	return next
}

// delivery is the end of a pipeline.
type delivery struct{ yield func(bson.Raw) error }

func (d delivery) take(doc bson.Raw) (bool, error) { return true, d.yield(doc) }
func (delivery) end() error                        { return nil }

// variable is a variable with the expression for its value.
type variable struct {
	name  string
	value *expression.Expression
}

// compiler turns what is written into stages.
type compiler struct {
	options   Options
	collation match.Collation
	variables []string
	nesting   int
	// within is the stage whose pipeline is compiled, "" for none.
	within string
}

func (c compiler) expression(v any) (*expression.Expression, error) {
	return expression.Compile(v, expression.Options{Collation: c.collation, Variables: c.variables})
}

// let compiles definitions of variables and makes them known.
func (c *compiler) let(definitions bson.D) ([]variable, error) {
	var let []variable
	for _, d := range definitions {
		if d.Key == "" || d.Key[0] < 'a' || d.Key[0] > 'z' {
			return nil, store.BadRequest(codeFailedToParse, "'%s' starts with an invalid character for a user variable name", d.Key)
		}
		e, err := c.expression(d.Value)
		if err != nil {
			return nil, err
		}
		let = append(let, variable{d.Key, e})
	}
	c.variables = slices.Clip(c.variables)
	for _, v := range let {
		c.variables = append(c.variables, v.name)
	}
	return let, nil
}

// sub compiles the pipeline of a stage.
func (c compiler) sub(stageName, collection string, stages bson.A) (*Pipeline, error) {
	c.within = stageName
	if c.nesting++; c.nesting > maxNesting {
		return nil, store.BadRequest(codeTooDeep, "Maximum number of nested sub-pipelines exceeded. Limit is %d", maxNesting)
	}
	return c.pipeline(collection, stages)
}

// pipeline compiles a pipeline over a collection, or over what a stage gives it
// if that is "".
func (c compiler) pipeline(collection string, stages bson.A) (*Pipeline, error) {
	list, err := c.stages(stages)
	if err != nil {
		return nil, err
	}
	p := &Pipeline{collection: collection, options: c.options, stages: list}
	p.query.CaseInsensitive = c.options.CaseInsensitive
	if len(list) > 0 {
		switch first := list[0].operation.(type) {
		case *documents:
			p.documents, p.stages = first, list[1:]
		case *nearness:
			p.geo = first
		}
	}
	for _, s := range p.stages[min(len(p.stages), 1):] {
		switch s.operation.(type) {
		case *documents, *nearness:
			return nil, store.BadRequest(40602, "%s is only valid as the first stage in a pipeline.", s.spec[0].Key)
		}
	}
	p.arrange()
	return p, nil
}

func (c compiler) stages(list bson.A) ([]stage, error) {
	if len(list) > maxStages {
		return nil, store.BadRequest(7749501, "Pipeline length must be no longer than %d stages.", maxStages)
	}
	var stages []stage
	for _, v := range list {
		d, ok := v.(bson.D)
		if !ok {
			return nil, store.BadRequest(codeTypeMismatch, "Each element of the 'pipeline' array must be an object")
		}
		if len(d) != 1 {
			return nil, store.BadRequest(40323, "A pipeline stage specification object must contain exactly one field.")
		}
		if c.within == "$facet" && slices.Contains(notInFacet, d[0].Key) {
			return nil, store.BadRequest(40600, "%s is not allowed to be used within a $facet stage", d[0].Key)
		}
		operations, err := c.operations(d[0].Key, d[0].Value)
		if err != nil {
			return nil, err
		}
		for i, op := range operations {
			spec := d
			if i > 0 {
				spec = bson.D{{Key: "$sort", Value: op.(*sorting).spec}}
			}
			stages = append(stages, stage{spec, op})
		}
	}
	return stages, nil
}

var notInFacet = []string{"$facet", "$out", "$merge", "$geoNear", "$indexStats", "$collStats", "$planCacheStats", "$documents", "$changeStream"}

// operations compiles a stage. Some are made of two.
func (c compiler) operations(name string, v any) ([]operation, error) {
	switch name {
	case "$match":
		return one(c.match(v))
	case "$project":
		return one(c.project(v))
	case "$addFields", "$set":
		return one(c.addFields(name, v))
	case "$unset":
		return one(c.unset(v))
	case "$sort":
		return one(c.sort(v))
	case "$skip":
		return one(c.skip(v))
	case "$limit":
		return one(c.limit(v))
	case "$count":
		return one(c.count(v))
	case "$sample":
		return one(c.sample(v))
	case "$group":
		return one(c.group(v))
	case "$sortByCount":
		return c.sortByCount(v)
	case "$bucket":
		return c.bucket(v)
	case "$bucketAuto":
		return one(c.bucketAuto(v))
	case "$unwind":
		return one(c.unwind(v))
	case "$replaceRoot", "$replaceWith":
		return one(c.replaceRoot(name, v))
	case "$redact":
		return one(c.redact(v))
	case "$lookup":
		return one(c.lookup(v))
	case "$graphLookup":
		return one(c.graphLookup(v))
	case "$unionWith":
		return one(c.unionWith(v))
	case "$facet":
		return one(c.facet(v))
	case "$documents":
		return one(c.documents(v))
	case "$geoNear":
		return one(c.geoNear(v))
	case "$out", "$merge":
		if c.within != "" {
			return nil, store.BadRequest(51047, "%s is not allowed within a %s's sub-pipeline", name, c.within)
		}
		fallthrough
	case "$changeStream", "$changeStreamSplitLargeEvent", "$collStats", "$currentOp", "$densify", "$fill", "$indexStats",
		"$listLocalSessions", "$listSearchIndexes", "$listSessions", "$listSampledQueries", "$planCacheStats", "$querySettings",
		"$queryStats", "$rankFusion", "$scoreFusion", "$score", "$search", "$searchMeta", "$setWindowFields",
		"$shardedDataDistribution", "$vectorSearch":
		return nil, store.BadRequest(codeNotSupported, "pipeline stage %s is not served", name)
	}
	return nil, store.BadRequest(40324, "Unrecognized pipeline stage name: '%s'", name)
}

func one[T operation](op T, err error) ([]operation, error) {
	if err != nil {
		return nil, err
	}
	return []operation{op}, nil
}

// whole returns a number without a fraction.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		return int64(v), v == float64(int64(v)) && v < 1<<63 && v >= -1<<63
	case bson.Decimal128:
		raw, err := match.Encode(bson.D{{Value: v}})
		if err != nil {
			return 0, false
		}
		return match.Whole(match.Lookup(raw, ""))
	}
	return 0, false
}

func isNumber(v any) bool {
	switch v.(type) {
	case int32, int64, int, float64, bson.Decimal128:
		return true
	}
	return false
}
