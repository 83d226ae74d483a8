package expression

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// conversion is $convert, $toInt and their like.
type conversion struct {
	input   node
	to      node
	onError node // nil for none, so that an error is one
	onNull  node // nil for none, so that null stays null
}

// conversionTargets are the types that the short forms convert to.
var conversionTargets = map[string]bson.Type{
	"$toBool": bson.TypeBoolean, "$toDate": bson.TypeDateTime, "$toDecimal": bson.TypeDecimal128,
	"$toDouble": bson.TypeDouble, "$toInt": bson.TypeInt32, "$toLong": bson.TypeInt64,
	"$toObjectId": bson.TypeObjectID, "$toString": bson.TypeString,
}

func (c compiler) convert(name string, v value) (node, error) {
	if target, ok := conversionTargets[name]; ok {
		args, err := c.list(v)
		if err != nil {
			return nil, err
		}
		if err := checkArity(name, 1, 1, len(args)); err != nil {
			return nil, err
		}
		n := &conversion{input: args[0], to: constant{signed(int32(target))}}
		return folded(n, args[0]), nil
	}
	args, err := c.operands(name, named{notDocument: codeFailedToParse, unknown: codeFailedToParse, operands: []operand{
		{"input", codeFailedToParse}, {"to", codeFailedToParse}, {"onError", 0}, {"onNull", 0},
	}}, v)
	if err != nil {
		return nil, err
	}
	return &conversion{input: args[0], to: args[1], onError: args[2], onNull: args[3]}, nil
}

func signed(n int32) value { return (&Env{}).int32(n) }

func (n *conversion) eval(env *Env) (value, error) {
	v, err := n.input.eval(env)
	if err != nil {
		return missing, err
	}
	target, err := n.target(env)
	switch {
	case err != nil:
		return missing, err
	case nullish(v) && n.onNull != nil:
		return n.onNull.eval(env)
	case nullish(v) || target == bson.TypeNull:
		return null, nil
	}
	converted, err := convert(env, v, target)
	if err != nil && n.onError != nil {
		return n.onError.eval(env)
	}
	return converted, err
}

// target returns the type to convert to, null when that is null.
func (n *conversion) target(env *Env) (bson.Type, error) {
	to, err := n.to.eval(env)
	if err != nil {
		return 0, err
	}
	if to.Type == bson.TypeEmbeddedDocument {
		to = match.Lookup(to.Value, "type")
	}
	switch {
	case nullish(to):
		return bson.TypeNull, nil
	case to.Type == bson.TypeString:
		kind, ok := match.TypeNamed(string(textOf(to)))
		if !ok {
			return 0, store.BadRequest(codeBadValue, "Unknown type name: %s", shown(to))
		}
		return kind, nil
	case !isNumber(to):
		return 0, store.BadRequest(codeFailedToParse, "$convert's 'to' argument must be a string or number, but is %s", typeName(to))
	}
	code, ok := match.Whole(to)
	if !ok || code < -1 || code > 19 && code != 127 && code != 255 {
		return 0, store.BadRequest(codeFailedToParse, "In $convert, numeric value for 'to' does not correspond to a BSON type: %s", shown(to))
	}
	return bson.Type(byte(code)), nil
}

// convert converts what is not null.
func convert(env *Env, v value, target bson.Type) (value, error) {
	switch target {
	case bson.TypeBoolean:
		return boolean(match.Truthy(v)), nil
	case bson.TypeString:
		return toString(v)
	case bson.TypeDouble:
		return toDouble(env, v)
	case bson.TypeDecimal128:
		return toDecimal(env, v)
	case bson.TypeInt32, bson.TypeInt64:
		return toInteger(env, v, target)
	case bson.TypeDateTime:
		return toDate(env, v)
	case bson.TypeObjectID:
		return toObjectID(v)
	}
	if v.Type == target {
		return v, nil
	}
	return missing, cantConvert(v, target)
}

func failed(format string, args ...any) error {
	return store.BadRequest(codeConversionFailed, format+" in $convert with no onError value", args...)
}

func cantConvert(v value, target bson.Type) error {
	return failed("Unsupported conversion from %s to %s", typeName(v), typeName(value{Type: target}))
}

func toString(v value) (value, error) {
	switch v.Type {
	case bson.TypeString:
		return v, nil
	case bson.TypeBoolean:
		return text(strconv.FormatBool(v.Boolean()))
	case bson.TypeObjectID:
		return text(v.ObjectID().Hex())
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128, bson.TypeDateTime:
		s, err := written(v)
		if err != nil {
			return missing, err
		}
		return text(s)
	}
	return missing, cantConvert(v, bson.TypeString)
}

