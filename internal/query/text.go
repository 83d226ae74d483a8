package query

import "github.com/loam-baas/loam/internal/parse"

// text decodes {"$text": {"$search": {"$term": …, "$language": …, …}}}.
func text(v parse.Value) (Constraint, error) {
	o, _ := v.(*parse.Object)
	s, _ := o.Get("$search")
	search, ok := s.(*parse.Object)
	if !ok {
		return nil, parse.NewError(parse.InvalidJSON, "bad $text: $search, should be object")
	}
	t := &Text{}
	for _, m := range search.Members {
		var ok bool
		switch m.Key {
		case "$term":
			t.Term, ok = textString(m.Value)
		case "$language":
			t.Language, ok = textString(m.Value)
		case "$caseSensitive":
			t.CaseSensitive, ok = textBool(m.Value)
		case "$diacriticSensitive":
			t.DiacriticSensitive, ok = textBool(m.Value)
		default:
			return nil, parse.NewError(parse.InvalidJSON, "bad $text: "+m.Key)
		}
		if !ok {
			want := "string"
			if m.Key == "$caseSensitive" || m.Key == "$diacriticSensitive" {
				want = "boolean"
			}
			return nil, parse.NewError(parse.InvalidJSON, "bad $text: "+m.Key+", should be "+want)
		}
	}
	if t.Term == "" {
		return nil, parse.NewError(parse.InvalidJSON, "bad $text: $term, should be string")
	}
	return t, nil
}

func textString(v parse.Value) (string, bool) {
	s, ok := v.(parse.String)
	return string(s), ok
}

func textBool(v parse.Value) (*bool, bool) {
	b, ok := v.(parse.Bool)
	return (*bool)(&b), ok
}
