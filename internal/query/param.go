package query

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

func badParam(name, want string) error {
	return parse.NewError(parse.InvalidQuery, "Invalid value for parameter "+name+": must be "+want)
}

func whereParam(v parse.Value, lim Limits) (*Where, error) {
	if text, ok := v.(parse.String); ok {
		decoded, err := parse.DecodeValue([]byte(text), parse.Limits{})
		if err != nil && json.Valid([]byte(text)) {
			return nil, err // valid, but beyond a limit, which err names
		}
		v = decoded
	}
	if _, null := v.(parse.Null); null {
		return nil, nil
	}
	if o, ok := conjunction(v); ok {
		return DecodeWhere(o, lim)
	}
	return nil, parse.NewError(parse.InvalidJSON, "where parameter is not valid JSON")
}

// countParam reads a number of objects, or the text of one.
func countParam(name string, v parse.Value) (*int, error) {
	f := math.NaN()
	switch v := v.(type) {
	case parse.Null:
		return nil, nil
	case parse.Number:
		f = float64(v)
	case parse.String:
		if v == "" {
			return nil, nil
		}
		if n, err := strconv.ParseFloat(string(v), 64); err == nil {
			f = n
		}
	}
	// Beyond 2^53 a float64 is no longer exact.
	if !(f >= 0 && f <= 1<<53) || f != math.Trunc(f) {
		return nil, badParam(name, "a non-negative integer")
	}
	n := int(f)
	return &n, nil
}

// flagParam reads a boolean in the forms in which clients send them.
func flagParam(name string, v parse.Value) (bool, error) {
	switch v := v.(type) {
	case parse.Null:
		return false, nil
	case parse.Bool:
		return bool(v), nil
	case parse.Number:
		return v != 0, nil
	case parse.String:
		switch v {
		case "1", "true":
			return true, nil
		case "", "0", "false":
			return false, nil
		}
	}
	return false, badParam(name, "a boolean")
}

func textParam(name string, v parse.Value) (string, error) {
	switch v := v.(type) {
	case parse.Null:
		return "", nil
	case parse.String:
		return string(v), nil
	}
	return "", badParam(name, "a string")
}

// listParam reads names with commas between them, or an array of such; nil
// means that the parameter is absent, which an empty string is not.
func listParam(name string, v parse.Value) ([]string, error) {
	list := []string{}
	switch v := v.(type) {
	case parse.Null:
		return nil, nil
	case parse.String:
		return appendNames(list, string(v)), nil
	case parse.Array:
		for _, e := range v {
			s, ok := e.(parse.String)
			if !ok {
				return nil, badParam(name, "a string")
			}
			list = appendNames(list, string(s))
		}
		return list, nil
	}
	return nil, badParam(name, "a string")
}

func appendNames(list []string, text string) []string {
	for name := range strings.SplitSeq(text, ",") {
		if name != "" {
			list = append(list, name)
		}
	}
	return list
}

func explainParam(v parse.Value) (bool, error) {
	switch v := v.(type) {
	case parse.Null:
		return false, nil
	case parse.Bool:
		return bool(v), nil
	case parse.String:
		switch v {
		case "true", "queryPlanner", "queryPlannerExtended", "executionStats", "allPlansExecution":
			return true, nil
		case "", "false":
			return false, nil
		}
	}
	return false, parse.NewError(parse.InvalidQuery, "Invalid value for explain")
}

// hintParam reads an index's name or its keys.
func hintParam(v parse.Value) (parse.Value, error) {
	switch v := v.(type) {
	case parse.Null:
		return nil, nil
	case parse.String:
		if v == "" {
			return nil, nil
		}
		return v, nil
	case *parse.Object:
		for _, m := range v.Members {
			switch m.Value.(type) {
			case parse.Number, parse.String:
			default:
				return nil, badParam("hint", "the name or the keys of an index")
			}
			if strings.IndexByte(m.Key, 0) >= 0 {
				return nil, badParam("hint", "the name or the keys of an index")
			}
		}
		return v, nil
	}
	return nil, badParam("hint", "the name or the keys of an index")
}

func readPreferenceParam(name string, v parse.Value) (string, error) {
	s, err := textParam(name, v)
	if err != nil {
		return "", err
	}
	switch strings.ToUpper(s) {
	case "", "PRIMARY", "PRIMARY_PREFERRED", "SECONDARY", "SECONDARY_PREFERRED", "NEAREST":
		return s, nil
	}
	return "", parse.NewError(parse.InvalidQuery, "Not supported read preference.")
}
