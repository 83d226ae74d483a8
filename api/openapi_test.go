package api_test

import (
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/loam-baas/loam/api"
	"github.com/loam-baas/loam/internal/apitest"
)

// What OpenAPI 3.1 says of documents holds for ours.
func TestDocumentIsOpenAPI(t *testing.T) {
	document, err := libopenapi.NewDocument(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	info := document.GetSpecInfo()
	if info.VersionNumeric != 3.1 {
		t.Errorf("its version is %v", info.VersionNumeric)
	}
	rules, err := jsonschema.UnmarshalJSON(strings.NewReader(info.APISchema))
	if err != nil {
		t.Fatal(err)
	}
	const location = "openapi-3.1.json"
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(location, rules); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(location)
	if err != nil {
		t.Fatal(err)
	}
	text := info.GetSpecJSONBytes()
	if text == nil {
		t.Fatal("the document has no form in JSON")
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(*text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
	// References lead somewhere, and not in circles that no value ends.
	if _, err := document.BuildV3Model(); err != nil {
		t.Error(err)
	}
}

func TestExamplesFit(t *testing.T) {
	d, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	examples, err := d.CheckExamples()
	if err != nil {
		t.Error(err)
	}
	if examples < 20 {
		t.Errorf("there are but %d examples", examples)
	}
}
