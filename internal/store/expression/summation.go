package expression

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Summation adds numbers as $sum and $avg do. Of integers the sum is exact; of
// doubles, it is kept with the error that rounding makes, so that it does not
// depend on their order more than it must; with decimals, it is a decimal. The
// zero one has added nothing.
type Summation struct {
	count  int64
	widest bson.Type // of the numbers so far: int32, int64, double or decimal
	// The integers, in 128 bits.
	high int64
	low  uint64
	// The doubles, and what rounding has left out.
	double, rest float64
	decimal      *apd.Decimal // nil for none
}

// Add adds v if it is a number.
func (s *Summation) Add(v bson.RawValue) {
	switch v.Type {
	case bson.TypeInt32:
		s.addInteger(int64(int32(binary.LittleEndian.Uint32(v.Value))))
	case bson.TypeInt64:
		s.addInteger(int64(binary.LittleEndian.Uint64(v.Value)))
	case bson.TypeDouble:
		s.addDouble(math.Float64frombits(binary.LittleEndian.Uint64(v.Value)))
	case bson.TypeDecimal128:
		s.addDecimal(decimalOf(v))
	default:
		return
	}
	s.count++
	if width(v.Type) > width(s.widest) {
		s.widest = v.Type
	}
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

func (s *Summation) addInteger(n int64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(n), 0)
	s.high += n>>63 + int64(carry)
}

// addDouble is Knuth's sum of two with the error of rounding.
func (s *Summation) addDouble(d float64) {
	total := s.double + d
	part := total - s.double
	if lost := (s.double - (total - part)) + (d - part); !math.IsNaN(lost) {
		s.rest += lost
	}
	s.double = total
}

func (s *Summation) addDecimal(d *apd.Decimal) {
	if s.decimal == nil {
		s.decimal = d
		return
	}
	_, _ = decimals.Add(s.decimal, s.decimal, d) // nothing is trapped
}

// float returns the integers and the doubles together.
func (s *Summation) float() float64 {
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

// number is the sum in the widest type of the numbers, or a wider one.
func (s *Summation) number() number {
	n, small := int64(s.low), s.high == int64(s.low)>>63
	whole := number{kind: bson.TypeInt64, integer: n}
	switch {
	case s.widest == bson.TypeDecimal128 && small && s.double == 0:
		return addition.apply(number{kind: s.widest, decimal: s.decimal}, whole)
	case s.widest == bson.TypeDecimal128:
		return addition.apply(number{kind: s.widest, decimal: s.decimal}, number{kind: bson.TypeDouble, double: s.float()})
	case s.widest == bson.TypeDouble || !small:
		return number{kind: bson.TypeDouble, double: s.float()}
	case s.widest != bson.TypeInt64 && n == int64(int32(n)):
		return number{kind: bson.TypeInt32, integer: n}
	}
	return whole
}

// mean is the sum divided by the count, a double or a decimal; ok is false if
// there were no numbers.
func (s *Summation) mean() (mean number, ok bool) {
	switch {
	case s.count == 0:
		return number{}, false
	case s.widest == bson.TypeDecimal128:
		return number{kind: s.widest, decimal: quotient(s.number().decimal, new(apd.Decimal).SetInt64(s.count))}, true
	}
	return number{kind: bson.TypeDouble, double: s.float() / float64(s.count)}, true
}

// Sum returns the sum, 0 if there were no numbers.
func (s *Summation) Sum() bson.RawValue { return alone(s.number()) }

// Mean returns the sum divided by the count, a double or a decimal, or null if
// there were no numbers.
func (s *Summation) Mean() bson.RawValue {
	mean, ok := s.mean()
	if !ok {
		return null
	}
	return alone(mean)
}

// alone returns a number as a value with memory of its own.
func alone(n number) value {
	switch n.kind {
	case bson.TypeInt32:
		return value{Type: n.kind, Value: binary.LittleEndian.AppendUint32(nil, uint32(n.integer))}
	case bson.TypeInt64:
		return value{Type: n.kind, Value: binary.LittleEndian.AppendUint64(nil, uint64(n.integer))}
	case bson.TypeDouble:
		return value{Type: n.kind, Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(n.double))}
	}
	return new(Env).decimal(n.decimal)
}

// Deviation is the standard deviation of numbers, by Welford's method. The zero
// one is of none.
type Deviation struct{ count, mean, squares float64 }

// Add adds v if it is a number.
func (d *Deviation) Add(v bson.RawValue) {
	if !isNumber(v) {
		return
	}
	f := floatOf(v)
	d.count++
	delta := f - d.mean
	d.mean += delta / d.count
	d.squares += delta * (f - d.mean)
}

// Value returns the deviation, with one degree of freedom less than numbers if
// they are a sample, or null if that leaves none.
func (d *Deviation) Value(sample bool) bson.RawValue {
	freedom := d.count
	if sample {
		freedom--
	}
	if freedom <= 0 {
		return null
	}
	return alone(number{kind: bson.TypeDouble, double: math.Sqrt(d.squares / freedom)})
}
