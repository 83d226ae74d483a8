package parse

// Operation is an update operation on one field: {"__op":…}. The set is closed.
// Source: the Parse REST guide, "Updating objects".
type Operation interface{ operation() }

type (
	// Increment adds to a number; a field that is not there counts from 0.
	Increment struct{ Amount float64 }
	// Add appends to an array.
	Add struct{ Objects []Value }
	// AddUnique appends to an array what it does not hold yet.
	AddUnique struct{ Objects []Value }
	// Remove takes all occurrences of its objects out of an array.
	Remove struct{ Objects []Value }
	// DeleteField removes the field.
	DeleteField struct{}
	// AddRelation adds objects to a relation.
	AddRelation struct{ Objects []Pointer }
	// RemoveRelation removes objects from a relation.
	RemoveRelation struct{ Objects []Pointer }
	// BatchOp does several operations on one relation.
	BatchOp struct{ Ops []Operation }
	// SetOnInsert sets the field only when the object is new.
	SetOnInsert struct{ Value Value }
)

func (Increment) operation()      {}
func (Add) operation()            {}
func (AddUnique) operation()      {}
func (Remove) operation()         {}
func (DeleteField) operation()    {}
func (AddRelation) operation()    {}
func (RemoveRelation) operation() {}
func (BatchOp) operation()        {}
func (SetOnInsert) operation()    {}

// OperationOf reads an update operation; ok tells whether v is one, that is, an
// object with a member "__op". An operand of a wrong type is an InvalidJSON
// error, an unknown operation a CommandUnavailable one.
func OperationOf(v Value) (op Operation, ok bool, err error) {
	o, isObject := v.(*Object)
	if !isObject {
		return nil, false, nil
	}
	name, ok := o.Get("__op")
	if !ok || !truthy(name) {
		return nil, false, nil
	}
	op, err = operationOf(o, name)
	return op, true, err
}

func operationOf(o *Object, name Value) (Operation, error) {
	switch name {
	case String("Increment"):
		amount, ok := o.number("amount")
		if !ok {
			return nil, NewError(InvalidJSON, "incrementing must provide a number")
		}
		return Increment{amount}, nil
	case String("Add"):
		objects, err := operands(o, "objects to add must be an array")
		return Add{objects}, err
	case String("AddUnique"):
		objects, err := operands(o, "objects to add must be an array")
		return AddUnique{objects}, err
	case String("Remove"):
		objects, err := operands(o, "objects to remove must be an array")
		return Remove{objects}, err
	case String("Delete"):
		return DeleteField{}, nil
	case String("AddRelation"):
		objects, err := related(o)
		return AddRelation{objects}, err
	case String("RemoveRelation"):
		objects, err := related(o)
		return RemoveRelation{objects}, err
	case String("SetOnInsert"):
		value, ok := o.Get("amount")
		if !ok {
			value = Null{}
		}
		return SetOnInsert{value}, nil
	case String("Batch"):
		return batchOf(o)
	}
	return nil, NewError(CommandUnavailable, "The "+scriptString(name)+" operator is not supported yet.")
}

func operands(o *Object, otherwise string) ([]Value, error) {
	v, _ := o.Get("objects")
	a, ok := v.(Array)
	if !ok {
		return nil, NewError(InvalidJSON, otherwise)
	}
	return a, nil
}

// related reads the objects of a relation operation: pointers, or whole objects
// of which only class and id count. All must be of one class.
func related(o *Object) ([]Pointer, error) {
	objects, err := operands(o, "objects of a relation must be an array")
	if err != nil {
		return nil, err
	}
	pointers := make([]Pointer, 0, len(objects))
	for _, v := range objects {
		p, ok := v.(Pointer)
		if full, isObject := v.(*Object); isObject {
			class, ok1 := full.text("className")
			id, ok2 := full.text("objectId")
			p, ok = Pointer{ClassName: class, ObjectID: id}, ok1 && ok2
		}
		if !ok {
			return nil, NewError(InvalidJSON, "objects of a relation must be pointers")
		}
		if len(pointers) > 0 && p.ClassName != pointers[0].ClassName {
			return nil, NewError(IncorrectType, "objects of a relation must be of one class")
		}
		pointers = append(pointers, p)
	}
	return pointers, nil
}

// batchOf reads a Batch, which holds relation operations only.
func batchOf(o *Object) (Operation, error) {
	v, _ := o.Get("ops")
	ops, ok := v.(Array)
	if !ok {
		return nil, NewError(InvalidJSON, "ops of a batch must be an array")
	}
	batch := BatchOp{Ops: make([]Operation, 0, len(ops))}
	for _, v := range ops {
		op, _, err := OperationOf(v)
		if err != nil {
			return nil, err
		}
		switch op.(type) {
		case AddRelation, RemoveRelation:
			batch.Ops = append(batch.Ops, op)
		default:
			return nil, NewError(InvalidJSON, "ops of a batch must be relation operations")
		}
	}
	return batch, nil
}

// Flatten returns the value that an operation gives to the field of a new
// object; ok is false when the field stays absent, as after a Delete. Relations
// have no value in their object.
func Flatten(op Operation) (v Value, ok bool) {
	switch op := op.(type) {
	case Increment:
		return Number(op.Amount), true
	case Add:
		return Array(op.Objects), true
	case AddUnique:
		return Array(op.Objects), true
	case Remove:
		return Array{}, true
	case SetOnInsert:
		return op.Value, true
	}
	return nil, false
}
