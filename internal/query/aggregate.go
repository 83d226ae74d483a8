package query

import (
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// Aggregate is a typed request for an aggregation over one class: a pipeline, or
// the distinct values of a field.
type Aggregate struct {
	Stages []Stage
	// Distinct is the field whose values are asked for; "" runs the pipeline.
	Distinct string
	// Where narrows down Distinct.
	Where *Where

	Hint           parse.Value // String or *Object; nil means none
	Explain        bool
	Comment        string
	ReadPreference string
	// RawValues asks for MongoDB Extended JSON in both directions, RawFieldNames
	// for the names of the database; nil means the app's default.
	RawValues, RawFieldNames *bool
}

// Stage is one stage of a pipeline, as it came.
type Stage struct {
	Name    string
	Operand parse.Value
}

// DecodeAggregate makes the aggregation that the parameters ask for. The
// pipeline is the parameter of that name, a list of stages or an object with one
// member each, or the parameters that are left. Its errors are InvalidQuery.
func DecodeAggregate(p Params, lim Limits) (*Aggregate, error) {
	a := &Aggregate{}
	var pipeline parse.Value
	rest := &parse.Object{}
	for _, m := range p.members {
		var err error
		switch m.Key {
		case "pipeline":
			pipeline, err = pipelineParam(m.Value)
		case "distinct":
			if a.Distinct, err = textParam(m.Key, m.Value); err == nil && a.Distinct == "" {
				err = badParam(m.Key, "the name of a field")
			}
		case "where":
			a.Where, err = whereParam(m.Value, lim)
		case "hint":
			a.Hint, err = hintParam(m.Value)
		case "explain":
			a.Explain, err = explainParam(m.Value)
		case "comment":
			a.Comment, err = textParam(m.Key, m.Value)
		case "readPreference":
			a.ReadPreference, err = readPreferenceParam(m.Key, m.Value)
		case "rawValues":
			a.RawValues, err = optionalFlag(m.Key, m.Value)
		case "rawFieldNames":
			a.RawFieldNames, err = optionalFlag(m.Key, m.Value)
		default:
			rest.Members = append(rest.Members, m)
		}
		if err != nil {
			return nil, err
		}
	}
	if pipeline == nil {
		pipeline = rest
	}
	return a, a.decodeStages(pipeline)
}

func optionalFlag(name string, v parse.Value) (*bool, error) {
	if _, null := v.(parse.Null); null {
		return nil, nil
	}
	flag, err := flagParam(name, v)
	return &flag, err
}

// pipelineParam reads a pipeline, or the text of one.
func pipelineParam(v parse.Value) (parse.Value, error) {
	if text, ok := v.(parse.String); ok {
		decoded, err := parse.DecodeValue([]byte(text), parse.Limits{})
		if err != nil {
			return nil, parse.NewError(parse.InvalidQuery, "pipeline parameter is not valid JSON").WithCause(err)
		}
		v = decoded
	}
	switch v.(type) {
	case parse.Array, *parse.Object:
		return v, nil
	}
	return nil, badParam("pipeline", "a list of stages")
}

func (a *Aggregate) decodeStages(pipeline parse.Value) error {
	switch p := pipeline.(type) {
	case *parse.Object:
		for _, m := range p.Members {
			if err := a.addStage(m); err != nil {
				return err
			}
		}
	case parse.Array:
		for _, v := range p {
			stage, ok := v.(*parse.Object)
			if !ok {
				return parse.NewError(parse.InvalidQuery, "Pipeline stages must be objects.")
			}
			if len(stage.Members) != 1 {
				var names []string
				for _, m := range stage.Members {
					names = append(names, m.Key)
				}
				return parse.Errorf(parse.InvalidQuery, "Pipeline stages should only have one key but found %s.", strings.Join(names, ", "))
			}
			if err := a.addStage(stage.Members[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Aggregate) addStage(m parse.Member) error {
	if !strings.HasPrefix(m.Key, "$") {
		return parse.Errorf(parse.InvalidQuery, "Invalid aggregate stage '%s'.", m.Key)
	}
	if m.Key == "$group" {
		group, _ := m.Value.(*parse.Object)
		if _, ok := group.Get("objectId"); ok {
			return parse.NewError(parse.InvalidQuery, "Cannot use 'objectId' in aggregation stage $group.")
		}
		if _, ok := group.Get("_id"); !ok {
			return parse.NewError(parse.InvalidQuery, "Invalid parameter for query: group. Missing key _id")
		}
	}
	a.Stages = append(a.Stages, Stage{m.Key, m.Value})
	return nil
}
