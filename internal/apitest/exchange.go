package apitest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Exchange is a request and the answer to it.
type Exchange struct {
	Method string
	// Path is below the mount path, escaped.
	Path   string
	Query  string
	Header http.Header
	Body   []byte

	Status       int
	AnswerHeader http.Header
	Answer       []byte
}

// Check tells what of an exchange is not as the description says. Requests that
// were refused need not fit it; answers always do.
func (d *Description) Check(x *Exchange) error {
	if x.Method == http.MethodOptions {
		return nil
	}
	if _, err := url.PathUnescape(x.Path); err != nil && x.Status == http.StatusBadRequest {
		return nil // no path of HTTP, which net/http refuses before it is Loam's
	}
	request := request{method: x.Method, path: below(x.Path), header: x.Header}
	accepted := x.Status < http.StatusBadRequest
	if request.path == "/apps" || strings.HasPrefix(request.path, "/apps/") {
		return nil // pages are for people
	}
	if strings.HasPrefix(request.path, "/files") || strings.HasPrefix(request.path, "/uploads") && !strings.HasPrefix(request.path, "/uploads/direct") {
		return d.checkFile(x, &request)
	}
	body, err := decode(x.Body)
	if err != nil && accepted {
		return fmt.Errorf("the request's body was accepted: %w", err)
	}
	if request.body = body; x.Method == http.MethodPost {
		err = d.open(&request)
	}
	if err != nil && accepted {
		return err
	}
	if request.query, err = url.ParseQuery(x.Query); err != nil && accepted {
		return fmt.Errorf("the query was accepted: %w", err)
	}
	if x.Method == http.MethodHead {
		request.method = http.MethodGet
	}
	o := d.find(request.method, request.path)
	if o == nil {
		if accepted {
			return fmt.Errorf("%s %s is answered with %d, but is not described", request.method, request.path, x.Status)
		}
		return d.checkBody("the answer", d.schema("Error"), x.Answer)
	}
	var problems []error
	if accepted {
		problems = append(problems, d.checkRequest(o, &request))
	}
	if x.Method != http.MethodHead {
		problems = append(problems, d.checkAnswer(o, x))
	}
	if requests, ok := member(request.body, "requests").([]any); ok && accepted && o.String() == "POST /batch" {
		problems = append(problems, d.checkBatch(requests, x))
	}
	return errors.Join(problems...)
}

// checkFile is Check for files, which are bytes of any kind.
func (d *Description) checkFile(x *Exchange, r *request) error {
	o := d.find(r.method, r.path)
	if o == nil && r.method == http.MethodHead {
		r.method = http.MethodGet
		o = d.find(r.method, r.path)
	}
	if elements := strings.SplitN(r.path, "/", 4); o == nil && len(elements) == 4 {
		// Slashes of a name needn't be escaped.
		o = d.find(r.method, strings.Join(elements[:3], "/")+"/"+url.PathEscape(elements[3]))
	}
	if o == nil {
		if x.Status < http.StatusBadRequest {
			return fmt.Errorf("%s %s is answered with %d, but is not described", r.method, r.path, x.Status)
		}
		return nil
	}
	if x.Status < http.StatusBadRequest && r.method == http.MethodPost && r.header.Get("X-Parse-Application-Id") == "" && strings.HasPrefix(r.path, "/files") {
		if err := d.checkBody("the upload was accepted", d.json(d.at(o.place, "requestBody")), x.Body); err != nil {
			return err
		}
	}
	response := d.response(o, x.Status)
	if response.value == nil {
		return fmt.Errorf("%s is answered with status %d, which is not described", o, x.Status)
	}
	if content := d.at(response, "content"); content.value == nil || d.at(content, "*/*").value != nil {
		return nil
	}
	return d.checkAnswer(o, x)
}

func (d *Description) schema(name string) place {
	return d.at(d.at(d.at(d.root, "components"), "schemas"), name)
}

