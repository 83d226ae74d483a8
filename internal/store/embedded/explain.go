package embedded

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// Explain tells how q would be run, in the form of MongoDB's explain: the stages
// are COLLSCAN, IDHACK, IXSCAN, GEO_NEAR_2D, GEO_NEAR_2DSPHERE, TEXT_MATCH,
// TEXT_OR, FETCH, OR, SORT, SKIP, LIMIT, PROJECTION and EOF.
// docsExamined is an estimate.
func (s *Store) Explain(ctx context.Context, collection string, q store.Find) (bson.Raw, error) {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return nil, err
	}
	compiled, err := newSearch(collection, q)
	if err != nil {
		return nil, err
	}
	var raw bson.Raw
	err = s.read(ctx, tx, compiled, func(v *view) error {
		estimate, err := v.estimate(compiled.wanted())
		if err != nil {
			return err
		}
		raw, err = bson.Marshal(bson.D{
			{Key: "queryPlanner", Value: bson.D{
				{Key: "namespace", Value: collection},
				{Key: "parsedQuery", Value: orEmpty(q.Filter)},
				{Key: "winningPlan", Value: compiled.describe(v, q.Filter)},
				{Key: "rejectedPlans", Value: bson.A{}},
				{Key: "docsExamined", Value: estimate},
			}},
			{Key: "serverInfo", Value: serverInfo},
			{Key: "ok", Value: 1.0},
		})
		return err
	})
	return raw, err
}

var serverInfo = bson.D{{Key: "storageEngine", Value: "loam-embedded"}}

func orEmpty(d bson.D) bson.D {
	if d == nil {
		return bson.D{}
	}
	return d
}

// describe returns the stages, the last one outermost.
func (s *search) describe(v *view, filter bson.D) bson.D {
	if v.coll == nil {
		return bson.D{{Key: "stage", Value: "EOF"}}
	}
	stage := v.plan.describe(v.coll, filter)
	around := func(name string, details ...bson.E) {
		outer := bson.D{{Key: "stage", Value: name}}
		stage = append(append(outer, details...), bson.E{Key: "inputStage", Value: stage})
	}
	switch {
	case s.near != nil && v.plan.isGeo():
		stage = v.plan.describeNear(s.near, filter)
	case s.near != nil:
		around("SORT", bson.E{Key: "sortPattern", Value: "distance"})
	case !v.plan.sorted:
		around("SORT", bson.E{Key: "sortPattern", Value: s.request.sort}, bson.E{Key: "memLimit", Value: int64(maxSortBytes)})
	}
	if s.skip > 0 {
		around("SKIP", bson.E{Key: "skipAmount", Value: s.skip})
	}
	if s.limit > 0 {
		around("LIMIT", bson.E{Key: "limitAmount", Value: s.limit})
	}
	if s.projection != nil {
		around("PROJECTION")
	}
	return stage
}

func (p *plan) describe(c *collection, filter bson.D) bson.D {
	switch p.access {
	case collectionScan:
		return bson.D{
			{Key: "stage", Value: "COLLSCAN"}, {Key: "filter", Value: orEmpty(filter)}, {Key: "direction", Value: p.direction()},
		}
	case textScan:
		return p.describeText(filter)
	case union:
		var inputs bson.A
		for _, branch := range p.branches {
			inputs = append(inputs, branch.describe(c, nil))
		}
		return bson.D{
			{Key: "stage", Value: "FETCH"}, {Key: "filter", Value: orEmpty(filter)},
			{Key: "inputStage", Value: bson.D{{Key: "stage", Value: "OR"}, {Key: "inputStages", Value: inputs}}},
		}
	}
	scan := p.describeIndex()
	if p.exact {
		return bson.D{{Key: "stage", Value: "FETCH"}, {Key: "inputStage", Value: scan}}
	}
	return bson.D{{Key: "stage", Value: "FETCH"}, {Key: "filter", Value: orEmpty(filter)}, {Key: "inputStage", Value: scan}}
}

func (p *plan) direction() string {
	if p.reverse {
		return "backward"
	}
	return "forward"
}

// describeIndex tells what is read of the index.
func (p *plan) describeIndex() bson.D {
	scan := bson.D{
		{Key: "stage", Value: "IXSCAN"}, {Key: "keyPattern", Value: bson.D{{Key: "_id", Value: int32(1)}}},
		{Key: "indexName", Value: idIndex}, {Key: "isMultiKey", Value: false}, {Key: "isUnique", Value: true},
	}
	if p.access == idScan && p.equal == 1 && len(p.ranges) == 1 {
		scan[0].Value = "IDHACK"
	}
	if p.index != nil {
		scan[1].Value, scan[2].Value = p.index.def.Keys, p.index.def.Name
		scan[3].Value, scan[4].Value = p.multikey != 0, p.index.def.Unique
		scan = append(scan, bson.E{Key: "isSparse", Value: p.index.def.Sparse}, bson.E{Key: "isPartial", Value: p.index.def.Partial != nil})
	}
	var bounds bson.A
	for _, r := range p.ranges[:min(len(p.ranges), 16)] {
		bounds = append(bounds, fmt.Sprintf("[%x, %x)", r.low, r.high))
	}
	return append(scan,
		bson.E{Key: "direction", Value: p.direction()},
		bson.E{Key: "ranges", Value: int32(len(p.ranges))},
		bson.E{Key: "keyBounds", Value: bounds},
	)
}

// describeNear tells how a geo index gives what is near, in the order of distance.
func (p *plan) describeNear(near *match.Near, filter bson.D) bson.D {
	stage := "GEO_NEAR_2D"
	if g, _ := p.index.keys.(geo); g.Sphere() {
		stage = "GEO_NEAR_2DSPHERE"
	}
	described := bson.D{
		{Key: "stage", Value: stage}, {Key: "keyPattern", Value: p.index.def.Keys}, {Key: "indexName", Value: p.index.def.Name},
		{Key: "minDistance", Value: near.Least()}, {Key: "maxDistance", Value: near.Most()},
	}
	return append(described, bson.E{Key: "filter", Value: orEmpty(filter)}, bson.E{Key: "inputStage", Value: p.describeIndex()})
}
