// Package apitest holds exchanges with Loam's REST API to its description, for
// tests: what is answered is described, and what is accepted is, too.
package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/loam-baas/loam/api"
)

// methods are those that a path of an OpenAPI document may have, as Loam has them.
var methods = []string{"get", "put", "post", "delete", "head", "patch"}

// location is the URL under which the document's schemas are known to the validator.
const location = "loam:///openapi.json"

// Description is the description of the API, ready to hold exchanges to it. It
// is safe for concurrent use.
type Description struct {
	root       place
	operations []*operation

	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// operation is what a method does at a path.
type operation struct {
	method   string
	elements []string // the path's, a parameter's as {name}
	place    place
	// parameters are those of the path and the operation, by "in" and name.
	parameters map[[2]string]place
}

// place is a value within the document and the JSON pointer that leads there.
type place struct {
	value   any
	pointer string
}

// Load reads the description that Loam comes with.
func Load() (*Description, error) { return read(api.OpenAPI) }

func read(text []byte) (*Description, error) {
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	if document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		return nil, err
	}
	d := &Description{root: place{value: document}, compiler: jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := d.compiler.AddResource(location, document); err != nil {
		return nil, err
	}
	paths := d.at(d.root, "paths")
	for _, path := range paths.names() {
		item := d.at(paths, path)
		for _, method := range methods {
			if at := d.at(item, method); at.value != nil {
				d.operations = append(d.operations, d.operation(path, method, item, at))
			}
		}
	}
	return d, nil
}

func (d *Description) operation(path, method string, item, at place) *operation {
	o := &operation{method: strings.ToUpper(method), elements: strings.Split(path, "/"), place: at, parameters: map[[2]string]place{}}
	for _, list := range []place{d.at(item, "parameters"), d.at(at, "parameters")} {
		for i := range list.len() {
			parameter := d.at(list, strconv.Itoa(i))
			in, _ := d.at(parameter, "in").value.(string)
			name, _ := d.at(parameter, "name").value.(string)
			o.parameters[[2]string{in, name}] = parameter
		}
	}
	return o
}

// Routes are the methods and paths that are described, such as
// "GET /classes/{class}", in order.
func (d *Description) Routes() []string {
	var routes []string
	for _, o := range d.operations {
		routes = append(routes, o.String())
	}
	slices.Sort(routes)
	return routes
}

func (o *operation) String() string { return o.method + " " + strings.Join(o.elements, "/") }

// find returns the operation of a method at a path below the mount path; nil
// when none is described.
func (d *Description) find(method, path string) *operation {
	elements := strings.Split(path, "/")
	for _, o := range d.operations {
		if o.method == method && o.fits(elements) {
			return o
		}
	}
	return nil
}

func (o *operation) fits(elements []string) bool {
	return slices.EqualFunc(o.elements, elements, func(described, got string) bool {
		if strings.HasPrefix(described, "{") {
			return got != ""
		}
		return strings.EqualFold(described, got)
	})
}

// at is a member of an object, or an element of an array; references are
// followed. Its value is nil when there is none.
func (d *Description) at(p place, name string) place {
	next := p.member(name)
	o, _ := next.value.(map[string]any)
	reference, ok := o["$ref"].(string)
	if !ok {
		return next
	}
	target := d.root
	for name := range strings.SplitSeq(strings.TrimPrefix(reference, "#/"), "/") {
		target = d.at(target, name)
	}
	return target
}

// member is that of an object, or an element of an array; a reference is itself.
func (p place) member(name string) place {
	next := place{pointer: p.pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)}
	switch v := p.value.(type) {
	case map[string]any:
		next.value = v[name]
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i < len(v) {
			next.value = v[i]
		}
	}
	return next
}

// names are those of an object's members, in order.
func (p place) names() []string {
	o, _ := p.value.(map[string]any)
	return slices.Sorted(maps.Keys(o))
}

func (p place) len() int {
	a, _ := p.value.([]any)
	return len(a)
}

// validate holds a JSON value to the schema at a place.
func (d *Description) validate(schema place, value any) error {
	d.mu.Lock()
	compiled, err := d.compiler.Compile(location + "#" + schema.pointer)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

// CheckExamples holds every example in the document to the schema beside it, and
// returns how many there are.
func (d *Description) CheckExamples() (int, error) {
	var problems []error
	n := 0
	var walk func(p place)
	check := func(schema, example place) {
		n++
		if err := d.validate(schema, example.value); err != nil {
			problems = append(problems, fmt.Errorf("the example at %s: %w", example.pointer, err))
		}
	}
	walk = func(p place) {
		o, _ := p.value.(map[string]any)
		schema := p
		if beside := d.at(p, "schema"); beside.value != nil {
			schema = beside
		}
		if example, ok := o["example"]; ok {
			check(schema, place{example, p.pointer + "/example"})
		}
		examples := d.at(p, "examples")
		for _, name := range examples.names() {
			check(schema, d.at(d.at(examples, name), "value"))
		}
		for _, name := range p.names() {
			if name != "example" && name != "examples" {
				walk(p.member(name))
			}
		}
		for i := range p.len() {
			walk(p.member(strconv.Itoa(i)))
		}
	}
	walk(d.root)
	return n, errors.Join(problems...)
}

// Example is the value of a named example: of the request of an operation such as
// "GET /classes/{class}" if the status is 0, else of its answer of that status.
func (d *Description) Example(route string, status int, name string) (any, error) {
	for _, o := range d.operations {
		if o.String() != route {
			continue
		}
		of := d.at(o.place, "requestBody")
		if status != 0 {
			of = d.response(o, status)
		}
		examples := d.at(d.at(d.at(of, "content"), "application/json"), "examples")
		if example := d.at(examples, name); example.value != nil {
			return d.at(example, "value").value, nil
		}
		return nil, fmt.Errorf("%s has no example %s, but %v", route, name, examples.names())
	}
	return nil, fmt.Errorf("%s is not described", route)
}
