package parse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/parse"
)

func TestOperationOf(t *testing.T) {
	x := parse.Pointer{ClassName: "A", ObjectID: "x"}
	const pointer = `{"__type":"Pointer","className":"A","objectId":"x"}`
	tests := []struct {
		text string
		want parse.Operation
	}{
		{`{"__op":"Increment","amount":-2.5}`, parse.Increment{Amount: -2.5}},
		{`{"__op":"Add","objects":[1,"a"]}`, parse.Add{Objects: []parse.Value{parse.Number(1), parse.String("a")}}},
		{`{"__op":"AddUnique","objects":[]}`, parse.AddUnique{Objects: []parse.Value{}}},
		{`{"__op":"Remove","objects":[null]}`, parse.Remove{Objects: []parse.Value{parse.Null{}}}},
		{`{"__op":"Delete"}`, parse.DeleteField{}},
		{`{"__op":"SetOnInsert","amount":"v"}`, parse.SetOnInsert{Value: parse.String("v")}},
		{`{"__op":"SetOnInsert"}`, parse.SetOnInsert{Value: parse.Null{}}},
		{`{"__op":"AddRelation","objects":[` + pointer + `]}`, parse.AddRelation{Objects: []parse.Pointer{x}}},
		{`{"__op":"AddRelation","objects":[{"__type":"Object","className":"A","objectId":"x","n":1}]}`, parse.AddRelation{Objects: []parse.Pointer{x}}},
		{`{"__op":"RemoveRelation","objects":[]}`, parse.RemoveRelation{Objects: []parse.Pointer{}}},
		{
			`{"__op":"Batch","ops":[{"__op":"AddRelation","objects":[` + pointer + `]},{"__op":"RemoveRelation","objects":[]}]}`,
			parse.BatchOp{Ops: []parse.Operation{parse.AddRelation{Objects: []parse.Pointer{x}}, parse.RemoveRelation{Objects: []parse.Pointer{}}}},
		},
	}
	for _, tt := range tests {
		got, ok, err := parse.OperationOf(decode(t, tt.text))
		if !ok || err != nil {
			t.Errorf("%s: %v, %v", tt.text, ok, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.text, diff)
		}
	}
}

func TestOperationOfOtherValues(t *testing.T) {
	for _, text := range []string{`1`, `"Increment"`, `[]`, `{}`, `{"op":"Increment"}`, `{"__op":""}`, `{"__op":null}`} {
		if op, ok, err := parse.OperationOf(decode(t, text)); ok || err != nil {
			t.Errorf("%s: got %v, %v, %v, want no operation", text, op, ok, err)
		}
	}
}

func TestOperationOfRefuses(t *testing.T) {
	tests := []struct {
		text    string
		code    parse.Code
		message string
	}{
		{`{"__op":"Increment"}`, 107, "incrementing must provide a number"},
		{`{"__op":"Increment","amount":"1"}`, 107, "incrementing must provide a number"},
		{`{"__op":"Increment","amount":null}`, 107, "incrementing must provide a number"},
		{`{"__op":"Increment","amount":{"__type":"Date","iso":"2011-08-21"}}`, 107, "incrementing must provide a number"},
		{`{"__op":"Add"}`, 107, "objects to add must be an array"},
		{`{"__op":"Add","objects":5}`, 107, "objects to add must be an array"},
		{`{"__op":"AddUnique","objects":{"0":1,"length":1}}`, 107, "objects to add must be an array"},
		{`{"__op":"Remove","objects":"x"}`, 107, "objects to remove must be an array"},
		{`{"__op":"AddRelation"}`, 107, "objects of a relation must be an array"},
		{`{"__op":"AddRelation","objects":["x"]}`, 107, "objects of a relation must be pointers"},
		{`{"__op":"RemoveRelation","objects":[{"className":"A"}]}`, 107, "objects of a relation must be pointers"},
		{`{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"A","objectId":"x"},{"__type":"Pointer","className":"B","objectId":"x"}]}`, 111, "objects of a relation must be of one class"},
		{`{"__op":"Batch"}`, 107, "ops of a batch must be an array"},
		{`{"__op":"Batch","ops":[{"__op":"Delete"}]}`, 107, "ops of a batch must be relation operations"},
		{`{"__op":"Batch","ops":[{"__op":"Batch","ops":[]}]}`, 107, "ops of a batch must be relation operations"},
		{`{"__op":"Batch","ops":[1]}`, 107, "ops of a batch must be relation operations"},
		{`{"__op":"Foo"}`, 108, "The Foo operator is not supported yet."},
		{`{"__op":5}`, 108, "The 5 operator is not supported yet."},
		{`{"__op":"increment","amount":1}`, 108, "The increment operator is not supported yet."},
	}
	for _, tt := range tests {
		_, ok, err := parse.OperationOf(decode(t, tt.text))
		if !ok {
			t.Errorf("%s: not taken for an operation", tt.text)
		}
		wantError(t, tt.text, err, tt.code, tt.message)
	}
}

func TestFlatten(t *testing.T) {
	tests := []struct {
		op   parse.Operation
		want parse.Value // nil where the field stays absent
	}{
		{parse.Increment{Amount: 2}, parse.Number(2)},
		{parse.Add{Objects: []parse.Value{parse.Number(1), parse.Number(1)}}, parse.Array{parse.Number(1), parse.Number(1)}},
		{parse.AddUnique{Objects: []parse.Value{parse.Number(1)}}, parse.Array{parse.Number(1)}},
		{parse.Remove{Objects: []parse.Value{parse.Number(1)}}, parse.Array{}},
		{parse.SetOnInsert{Value: parse.Bool(true)}, parse.Bool(true)},
		{parse.DeleteField{}, nil},
		{parse.AddRelation{}, nil},
		{parse.RemoveRelation{}, nil},
		{parse.BatchOp{}, nil},
	}
	for _, tt := range tests {
		got, ok := parse.Flatten(tt.op)
		if ok != (tt.want != nil) {
			t.Errorf("%#v: ok is %v", tt.op, ok)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%#v: (-want +got)\n%s", tt.op, diff)
		}
	}
}
