package query

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
)

// PipelineForm says in which form a pipeline is written.
type PipelineForm struct {
	// RawValues: values are MongoDB Extended JSON. Otherwise texts compared with
	// date fields are dates, and with pointer fields ids.
	RawValues bool
	// RawFieldNames: fields have the names of the database.
	RawFieldNames bool
}

// CompilePipeline translates the stages of an aggregation over a class into the
// store's terms, as Parse Server does: in $match, $project and the query of
// $geoNear the names of fields, in $group the paths that begin with "$". Other
// stages have the names of the database.
func CompilePipeline(stages []Stage, class *schema.Class, form PipelineForm) (bson.A, error) {
	c := pipelineCompiler{class: class, PipelineForm: form}
	pipeline := make(bson.A, 0, len(stages))
	for _, s := range stages {
		operand := s.Operand
		switch s.Name {
		case "$match":
			operand = c.match(operand)
		case "$project":
			operand = c.project(operand)
		case "$group":
			operand = c.group(operand)
		case "$geoNear":
			if o, ok := operand.(*parse.Object); ok {
				operand = mapMembers(o, func(m parse.Member) parse.Member {
					if m.Key == "query" {
						m.Value = c.match(m.Value)
					}
					return m
				})
			}
		}
		stored, err := c.stored(operand)
		if err != nil {
			return nil, err
		}
		pipeline = append(pipeline, bson.D{{Key: s.Name, Value: stored}})
	}
	return pipeline, nil
}

// GroupsByPointer tells whether the pipeline has a $group by a pointer, whose
// ids are then results' objectIds.
func GroupsByPointer(pipeline bson.A) bool {
	for _, stage := range pipeline {
		d, _ := stage.(bson.D)
		if len(d) != 1 || d[0].Key != "$group" {
			continue
		}
		group, _ := d[0].Value.(bson.D)
		for _, e := range group {
			if path, ok := e.Value.(string); ok && e.Key == "_id" && strings.HasPrefix(path, "$_p_") {
				return true
			}
		}
	}
	return false
}

type pipelineCompiler struct {
	PipelineForm
	class *schema.Class
}

// field is the type of a field of the class.
func (c *pipelineCompiler) field(name string) parse.FieldType {
	if f := c.class.Fields[name]; f != nil {
		return f.Type
	}
	return parse.FieldType{}
}

// match translates a condition: names of fields wherever they are keys, and
// what pointers and dates are compared with.
func (c *pipelineCompiler) match(v parse.Value) parse.Value {
	switch v := v.(type) {
	case parse.Array:
		return mapElements(v, c.match)
	case *parse.Object:
		return mapMembers(v, func(m parse.Member) parse.Member {
			switch t := c.field(m.Key); {
			case t.Kind == parse.KindPointer && !c.RawFieldNames:
				m.Value = c.pointer(t, m.Value)
			case t.Kind == parse.KindDate && !c.RawValues:
				m.Value = dates(m.Value)
			default:
				m.Value = c.match(m.Value)
			}
			m.Key = c.name(m.Key)
			return m
		})
	}
	return v
}

// pointer is what a pointer field is compared with: the id of an object is the
// pointer to it. Within operators, texts are as they are stored already.
func (c *pipelineCompiler) pointer(t parse.FieldType, v parse.Value) parse.Value {
	if id, ok := v.(parse.String); ok && !c.RawValues {
		return parse.String(parse.PointerString(parse.Pointer{ClassName: t.TargetClass, ObjectID: string(id)}))
	}
	return pointers(v)
}

// pointers turns pointers into the texts as which they are stored.
func pointers(v parse.Value) parse.Value {
	switch v := v.(type) {
	case parse.Pointer:
		return parse.String(parse.PointerString(v))
	case parse.Array:
		return mapElements(v, pointers)
	case *parse.Object:
		return mapMembers(v, func(m parse.Member) parse.Member { return parse.Member{Key: m.Key, Value: pointers(m.Value)} })
	}
	return v
}

// dates turns texts that spell dates into dates.
func dates(v parse.Value) parse.Value {
	switch v := v.(type) {
	case parse.String:
		if ms, ok := parse.ParseDate(string(v)); ok {
			return parse.Date(ms)
		}
	case parse.Array:
		return mapElements(v, dates)
	case *parse.Object:
		return mapMembers(v, func(m parse.Member) parse.Member { return parse.Member{Key: m.Key, Value: dates(m.Value)} })
	}
	return v
}

func (c *pipelineCompiler) project(v parse.Value) parse.Value {
	o, ok := v.(*parse.Object)
	if !ok {
		return v
	}
	return mapMembers(o, func(m parse.Member) parse.Member {
		if c.field(m.Key).Kind != parse.KindPointer || c.RawFieldNames {
			m.Value = c.match(m.Value)
		}
		m.Key = c.name(m.Key)
		return m
	})
}

// name is the stored name of a field.
func (c *pipelineCompiler) name(field string) string {
	if c.RawFieldNames {
		return field
	}
	switch field {
	case "objectId":
		return "_id"
	case "createdAt":
		return "_created_at"
	case "updatedAt":
		return "_updated_at"
	}
	if c.field(field).Kind == parse.KindPointer {
		return "_p_" + field
	}
	return field
}

// group translates the paths that a $group is made of.
func (c *pipelineCompiler) group(v parse.Value) parse.Value {
	switch v := v.(type) {
	case parse.String:
		if path, ok := strings.CutPrefix(string(v), "$"); ok && path != "objectId" {
			return parse.String("$" + c.name(path))
		}
	case parse.Array:
		return mapElements(v, c.group)
	case *parse.Object:
		return mapMembers(v, func(m parse.Member) parse.Member { return parse.Member{Key: m.Key, Value: c.group(m.Value)} })
	}
	return v
}

// stored is a translated operand in the store's form.
func (c *pipelineCompiler) stored(v parse.Value) (any, error) {
	if !c.RawValues {
		return parse.ToBSON(v), nil
	}
	var holder struct{ V any }
	json := append(parse.AppendJSON([]byte(`{"v":`), v), '}')
	if err := bson.UnmarshalExtJSON(json, false, &holder); err != nil {
		return nil, parse.NewError(parse.InvalidQuery, "the pipeline is not valid Extended JSON").WithCause(err)
	}
	return holder.V, nil
}

func mapElements(list parse.Array, f func(parse.Value) parse.Value) parse.Array {
	mapped := make(parse.Array, len(list))
	for i, v := range list {
		mapped[i] = f(v)
	}
	return mapped
}

func mapMembers(o *parse.Object, f func(parse.Member) parse.Member) *parse.Object {
	mapped := &parse.Object{Members: make([]parse.Member, len(o.Members))}
	for i, m := range o.Members {
		mapped.Members[i] = f(m)
	}
	return mapped
}
