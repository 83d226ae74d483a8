package expression

import (
	"bytes"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// regexSearch is $regexMatch, $regexFind or $regexFindAll.
type regexSearch struct {
	name                  string
	input, regex, options node
	known                 *match.Regex // when the expression is a constant
}

func (c compiler) regex(name string, v value) (node, error) {
	args, err := c.operands(name, named{notDocument: 51103, unknown: 31024, operands: []operand{
		{"input", 31022}, {"regex", 31023}, {"options", 0},
	}}, v)
	if err != nil {
		return nil, err
	}
	n := &regexSearch{name: name, input: args[0], regex: args[1], options: args[2]}
	pattern, constantPattern := n.regex.(constant)
	options, constantOptions := n.options.(constant)
	if n.options == nil {
		constantOptions = true
	}
	if constantPattern && constantOptions && !nullish(pattern.v) {
		if n.known, err = n.compile(pattern.v, options.v); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// compile compiles the regular expression that the operands are.
func (n *regexSearch) compile(regex, options value) (*match.Regex, error) {
	var pattern, flags []byte
	switch regex.Type {
	case bson.TypeString:
		pattern = textOf(regex)
		if bytes.IndexByte(pattern, 0) >= 0 {
			return nil, store.BadRequest(51109, "%s: regular expression cannot contain an embedded null byte", n.name)
		}
	case bson.TypeRegex:
		end := bytes.IndexByte(regex.Value, 0)
		pattern, flags = regex.Value[:end], regex.Value[end+1:len(regex.Value)-1]
	default:
		return nil, store.BadRequest(51105, "%s needs 'regex' to be of type string or regex", n.name)
	}
	switch {
	case nullish(options):
	case options.Type != bson.TypeString:
		return nil, store.BadRequest(51106, "%s needs 'options' to be of type string", n.name)
	case len(flags) > 0:
		return nil, store.BadRequest(51107, "%s: found regex option(s) specified in both 'regex' and 'option' fields", n.name)
	default:
		flags = textOf(options)
		if bytes.IndexByte(flags, 0) >= 0 {
			return nil, store.BadRequest(51110, "%s: regular expression options cannot contain an embedded null byte", n.name)
		}
	}
	if n.name == "$regexMatch" {
		return match.CompileRegex(string(pattern), string(flags))
	}
	return match.CompileRegexFinder(string(pattern), string(flags))
}

func (n *regexSearch) eval(env *Env) (value, error) {
	input, err := n.input.eval(env)
	if err != nil {
		return missing, err
	}
	re, err := n.find(env)
	switch {
	case err != nil:
		return missing, err
	case !nullish(input) && input.Type != bson.TypeString:
		return missing, store.BadRequest(51104, "%s needs 'input' to be of type string", n.name)
	}
	nothing := nullish(input) || re == nil
	switch n.name {
	case "$regexMatch":
		return boolean(!nothing && re.Match(textOf(input))), nil
	case "$regexFind":
		if nothing {
			return null, nil
		}
		places := re.Find(textOf(input), 1)
		if len(places) == 0 {
			return null, nil
		}
		found := finding{text: textOf(input)}
		return found.document(env, places[0])
	}
	b := env.array()
	if nothing {
		return b.done(), nil
	}
	found := finding{text: textOf(input)}
	limit := maxValue / (minFinding + minCapture*re.Captures())
	for _, place := range re.Find(found.text, limit) {
		doc, err := found.document(env, place)
		if err != nil {
			return missing, err
		}
		if err := b.add(doc); err != nil {
			return missing, err
		}
	}
	if b.count == limit {
		return missing, tooLarge()
	}
	return b.done(), nil
}

// minFinding and minCapture are the least that one match, and one of its
// captures, take in the result, in bytes: no more matches are looked for than
// there is room for.
const (
	minFinding = 40
	minCapture = 3
)

// maxKnown bounds the regular expressions that are kept from one document to
// the next.
const maxKnown = 32

// find returns the regular expression, nil when it is null.
func (n *regexSearch) find(env *Env) (*match.Regex, error) {
	if n.known != nil {
		return n.known, nil
	}
	regex, err := n.regex.eval(env)
	if err != nil {
		return nil, err
	}
	var options value
	if n.options != nil {
		if options, err = n.options.eval(env); err != nil {
			return nil, err
		}
	}
	if nullish(regex) {
		return nil, nil
	}
	key := n.name + string(regex.Value) + "\x00" + string(rune(regex.Type)) + string(options.Value)
	if re, ok := env.regexes[key]; ok {
		return re, nil
	}
	re, err := n.compile(regex, options)
	if err != nil {
		return nil, err
	}
	if env.regexes == nil || len(env.regexes) == maxKnown {
		env.regexes = map[string]*match.Regex{}
	}
	env.regexes[key] = re
	return re, nil
}

// finding makes documents of matches, which come in the order of the text.
type finding struct {
	text       []byte
	bytes      int // how far characters are counted
	characters int
}

// document returns {match, idx, captures}; idx counts characters.
func (f *finding) document(env *Env, place []int) (value, error) {
	f.characters += utf8.RuneCount(f.text[f.bytes:place[0]])
	f.bytes = place[0]
	whole, err := text(string(f.text[place[0]:place[1]]))
	if err != nil {
		return missing, err
	}
	captures := env.array()
	for i := 2; i < len(place); i += 2 {
		capture := null
		if place[i] >= 0 {
			if capture, err = text(string(f.text[place[i]:place[i+1]])); err != nil {
				return missing, err
			}
		}
		if err := captures.add(capture); err != nil {
			return missing, err
		}
	}
	doc := env.document()
	for _, field := range []struct {
		name string
		v    value
	}{{"match", whole}, {"idx", env.int32(int32(f.characters))}, {"captures", captures.done()}} {
		if err := doc.set([]byte(field.name), field.v); err != nil {
			return missing, err
		}
	}
	return doc.done(), nil
}
