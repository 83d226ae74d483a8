package pipeline

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/expression"
)

// summing is $sum and $avg. Of integers the sum is exact; of doubles, it is kept
// with the error that rounding makes, so that it does not depend on their order
// more than it must; with decimals, it is a decimal.
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
	n      int64
	widest bson.Type // of the numbers so far: int32, int64, double or decimal
	// The integers, in 128 bits.
	high int64
	low  uint64
	// The doubles, and what rounding has left out.
	double, rest float64
	decimal      bson.RawValue
}

func (s *sum) take(env *expression.Env, doc bson.Raw) (int, error) {
	v, err := s.operand.Evaluate(env, doc)
	if err != nil {
		return 0, err
	}
	switch v.Type {
	case bson.TypeInt32:
		s.addInteger(int64(int32(binary.LittleEndian.Uint32(v.Value))))
	case bson.TypeInt64:
		s.addInteger(int64(binary.LittleEndian.Uint64(v.Value)))
	case bson.TypeDouble:
		s.addDouble(math.Float64frombits(binary.LittleEndian.Uint64(v.Value)))
	case bson.TypeDecimal128:
		if s.decimal, err = decimalSum(s.decimal, v); err != nil {
			return 0, err
		}
	default:
		return 0, nil
	}
	s.n++
	if width(v.Type) > width(s.widest) {
		s.widest = v.Type
	}
	return 0, nil
}

// width orders the types of numbers.
func width(t bson.Type) int {
	switch t {
	case bson.TypeInt32:
		return 1
	case bson.TypeInt64:
		return 2
	case bson.TypeDouble:
		return 3
	case bson.TypeDecimal128:
		return 4
	}
	return 0
}

func (s *sum) addInteger(n int64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(n), 0)
	s.high += n>>63 + int64(carry)
}

// addDouble is Knuth's sum of two with the error of rounding.
func (s *sum) addDouble(d float64) {
	total := s.double + d
	part := total - s.double
	if lost := (s.double - (total - part)) + (d - part); !math.IsNaN(lost) {
		s.rest += lost
	}
	s.double = total
}

// float returns the integers and the doubles together.
func (s *sum) float() float64 {
	t := *s
	t.addDouble(float64(s.high) * (1 << 64))
	// The low half in two parts that are doubles.
	t.addDouble(float64(s.low >> 32 << 32))
	t.addDouble(float64(s.low & (1<<32 - 1)))
	if sum := t.double + t.rest; !math.IsNaN(sum) {
		return sum
	}
	return t.double
}

func (s *sum) value() (bson.RawValue, error) {
	if s.average {
		return s.mean()
	}
	small := s.high == int64(s.low)>>63
	switch s.widest {
	case bson.TypeDecimal128:
		return s.total()
	case bson.TypeInt64:
		if small {
			return int64Value(int64(s.low)), nil
		}
	case bson.TypeDouble:
	default:
		if small {
			return integerValue(int64(s.low)), nil
		}
	}
	return doubleValue(s.float()), nil
}

func (s *sum) mean() (bson.RawValue, error) {
	switch {
	case s.n == 0:
		return null, nil
	case s.widest != bson.TypeDecimal128:
		return doubleValue(s.float() / float64(s.n)), nil
	}
	total, err := s.total()
	if err != nil {
		return total, err
	}
	return arithmetic("$divide", total, int64Value(s.n))
}

// total returns the sum of all as a decimal.
func (s *sum) total() (bson.RawValue, error) {
	rest := int64Value(int64(s.low))
	if s.high != int64(s.low)>>63 || s.double != 0 {
		rest = doubleValue(s.float())
	}
	return decimalSum(s.decimal, rest)
}

// decimalSum adds a number to a decimal, of type 0 for none.
func decimalSum(a, b bson.RawValue) (bson.RawValue, error) {
	if a.Type == 0 {
		return cloned(b), nil
	}
	return arithmetic("$add", a, b)
}

// arithmetic has an expression reckon, since decimals are its business.
func arithmetic(operator string, a, b bson.RawValue) (bson.RawValue, error) {
	e, err := expression.Compile(bson.D{{Key: operator, Value: bson.A{a, b}}}, expression.Options{})
	if err != nil {
		return bson.RawValue{}, err
	}
	return e.Evaluate(&expression.Env{}, emptyDocument)
}

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
