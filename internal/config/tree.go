package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxTreeDepth bounds how deep a configuration file may nest; it also ends YAML
// aliases that contain themselves.
const maxTreeDepth = 32

// maxTreeNodes bounds what a file may hold: YAML aliases of aliases would make
// much of little.
const maxTreeNodes = 100_000

// tree is a piece of a configuration file, whatever its syntax.
type tree struct {
	// line is where it begins, counted from 1; 0 when it came from no file.
	line int
	// value is nil, a bool, int64, float64, string, []*tree or []member.
	value any
}

// member is a name in an object with what it stands for.
type member struct {
	name string
	line int
	tree *tree
}

// decodeFile reads a configuration file. What begins with "{" is JSON, all else
// is YAML. An empty file is an empty object.
func decodeFile(data []byte) (*tree, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	text := bytes.TrimSpace(data)
	if len(text) == 0 {
		return &tree{line: 1, value: []member{}}, nil
	}
	if text[0] == '{' {
		return decodeJSON(data)
	}
	return decodeYAML(data)
}

// decodeJSON reads one JSON value and nothing after it.
func decodeJSON(data []byte) (*tree, error) {
	r := &jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.dec.UseNumber()
	t, err := r.value(0)
	if err != nil {
		return nil, r.locate(err)
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, r.locate(errors.New("something follows the JSON value"))
	}
	return t, nil
}

// jsonReader keeps the line number beside a JSON decoder.
type jsonReader struct {
	data []byte
	dec  *json.Decoder
	// line is the line of the byte at offset.
	line, offset int
}

// locate says at which line err was met.
func (r *jsonReader) locate(err error) error {
	offset := int(r.dec.InputOffset())
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = int(syntax.Offset)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err, offset = errors.New("the JSON ends too early"), len(r.data)
	}
	r.advance(offset)
	return fmt.Errorf("line %d: %w", r.line, err)
}

// advance counts the lines up to an offset, which only grows.
func (r *jsonReader) advance(offset int) {
	offset = min(offset, len(r.data))
	if offset <= r.offset {
		return
	}
	r.line += bytes.Count(r.data[r.offset:offset], []byte("\n"))
	r.offset = offset
}

func (r *jsonReader) token() (json.Token, error) {
	t, err := r.dec.Token()
	r.advance(int(r.dec.InputOffset()))
	return t, err
}

func (r *jsonReader) value(depth int) (*tree, error) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	return r.valueOf(token, depth)
}

func (r *jsonReader) valueOf(token json.Token, depth int) (*tree, error) {
	if depth > maxTreeDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxTreeDepth)
	}
	t := &tree{line: r.line}
	switch v := token.(type) {
	case json.Delim:
		var err error
		if v == '{' {
			t.value, err = r.object(depth)
		} else {
			t.value, err = r.array(depth)
		}
		return t, err
	case json.Number:
		n, err := number(v.String())
		t.value = n
		return t, err
	default:
		t.value = v
		return t, nil
	}
}

func (r *jsonReader) object(depth int) ([]member, error) {
	members := []member{}
	seen := map[string]bool{}
	for {
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		if token == json.Delim('}') {
			return members, nil
		}
		name, _ := token.(string)
		m := member{name: name, line: r.line}
		if seen[name] {
			return nil, fmt.Errorf("%q is given twice", name)
		}
		seen[name] = true
		if m.tree, err = r.value(depth + 1); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
}

func (r *jsonReader) array(depth int) ([]*tree, error) {
	items := []*tree{}
	for {
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		if token == json.Delim(']') {
			return items, nil
		}
		item, err := r.valueOf(token, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
}

// number is an int64 where the text is one, and else a float64.
func number(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("the number %s is out of range", text)
	}
	return f, nil
}

func decodeYAML(data []byte) (*tree, error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return &tree{line: 1, value: []member{}}, nil
		}
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file has more than one YAML document")
	}
	t, err := new(yamlReader).tree(doc.Content[0], 0)
	if err == nil && t.value == nil {
		t.value = []member{}
	}
	return t, err
}

// yamlReader counts the nodes that it makes.
type yamlReader struct{ nodes int }

func (r *yamlReader) tree(n *yaml.Node, depth int) (*tree, error) {
	if depth > maxTreeDepth {
		return nil, fmt.Errorf("line %d: nested deeper than %d levels", n.Line, maxTreeDepth)
	}
	if r.nodes++; r.nodes > maxTreeNodes {
		return nil, fmt.Errorf("line %d: the file has more than %d values", n.Line, maxTreeNodes)
	}
	t := &tree{line: n.Line}
	switch n.Kind {
	case yaml.AliasNode:
		return r.tree(n.Alias, depth+1)
	case yaml.MappingNode:
		members := make([]member, 0, len(n.Content)/2)
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i]
			if seen[name.Value] {
				return nil, fmt.Errorf("line %d: %q is given twice", name.Line, name.Value)
			}
			seen[name.Value] = true
			value, err := r.tree(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			members = append(members, member{name: name.Value, line: name.Line, tree: value})
		}
		t.value = members
	case yaml.SequenceNode:
		items := make([]*tree, 0, len(n.Content))
		for _, c := range n.Content {
			item, err := r.tree(c, depth+1)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		t.value = items
	default:
		value, err := yamlScalar(n)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Line, err)
		}
		t.value = value
	}
	return t, nil
}

func yamlScalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int":
		var i int64
		err := n.Decode(&i)
		return i, err
	case "!!float":
		var f float64
		err := n.Decode(&f)
		return f, err
	default:
		return n.Value, nil
	}
}

// plain is the tree as bools, int64s, float64s, strings, []any and map[string]any.
func (t *tree) plain() any {
	switch v := t.value.(type) {
	case []*tree:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = item.plain()
		}
		return list
	case []member:
		object := make(map[string]any, len(v))
		for _, m := range v {
			object[m.name] = m.tree.plain()
		}
		return object
	default:
		return v
	}
}
