package parse

// TypeOf infers the type that a field must have to hold v, as parse-server does
// when a field is first saved. For an update operation it is the type of field
// that the operation works on. Null and Delete say nothing: the kind is
// KindInvalid and the error nil. An object whose "__type" is unknown, or which
// lacks what its type needs, is an IncorrectType error.
func TypeOf(v Value) (FieldType, error) {
	switch v := v.(type) {
	case String:
		return FieldType{Kind: KindString}, nil
	case Number:
		return FieldType{Kind: KindNumber}, nil
	case Bool:
		return FieldType{Kind: KindBoolean}, nil
	case Date:
		return FieldType{Kind: KindDate}, nil
	case Bytes:
		if len(v) == 0 {
			return FieldType{}, notValid("Bytes")
		}
		return FieldType{Kind: KindBytes}, nil
	case Pointer:
		return FieldType{Kind: KindPointer, TargetClass: v.ClassName}, nil
	case Relation:
		return FieldType{Kind: KindRelation, TargetClass: v.ClassName}, nil
	case File:
		return FieldType{Kind: KindFile}, nil
	case GeoPoint:
		return FieldType{Kind: KindGeoPoint}, nil
	case Polygon:
		return FieldType{Kind: KindPolygon}, nil
	case Array:
		return FieldType{Kind: KindArray}, nil
	case *Object:
		return typeOfObject(v)
	}
	return FieldType{}, nil
}

func typeOfObject(o *Object) (FieldType, error) {
	if t, ok := o.Get("__type"); ok && truthy(t) {
		return FieldType{}, notValid(scriptString(t))
	}
	op, ok, err := OperationOf(o)
	if err != nil {
		return FieldType{}, err
	}
	if ok {
		return TypeOfOperation(op)
	}
	return FieldType{Kind: KindObject}, nil
}

// TypeOfOperation returns the type of field that an operation works on, under
// the rules of TypeOf.
func TypeOfOperation(op Operation) (FieldType, error) {
	switch op := op.(type) {
	case Increment:
		return FieldType{Kind: KindNumber}, nil
	case Add, AddUnique, Remove:
		return FieldType{Kind: KindArray}, nil
	case AddRelation:
		return typeOfRelated(op.Objects), nil
	case RemoveRelation:
		return typeOfRelated(op.Objects), nil
	case BatchOp:
		if len(op.Ops) > 0 {
			return TypeOfOperation(op.Ops[0])
		}
	case SetOnInsert:
		return TypeOf(op.Value)
	}
	return FieldType{}, nil
}

func typeOfRelated(objects []Pointer) FieldType {
	if len(objects) == 0 {
		return FieldType{}
	}
	return FieldType{Kind: KindRelation, TargetClass: objects[0].ClassName}
}

func notValid(typeName string) error {
	return NewError(IncorrectType, "This is not a valid "+typeName)
}

// truthy tells whether JavaScript takes v for true.
func truthy(v Value) bool {
	switch v := v.(type) {
	case nil, Null:
		return false
	case Bool:
		return bool(v)
	case Number:
		return v != 0
	case String:
		return v != ""
	}
	return true
}

// scriptString renders v as JavaScript does where it makes part of a message;
// arrays, which it would spell out, are objects here.
func scriptString(v Value) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case String:
		return string(v)
	case Null, Bool, Number:
		return string(AppendJSON(nil, v))
	}
	return "[object Object]"
}
