package mongo

import "go.mongodb.org/mongo-driver/v2/bson"

// joining are the members by which stages name other collections.
var joining = map[string]string{"$lookup": "from", "$graphLookup": "from", "$unionWith": "coll"}

// prefixed returns a pipeline in which other collections have their names in the
// database. What is malformed stays, for the server to refuse.
func (s *Store) prefixed(stages bson.A) bson.A {
	if s.prefix == "" {
		return stages
	}
	list := make(bson.A, len(stages))
	for i, v := range stages {
		list[i] = v
		if stage, ok := v.(bson.D); ok && len(stage) == 1 {
			list[i] = bson.D{{Key: stage[0].Key, Value: s.prefixedStage(stage[0].Key, stage[0].Value)}}
		}
	}
	return list
}

func (s *Store) prefixedStage(name string, operand any) any {
	member, joins := joining[name]
	if collection, ok := operand.(string); ok && joins {
		return s.prefix + collection
	}
	d, ok := operand.(bson.D)
	if !ok || !joins && name != "$facet" {
		return operand
	}
	changed := make(bson.D, len(d))
	for i, e := range d {
		changed[i] = e
		collection, isName := e.Value.(string)
		inner, isPipeline := e.Value.(bson.A)
		switch {
		case isName && e.Key == member && joins:
			changed[i].Value = s.prefix + collection
		case isPipeline && (e.Key == "pipeline" || name == "$facet"):
			changed[i].Value = s.prefixed(inner)
		}
	}
	return changed
}
