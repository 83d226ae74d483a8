package query

import "github.com/loam-baas/loam/internal/parse"

// Limits bound a query; zero means no limit. Exceeding one is an InvalidQuery
// error that names the limit (Parse Server's option requestComplexity).
type Limits struct {
	QueryDepth    int // nesting of $or, $and, $nor
	SubqueryDepth int // nesting of $inQuery, $select and their kin
	SubqueryLimit int // results of one subquery; the engine counts them
	IncludeDepth  int // levels in one include path
	IncludeCount  int // include paths in one query
	WhereNodes    int // constraints in one query, subqueries included
	InValues      int // values in one $in, $nin, $all or $containedBy
	RegexLength   int // bytes in one $regex
	// DenyRegex refuses $regex altogether (requestComplexity.allowRegex false).
	DenyRegex bool
}

// CheckInclude is an error when there are too many include paths, or too deep
// ones. Decode has checked a query's own paths; who adds some (includeAll)
// checks again.
func (l Limits) CheckInclude(paths []string) error {
	if l.IncludeDepth > 0 {
		deepest := 0
		for _, p := range paths {
			deepest = max(deepest, depth(p))
		}
		if deepest > l.IncludeDepth {
			return includeTooDeep(deepest, l.IncludeDepth)
		}
	}
	if l.IncludeCount > 0 && len(paths) > l.IncludeCount {
		return parse.Errorf(parse.InvalidQuery, "Number of include fields (%d) exceeds maximum allowed (%d)", len(paths), l.IncludeCount)
	}
	return nil
}

func includeTooDeep(depth, limit int) error {
	return parse.Errorf(parse.InvalidQuery, "Include depth of %d exceeds maximum allowed depth of %d", depth, limit)
}

func (l Limits) checkQueryDepth(depth int) error {
	if l.QueryDepth > 0 && depth > l.QueryDepth {
		return parse.Errorf(parse.InvalidQuery, "Query condition nesting depth exceeds maximum allowed depth of %d", l.QueryDepth)
	}
	return nil
}

func (l Limits) checkSubqueryDepth(depth int) error {
	if l.SubqueryDepth > 0 && depth > l.SubqueryDepth {
		return parse.Errorf(parse.InvalidQuery, "Subquery nesting depth exceeds maximum allowed depth of %d", l.SubqueryDepth)
	}
	return nil
}

func (l Limits) checkWhereNodes(count int) error {
	if l.WhereNodes > 0 && count > l.WhereNodes {
		return parse.Errorf(parse.InvalidQuery, "Number of query constraints exceeds maximum allowed (%d)", l.WhereNodes)
	}
	return nil
}

func (l Limits) checkInValues(op string, count int) error {
	if l.InValues > 0 && count > l.InValues {
		return parse.Errorf(parse.InvalidQuery, "Number of %s values (%d) exceeds maximum allowed (%d)", op, count, l.InValues)
	}
	return nil
}

func (l Limits) checkRegex(pattern string) error {
	if l.DenyRegex {
		return parse.NewError(parse.InvalidQuery, "$regex operator is not allowed")
	}
	if l.RegexLength > 0 && len(pattern) > l.RegexLength {
		return parse.Errorf(parse.InvalidQuery, "$regex length of %d exceeds maximum allowed (%d)", len(pattern), l.RegexLength)
	}
	return nil
}
