package query

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
)

// Score is the path of an Order that sorts by the rank of a text search.
const Score = "$score"

// Order is one sort key.
type Order struct {
	// Path is a dotted path, or Score for text search.
	Path       string
	Descending bool
}

// maxOrder is the number of keys that MongoDB sorts by at most.
const maxOrder = 32

// orderParam reads "name,-age,$score". What is there twice counts in its first
// place and in its last direction.
func orderParam(v parse.Value) ([]Order, error) {
	var text string
	switch v := v.(type) {
	case parse.Null:
	case parse.String:
		text = string(v)
	case parse.Array:
		for i, e := range v {
			s, ok := e.(parse.String)
			if !ok {
				return nil, badParam("order", "a string")
			}
			if i > 0 {
				text += ","
			}
			text += string(s)
		}
	default:
		return nil, badParam("order", "a string")
	}
	if text == "" {
		return nil, nil
	}
	count := strings.Count(text, ",") + 1
	if count > maxOrder {
		return nil, parse.Errorf(parse.InvalidQuery, "Number of order keys (%d) exceeds maximum allowed (%d)", count, maxOrder)
	}
	orders := make([]Order, 0, count)
next:
	for key := range strings.SplitSeq(text, ",") {
		path, descending := strings.CutPrefix(strings.TrimSpace(key), "-")
		if path != Score {
			var err error
			if path, err = orderPath(path); err != nil {
				return nil, err
			}
		}
		for i := range orders {
			if orders[i].Path == path {
				orders[i].Descending = descending
				continue next
			}
		}
		orders = append(orders, Order{Path: path, Descending: descending})
	}
	return orders, nil
}

// orderPath checks a path to sort by. The stored names of the two times are
// taken for the times themselves, as they always have been.
func orderPath(path string) (string, error) {
	switch path {
	case "_created_at":
		return "createdAt", nil
	case "_updated_at":
		return "updatedAt", nil
	}
	switch root := Root(path); {
	case !ValidPath(path), Internal(path), root == "className", root == "length":
		return "", parse.NewError(parse.InvalidKeyName, "Invalid field name: "+path+".")
	case strings.HasPrefix(path, "authData."):
		// The id that an identity provider gave must not be guessed by sorting.
		return "", parse.NewError(parse.InvalidKeyName, "Cannot sort by "+path)
	}
	return path, nil
}

// CompileOrder turns sort keys into a store's sort document, over the stored
// names. A field that the class has not is left out, as it orders nothing. An
// invalid path is an InvalidKeyName error, whoever asks.
func CompileOrder(orders []Order, class *schema.Class) (bson.D, error) {
	if len(orders) == 0 {
		return nil, nil
	}
	sort := make(bson.D, 0, len(orders))
	for _, o := range orders {
		if o.Path == Score {
			sort = append(sort, bson.E{Key: "score", Value: bson.D{{Key: "$meta", Value: "textScore"}}})
			continue
		}
		path, err := orderPath(o.Path)
		if err != nil {
			return nil, err
		}
		if class != nil && class.Fields[Root(path)] == nil {
			continue
		}
		direction := int32(1)
		if o.Descending {
			direction = -1
		}
		sort = append(sort, bson.E{Key: columnOf(path, class).name, Value: direction})
	}
	return sort, nil
}