// below is a path as the description has it: without slashes too many.
func below(path string) string {
	if strings.HasPrefix(path, "//") {
		path = path[1:]
	}
	return strings.TrimSuffix(path, "/")
}

// decode reads JSON; nothing is nil.
func decode(text []byte) (any, error) {
	if len(text) == 0 {
		return nil, nil
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// member is that of an object, or nil.
func member(v any, name string) any {
	o, _ := v.(map[string]any)
	return o[name]
}

// request is one without its envelope.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         any
}

// open takes a POST out of its envelope.
func (d *Description) open(r *request) error {
	o, ok := r.body.(map[string]any)
	if !ok {
		return nil
	}
	envelope := d.schema("Envelope")
	if err := d.validate(envelope, o); err != nil {
		return fmt.Errorf("the envelope was accepted: %w", err)
	}
	if method, _ := o["_method"].(string); method != "" {
		r.method = strings.ToUpper(method)
	}
	delete(o, "_method")
	delete(o, "_noBody")
	if r.header.Get("X-Parse-Application-Id") == "" {
		for _, name := range d.at(envelope, "properties").names() {
			delete(o, name)
		}
	}
	return nil
}

// checkRequest tells what of an accepted request is not described.
func (d *Description) checkRequest(o *operation, r *request) error {
	var problems []error
	for key, parameter := range o.parameters {
		if value := r.header.Get(key[1]); key[0] == "header" && value != "" {
			problems = append(problems, d.checkParameterValue(key[1], parameter, value))
		}
	}
	if r.method == http.MethodGet { // others look at no parameters
		for name, values := range r.query {
			problems = append(problems, d.checkParameter(o, name, strings.Join(values, ",")))
		}
		members, _ := r.body.(map[string]any)
		for name, value := range members {
			problems = append(problems, d.checkParameter(o, name, value))
		}
		return errors.Join(problems...)
	}
	body := d.at(o.place, "requestBody")
	switch schema := d.json(body); {
	case r.body == nil:
		if required, _ := d.at(body, "required").value.(bool); required {
			problems = append(problems, errors.New("a request without a body was accepted"))
		}
	case schema.value == nil:
		// What nobody looks at may be there.
	default:
		if err := d.validate(schema, r.body); err != nil {
			problems = append(problems, fmt.Errorf("the request's body was accepted: %w", err))
		}
	}
	return errors.Join(problems...)
}

// json is the schema of what has content of JSON.
func (d *Description) json(p place) place {
	return d.at(d.at(d.at(p, "content"), "application/json"), "schema")
}

// checkParameter holds a query parameter to its description. In a URL the value
// is a string, in a body anything.
func (d *Description) checkParameter(o *operation, name string, value any) error {
	parameter, ok := o.parameters[[2]string{"query", name}]
	if !ok {
		return d.checkExploded(o, name, value)
	}
	return d.checkParameterValue(name, parameter, value)
}

func (d *Description) checkParameterValue(name string, parameter place, value any) error {
	if value == nil || value == "" {
		return nil // as if it were not there
	}
	text, isText := value.(string)
	schema := d.at(parameter, "schema")
	if content := d.json(parameter); content.value != nil {
		schema = content
		if isText {
			var err error
			if value, err = decode([]byte(text)); err != nil {
				return fmt.Errorf("the parameter %s was accepted: %w", name, err)
			}
			if value == nil {
				return nil
			}
		}
	} else if isText {
		value = d.parameterOf(schema, text)
	}
	if err := d.validate(schema, value); err != nil {
		return fmt.Errorf("the parameter %s was accepted: %w", name, err)
	}
	return nil
}

// parameterOf is the value that a text has as a parameter.
func (d *Description) parameterOf(schema place, text string) any {
	switch d.at(schema, "type").value {
	case "array":
		var list []any
		for element := range strings.SplitSeq(text, ",") {
			list = append(list, element)
		}
		return list
	case "integer":
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	}
	return text
}

// checkExploded finds a parameter among the members of an exploded one.
func (d *Description) checkExploded(o *operation, name string, value any) error {
	for key, parameter := range o.parameters {
		if exploded, _ := d.at(parameter, "explode").value.(bool); key[0] != "query" || !exploded {
			continue
		}
		if err := d.validate(d.at(parameter, "schema"), map[string]any{name: value}); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the parameter %s was accepted, but is not described", name)
}

// checkAnswer tells what of an answer is not described.
func (d *Description) checkAnswer(o *operation, x *Exchange) error {
	response := d.response(o, x.Status)
	if response.value == nil {
		return fmt.Errorf("%s is answered with status %d, which is not described", o, x.Status)
	}
	var problems []error
	headers := d.at(response, "headers")
	for _, name := range headers.names() {
		header := d.at(headers, name)
		value := x.AnswerHeader.Get(name)
		if value == "" {
			if required, _ := d.at(header, "required").value.(bool); required {
				problems = append(problems, fmt.Errorf("the answer has no header %s", name))
			}
			continue
		}
		schema := d.at(header, "schema")
		if err := d.validate(schema, d.parameterOf(schema, value)); err != nil {
			problems = append(problems, fmt.Errorf("the answer's header %s: %w", name, err))
		}
	}
	if got := x.AnswerHeader.Get("Content-Type"); got != "application/json; charset=utf-8" {
		problems = append(problems, fmt.Errorf("the answer is of type %s", got))
	}
	return errors.Join(append(problems, d.checkBody(o.String()+" was answered", d.json(response), x.Answer))...)
}

// response is what is described of a status: by itself, or with those like it.
func (d *Description) response(o *operation, status int) place {
	responses := d.at(o.place, "responses")
	if exact := d.at(responses, strconv.Itoa(status)); exact.value != nil {
		return exact
	}
	return d.at(responses, fmt.Sprintf("%dXX", status/100))
}

func (d *Description) checkBody(what string, schema place, text []byte) error {
	body, err := decode(text)
	if err == nil {
		err = d.validate(schema, body)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// checkBatch holds the requests of a batch that succeeded, and what they were
// answered, to their own operations.
func (d *Description) checkBatch(requests []any, x *Exchange) error {
	answers, err := decode(x.Answer)
	if err != nil {
		return err
	}
	list, _ := answers.([]any)
	if len(list) != len(requests) {
		return fmt.Errorf("%d requests have %d answers", len(requests), len(list))
	}
	var problems []error
	for i, answer := range list {
		outcome, _ := answer.(map[string]any)
		success, ok := outcome["success"]
		if !ok {
			continue
		}
		method, _ := member(requests[i], "method").(string)
		path, _ := member(requests[i], "path").(string)
		sub := &request{method: method, path: below("/" + path[strings.Index(path[1:], "/")+2:]), body: member(requests[i], "body")}
		o := d.find(sub.method, sub.path)
		if o == nil {
			problems = append(problems, fmt.Errorf("in a batch %s %s succeeds, but is not described", method, path))
			continue
		}
		problems = append(problems, d.checkRequest(o, sub))
		if err := d.checkSuccess(o, success); err != nil {
			problems = append(problems, fmt.Errorf("in a batch %s was answered: %w", o, err))
		}
	}
	return errors.Join(problems...)
}

// checkSuccess holds an answer in a batch, which has no status, to those with
// which the operation may succeed.
func (d *Description) checkSuccess(o *operation, success any) error {
	var misfits []error
	for _, status := range []int{http.StatusOK, http.StatusCreated} {
		schema := d.json(d.response(o, status))
		if schema.value == nil {
			continue
		}
		err := d.validate(schema, success)
		if err == nil {
			return nil
		}
		misfits = append(misfits, err)
	}
	return errors.Join(misfits...)
}
