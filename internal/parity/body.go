package parity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// value is JSON as it was written: object, array, string, json.Number, bool or
// nil. Members keep their order, and duplicates stay.
type value any

type member struct {
	key   string
	value value
}

type object []member

type array []value

// get returns the value of the last member of that name, or nil.
func (o object) get(key string) value {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].key == key {
			return o[i].value
		}
	}
	return nil
}

func (o object) has(key string) bool {
	for _, m := range o {
		if m.key == key {
			return true
		}
	}
	return false
}

func decode(text string) (value, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := decodeNext(d)
	if err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("no JSON: more than one value")
	}
	return v, nil
}

func decodeNext(d *json.Decoder) (value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeNext(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{key.(string), v})
		}
		_, err := d.Token()
		return o, err
	case json.Delim('['):
		a := array{}
		for d.More() {
			v, err := decodeNext(d)
			if err != nil {
				return nil, err
			}
			a = append(a, v)
		}
		_, err := d.Token()
		return a, err
	}
	return token, nil
}

// lineWidth is the number of characters that a line of a recorded body may have.
const lineWidth = 110

// encode writes JSON for people: what fits stays on one line.
func encode(v value) string {
	var b strings.Builder
	encodeTo(&b, v, 0)
	return b.String()
}

func encodeTo(b *strings.Builder, v value, indent int) {
	line := encodeLine(v)
	if indent+utf8.RuneCountInString(line) <= lineWidth {
		b.WriteString(line)
		return
	}
	pad := strings.Repeat(" ", indent)
	switch v := v.(type) {
	case object:
		b.WriteString("{\n")
		for i, m := range v {
			fmt.Fprintf(b, "%s  %s: ", pad, encodeScalar(m.key))
			encodeTo(b, m.value, indent+2)
			writeComma(b, i < len(v)-1)
		}
		b.WriteString(pad + "}")
	case array:
		b.WriteString("[\n")
		for i, element := range v {
			b.WriteString(pad + "  ")
			encodeTo(b, element, indent+2)
			writeComma(b, i < len(v)-1)
		}
		b.WriteString(pad + "]")
	default:
		b.WriteString(line)
	}
}

func writeComma(b *strings.Builder, more bool) {
	if more {
		b.WriteByte(',')
	}
	b.WriteByte('\n')
}

func encodeLine(v value) string {
	switch v := v.(type) {
	case object:
		parts := make([]string, len(v))
		for i, m := range v {
			parts[i] = encodeScalar(m.key) + ": " + encodeLine(m.value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case array:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = encodeLine(element)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return encodeScalar(v)
}

func encodeScalar(v value) string {
	if number, ok := v.(json.Number); ok {
		return number.String()
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	// Strings, booleans and null always encode.
	_ = e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}