func toDouble(env *Env, v value) (value, error) {
	switch v.Type {
	case bson.TypeDouble:
		return v, nil
	case bson.TypeInt32, bson.TypeInt64:
		return env.double(floatOf(v)), nil
	case bson.TypeDecimal128:
		d := floatOf(v)
		if math.IsInf(d, 0) && decimalOf(v).Form == apd.Finite {
			return missing, failed("Conversion would overflow target type")
		}
		return env.double(d), nil
	case bson.TypeBoolean:
		return env.double(float64(integerOfBool(v))), nil
	case bson.TypeDateTime:
		return env.double(float64(int64Of(v))), nil
	case bson.TypeString:
		s := string(textOf(v))
		d, err := strconv.ParseFloat(s, 64)
		if err != nil || !writtenNumber(s) {
			return missing, failed("Failed to parse number '%s'", shownText(s))
		}
		return env.double(d), nil
	}
	return missing, cantConvert(v, bson.TypeDouble)
}

func integerOfBool(v value) int64 {
	if v.Boolean() {
		return 1
	}
	return 0
}

// writtenNumber tells whether s is a number in decimal: strconv also takes
// hexadecimal ones and underscores.
func writtenNumber(s string) bool {
	rest := strings.ToLower(strings.TrimLeft(s, "+-"))
	return strings.Trim(rest, "0123456789.e+-") == "" || rest == "nan" || rest == "inf" || rest == "infinity"
}

func shownText(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxShown)], "") }

func toDecimal(env *Env, v value) (value, error) {
	switch v.Type {
	case bson.TypeDecimal128:
		return v, nil
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble:
		return env.decimal(decimalOf(v)), nil
	case bson.TypeBoolean:
		return env.decimal(new(apd.Decimal).SetInt64(integerOfBool(v))), nil
	case bson.TypeDateTime:
		return env.decimal(new(apd.Decimal).SetInt64(int64Of(v))), nil
	case bson.TypeString:
		s := string(textOf(v))
		if len(s) > maxDigits || !writtenNumber(s) {
			return missing, failed("Failed to parse number '%s'", shownText(s))
		}
		d, _, err := decimals.NewFromString(s)
		if err != nil {
			return missing, failed("Failed to parse number '%s'", shownText(s))
		}
		return env.decimal(d), nil
	}
	return missing, cantConvert(v, bson.TypeDecimal128)
}

// maxDigits bounds the text of a number, in bytes.
const maxDigits = 10_000

func toInteger(env *Env, v value, target bson.Type) (value, error) {
	var n int64
	switch v.Type {
	case bson.TypeInt32, bson.TypeInt64:
		n = integerOf(v)
	case bson.TypeBoolean:
		n = integerOfBool(v)
	case bson.TypeDateTime:
		if target == bson.TypeInt32 {
			return missing, cantConvert(v, target)
		}
		n = int64Of(v)
	case bson.TypeDouble, bson.TypeDecimal128:
		var ok bool
		switch f := floatOf(v); {
		case math.IsNaN(f):
			return missing, failed("Attempt to convert NaN value to integer type")
		case math.IsInf(f, 0):
			return missing, failed("Attempt to convert infinity value to integer type")
		}
		if n, ok = truncated(v); !ok {
			return missing, failed("Conversion would overflow target type: %s", shown(v))
		}
	case bson.TypeString:
		s := string(textOf(v))
		var err error
		if n, err = strconv.ParseInt(s, 10, 64); err != nil {
			return missing, failed("Failed to parse number '%s'", shownText(s))
		}
	default:
		return missing, cantConvert(v, target)
	}
	if target == bson.TypeInt64 {
		return env.int64(n), nil
	}
	if n != int64(int32(n)) {
		return missing, failed("Conversion would overflow target type: %d", n)
	}
	return env.int32(int32(n)), nil
}

// truncated returns a finite number without its fraction, if it fits an int64.
func truncated(v value) (int64, bool) {
	if v.Type == bson.TypeDecimal128 {
		d := decimalOf(v)
		if d.NumDigits()+int64(d.Exponent) > 19 {
			return 0, false
		}
		n, err := quantized(d, 0, apd.RoundDown).Int64()
		return n, err == nil
	}
	f := math.Trunc(floatOf(v))
	return int64(f), f >= -1<<63 && f < 1<<63
}

func toDate(env *Env, v value) (value, error) {
	switch v.Type {
	case bson.TypeDateTime:
		return v, nil
	case bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128:
		n, err := toInteger(env, v, bson.TypeInt64)
		if err != nil {
			return missing, err
		}
		return env.millis(int64Of(n)), nil
	case bson.TypeObjectID, bson.TypeTimestamp:
		t, _ := asDate(v)
		return env.millis(t), nil
	case bson.TypeString:
		return parseDate(env, string(textOf(v)), nil)
	}
	return missing, cantConvert(v, bson.TypeDateTime)
}

func toObjectID(v value) (value, error) {
	switch v.Type {
	case bson.TypeObjectID:
		return v, nil
	case bson.TypeString:
		id, err := hex.DecodeString(string(textOf(v)[:min(len(textOf(v)), 25)]))
		if err != nil || len(id) != 12 {
			return missing, failed("Failed to parse objectId '%s': Invalid string length for parsing to OID, expected 24", shownText(string(textOf(v))))
		}
		return value{Type: bson.TypeObjectID, Value: id}, nil
	}
	return missing, cantConvert(v, bson.TypeObjectID)
}
