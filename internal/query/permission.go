package query

import "go.mongodb.org/mongo-driver/v2/bson"

// ReadableBy is the condition of a filter that lets through the objects that
// anyone, or one of ids, may read: user ids, and role names with "role:" before
// them. An object without an ACL is everyone's.
func ReadableBy(ids []string) bson.E { return permitted("_rperm", ids) }

// WritableBy is ReadableBy for writing.
func WritableBy(ids []string) bson.E { return permitted("_wperm", ids) }

func permitted(column string, ids []string) bson.E {
	who := make(bson.A, 2, len(ids)+2)
	who[0], who[1] = nil, "*"
	for _, id := range ids {
		if id != "*" {
			who = append(who, id)
		}
	}
	return bson.E{Key: column, Value: bson.D{{Key: "$in", Value: who}}}
}
