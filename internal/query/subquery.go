package query

import "github.com/loam-baas/loam/internal/parse"

// Of a subquery parse-server takes the class, the where and
// redirectClassNameForKey. The SDKs send whole queries, with limit, order and
// keys; those have no effect there and have none here.

// inQuery decodes {"$inQuery": {"className": …, "where": …}} and $notInQuery.
func (d *decoder) inQuery(op string, v parse.Value, depth, subdepth int) (Constraint, error) {
	o, _ := v.(*parse.Object)
	if where, _ := o.Get("where"); where == nil {
		return nil, improperUsage(op)
	}
	class, q, err := d.subquery(op, o, depth, subdepth)
	if err != nil {
		return nil, err
	}
	return &InQuery{Negate: op == "$notInQuery", ClassName: class, Query: q}, nil
}

// selection decodes {"$select": {"query": {"className": …, "where": …}, "key":
// …}} and $dontSelect. The where may be absent, as the iOS SDK leaves it out.
func (d *decoder) selection(op string, v parse.Value, depth, subdepth int) (Constraint, error) {
	o, _ := v.(*parse.Object)
	query, _ := o.Get("query")
	sub, okQuery := query.(*parse.Object)
	name, _ := o.Get("key")
	key, okKey := name.(parse.String)
	if !okQuery || !okKey || !ValidPath(string(key)) || len(o.Members) != 2 {
		return nil, improperUsage(op)
	}
	class, q, err := d.subquery(op, sub, depth, subdepth)
	if err != nil {
		return nil, err
	}
	return &Select{Negate: op == "$dontSelect", ClassName: class, Query: q, Key: string(key)}, nil
}

func (d *decoder) subquery(op string, o *parse.Object, depth, subdepth int) (class string, q *Query, err error) {
	if err := d.limits.checkSubqueryDepth(subdepth + 1); err != nil {
		return "", nil, err
	}
	q = &Query{}
	for _, m := range o.Members {
		switch m.Key {
		case "className":
			s, _ := m.Value.(parse.String)
			class = string(s)
		case "redirectClassNameForKey":
			s, ok := m.Value.(parse.String)
			if !ok {
				return "", nil, improperUsage(op)
			}
			q.RedirectClassNameForKey = string(s)
		case "where":
			where, ok := conjunction(m.Value)
			if !ok {
				return "", nil, improperUsage(op)
			}
			if q.Where, err = d.where(where, depth, subdepth+1); err != nil {
				return "", nil, err
			}
		}
	}
	if class == "" {
		return "", nil, improperUsage(op)
	}
	return class, q, nil
}

func improperUsage(op string) error {
	return parse.NewError(parse.InvalidQuery, "improper usage of "+op)
}
