package pipeline

import (
	"encoding/binary"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/expression"
)

// summing is $sum and $avg.
type summing struct {
	operand *expression.Expression
	average bool
	// one tells that it counts.
	one bool
}

func (c compiler) sum(name string, operand *expression.Expression) *summing {
	s := &summing{operand: operand, average: name == "$avg"}
	if v, ok := operand.Constant(); ok && !s.average {
		n, whole := v.AsInt64OK()
		s.one = whole && n == 1 && v.Type == bson.TypeInt32
	}
	return s
}

func (s *summing) start(*execution, bson.RawValue) (state, error) { return &sum{summing: s}, nil }

type sum struct {
	*summing
	numbers expression.Summation
}

func (s *sum) take(env *expression.Env, doc bson.Raw) (int, error) {
	v, err := s.operand.Evaluate(env, doc)
	if err == nil {
		s.numbers.Add(v)
	}
	return 0, err
}

func (s *sum) value() (bson.RawValue, error) {
	if s.average {
		return s.numbers.Mean(), nil
	}
	return s.numbers.Sum(), nil
}

// deviating is $stdDevPop and $stdDevSamp.
type deviating struct {
	operand *expression.Expression
	sample  bool
}

func (d *deviating) start(*execution, bson.RawValue) (state, error) {
	return &deviation{deviating: d}, nil
}

type deviation struct {
	*deviating
	numbers expression.Deviation
}

func (d *deviation) take(env *expression.Env, doc bson.Raw) (int, error) {
	v, err := d.operand.Evaluate(env, doc)
	if err == nil {
		d.numbers.Add(v)
	}
	return 0, err
}

func (d *deviation) value() (bson.RawValue, error) { return d.numbers.Value(d.sample), nil }

func doubleValue(d float64) bson.RawValue {
	return bson.RawValue{Type: bson.TypeDouble, Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(d))}
}

// doubleOf returns a number of any type as a double.
func doubleOf(v bson.RawValue) (float64, bool) {
	switch v.Type {
	case bson.TypeInt32:
		return float64(int32(binary.LittleEndian.Uint32(v.Value))), true
	case bson.TypeInt64:
		return float64(int64(binary.LittleEndian.Uint64(v.Value))), true
	case bson.TypeDouble:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.Value)), true
	case bson.TypeDecimal128:
		d, ok := v.Decimal128OK()
		if !ok {
			return 0, false
		}
		n, err := strconv.ParseFloat(d.String(), 64)
		return n, err == nil || !math.IsNaN(n)
	}
	return 0, false
}
