package query

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// Params are the parameters of a find or a get request as they came, by name.
// Decode and DecodeGet make a Query of them. The zero Params have none.
type Params struct{ members []parse.Member }

// ParamsFromObject takes the members of a JSON body as parameters; the SDKs
// send their queries so. Nothing else may be among them: credentials and the
// like are to be removed before.
func ParamsFromObject(o *parse.Object) Params {
	if o == nil {
		return Params{}
	}
	return Params{o.Members}
}

// ParamsFromValues takes the parameters of a URL. A value that is itself JSON
// of a string, array or object counts as that, as in parse-server; of a
// parameter that is there several times the values are joined with commas.
func ParamsFromValues(values url.Values) Params {
	p := Params{make([]parse.Member, 0, len(values))}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p.members = append(p.members, parse.Member{Key: name, Value: paramValue(strings.Join(values[name], ","))})
	}
	return p
}

func paramValue(text string) parse.Value {
	if text != "" && strings.IndexByte(`"[{`, text[0]) >= 0 {
		if v, err := parse.DecodeValue([]byte(text), parse.Limits{}); err == nil {
			return v
		}
	}
	return parse.String(text)
}

// Override returns p with the parameters of q added, which win over those of
// the same name in p.
func (p Params) Override(q Params) Params {
	if len(p.members) == 0 {
		return q
	}
	o := parse.Object{Members: slices.Clone(p.members)}
	for _, m := range q.members {
		o.Set(m.Key, m.Value)
	}
	return Params{o.Members}
}

// Decode makes the query that the parameters of a find ask for. An unknown
// parameter, or a value that has not the parameter's type, is an InvalidQuery
// error. A null, or an empty string where text makes no sense, is as if the
// parameter were not there.
func Decode(p Params, lim Limits) (*Query, error) {
	q := &Query{}
	var include []string
	for _, m := range p.members {
		var err error
		switch m.Key {
		case "where":
			q.Where, err = whereParam(m.Value, lim)
		case "order":
			q.Order, err = orderParam(m.Value)
		case "limit":
			q.Limit, err = countParam(m.Key, m.Value)
		case "skip":
			var n *int
			if n, err = countParam(m.Key, m.Value); n != nil {
				q.Skip = *n
			}
		case "count":
			q.Count, err = flagParam(m.Key, m.Value)
		case "includeAll":
			q.IncludeAll, err = flagParam(m.Key, m.Value)
		case "hint":
			q.Hint, err = hintParam(m.Value)
		case "explain":
			q.Explain, err = explainParam(m.Value)
		case "comment":
			q.Comment, err = textParam(m.Key, m.Value)
		case "redirectClassNameForKey":
			q.RedirectClassNameForKey, err = textParam(m.Key, m.Value)
		default:
			var known bool
			if known, err = q.shared(m, &include); !known {
				return nil, parse.NewError(parse.InvalidQuery, "Invalid parameter for query: "+m.Key)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return q, q.resolveInclude(include, lim)
}

// DecodeGet makes the query that the parameters of a get ask for; they are but
// a few of those of a find.
func DecodeGet(p Params, lim Limits) (*Query, error) {
	q := &Query{}
	var include []string
	for _, m := range p.members {
		known, err := q.shared(m, &include)
		if !known {
			return nil, parse.NewError(parse.InvalidQuery, "Improper encode of parameter")
		}
		if err != nil {
			return nil, err
		}
	}
	return q, q.resolveInclude(include, lim)
}

// shared takes a parameter that find and get have in common, and tells whether
// it is one.
func (q *Query) shared(m parse.Member, include *[]string) (known bool, err error) {
	switch m.Key {
	case "keys":
		q.Keys, err = listParam(m.Key, m.Value)
		if m.Value == parse.Value(parse.String("")) {
			q.Keys = []string{}
		}
	case "excludeKeys":
		q.ExcludeKeys, err = listParam(m.Key, m.Value)
		q.ExcludeKeys = slices.DeleteFunc(q.ExcludeKeys, alwaysSelected)
	case "include":
		*include, err = listParam(m.Key, m.Value)
	case "readPreference":
		q.ReadPreference, err = readPreferenceParam(m.Key, m.Value)
	case "includeReadPreference":
		q.IncludeReadPreference, err = readPreferenceParam(m.Key, m.Value)
	case "subqueryReadPreference":
		q.SubqueryReadPreference, err = readPreferenceParam(m.Key, m.Value)
	default:
		return false, nil
	}
	return true, err
}

// alwaysSelected tells whether a key can't be excluded.
func alwaysSelected(key string) bool {
	return key == "objectId" || key == "createdAt" || key == "updatedAt" || key == "ACL"
}

func (q *Query) resolveInclude(asked []string, lim Limits) error {
	paths, all, err := includePaths(asked, q.Keys, q.ExcludeKeys)
	if err != nil {
		return err
	}
	q.Include, q.IncludeAll = paths, q.IncludeAll || all
	return lim.CheckInclude(q.Include)
}
