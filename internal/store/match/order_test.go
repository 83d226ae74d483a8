package match

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// ascending are values in MongoDB's order; those of one row are equal.
var ascending = [][]string{
	{`{"$minKey":1}`},
	{`{"$undefined":true}`},
	{`null`},
	{`{"$numberDouble":"NaN"}`, `{"$numberDecimal":"NaN"}`},
	{`{"$numberDouble":"-Infinity"}`, `{"$numberDecimal":"-Infinity"}`},
	{`{"$numberDecimal":"-1E400"}`},
	{`-1.7976931348623157e308`},
	{`{"$numberLong":"-9223372036854775808"}`, `-9223372036854775808.0`},
	{`{"$numberLong":"-9223372036854775807"}`},
	{`{"$numberLong":"-9007199254740993"}`},
	{`{"$numberLong":"-9007199254740992"}`, `-9007199254740992.0`},
	{`-1.5`, `{"$numberDecimal":"-1.5"}`},
	{`-0.1`}, // a little below
	{`{"$numberDecimal":"-0.1"}`},
	{`-5e-324`},
	{`{"$numberDecimal":"-1E-6000"}`},
	{`0`, `0.0`, `-0.0`, `{"$numberLong":"0"}`, `{"$numberDecimal":"-0"}`, `{"$numberDecimal":"0E+500"}`},
	{`{"$numberDecimal":"1E-6000"}`},
	{`{"$numberDecimal":"2E-6000"}`},
	{`5e-324`},
	{`{"$numberDecimal":"0.1"}`, `{"$numberDecimal":"0.10"}`},
	{`0.1`},
	{`1`, `1.0`, `{"$numberLong":"1"}`, `{"$numberDecimal":"1.000"}`},
	{`1.0000000000000002`},
	{`{"$numberDecimal":"1.1"}`},
	{`1.1`},
	{`{"$numberLong":"9007199254740992"}`, `9007199254740992.0`},
	{`{"$numberLong":"9007199254740993"}`},
	{`9007199254740994.0`},
	{`{"$numberLong":"9223372036854775806"}`},
	{`{"$numberDecimal":"9223372036854775806.5"}`},
	{`{"$numberLong":"9223372036854775807"}`, `{"$numberDecimal":"9223372036854775807"}`},
	{`9223372036854775808.0`, `{"$numberDecimal":"9223372036854775808"}`},
	{`1.7976931348623157e308`},
	{`{"$numberDecimal":"1E400"}`},
	{`{"$numberDecimal":"1.1E400"}`},
	{`{"$numberDouble":"Infinity"}`, `{"$numberDecimal":"Infinity"}`},
	{`""`},
	{`"\u0000"`},
	{`"\u0000a"`},
	{`"\u0001"`},
	{`"\u0002"`},
	{`"A"`},
	{`"a"`, `{"$symbol":"a"}`},
	{`"a\u0000"`},
	{`"a\u0000b"`},
	{`"a\u0001"`},
	{`"ab"`},
	{`"é"`},
	{`{}`},
	{`{"a":1}`},
	{`{"a":1,"b":1}`},
	{`{"a":2}`, `{"a":2.0}`},
	{`{"b":0}`},
	{`{"a":"x"}`},
	{`{"a":{}}`},
	{`[]`},
	{`[null]`},
	{`[1]`},
	{`[1,2]`, `[1.0,{"$numberLong":"2"}]`},
	{`[2]`},
	{`["a"]`},
	{`[[]]`},
	{`{"$binary":{"base64":"","subType":"00"}}`},
	{`{"$binary":{"base64":"/w==","subType":"00"}}`},
	{`{"$binary":{"base64":"AA==","subType":"05"}}`},
	{`{"$binary":{"base64":"AAA=","subType":"00"}}`},
	{`{"$oid":"000000000000000000000001"}`},
	{`{"$oid":"ff0000000000000000000000"}`},
	{`false`},
	{`true`},
	{`{"$date":"1960-01-01T00:00:00Z"}`},
	{`{"$date":"2020-01-01T00:00:00Z"}`},
	{`{"$timestamp":{"t":1,"i":2}}`},
	{`{"$timestamp":{"t":2,"i":1}}`},
	{`{"$regularExpression":{"pattern":"a","options":""}}`},
	{`{"$regularExpression":{"pattern":"a","options":"i"}}`},
	{`{"$regularExpression":{"pattern":"ab","options":""}}`},
	{`{"$dbPointer":{"$ref":"c","$id":{"$oid":"000000000000000000000001"}}}`},
	{`{"$code":"f"}`},
	{`{"$code":"f","$scope":{}}`},
	{`{"$maxKey":1}`},
}

func TestCompareAndKeyAgreeWithMongoDBsOrder(t *testing.T) {
	type placed struct {
		text  string
		place int
		v     bson.RawValue
	}
	var all []placed
	for i, row := range ascending {
		for _, text := range row {
			all = append(all, placed{text, i, rawValue(t, text)})
		}
	}
	for _, a := range all {
		for _, b := range all {
			want := cmp.Compare(a.place, b.place)
			if got := Compare(a.v, b.v); got != want {
				t.Errorf("Compare(%s, %s) = %d, want %d", a.text, b.text, got, want)
			}
			if got := bytes.Compare(AppendKey(nil, a.v), AppendKey(nil, b.v)); got != want {
				t.Errorf("keys of %s and %s compare as %d, want %d", a.text, b.text, got, want)
			}
			if got := bytes.Compare(descendingKey(nil, a.v), descendingKey(nil, b.v)); got != -want {
				t.Errorf("descending keys of %s and %s compare as %d, want %d", a.text, b.text, got, -want)
			}
		}
	}
}

func TestMissingComparesAsNull(t *testing.T) {
	if got := Compare(bson.RawValue{}, rawValue(t, `null`)); got != 0 {
		t.Errorf("missing and null compare as %d", got)
	}
}

// Keys of several values after one another compare as the values in turn.
func TestKeysConcatenate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	value := func() bson.RawValue {
		row := ascending[rng.IntN(len(ascending))]
		return rawValue(t, row[rng.IntN(len(row))])
	}
	for range 2_000 {
		a1, a2, b1, b2 := value(), value(), value(), value()
		want := cmp.Or(Compare(a1, b1), -Compare(a2, b2))
		a := descendingKey(AppendKey(nil, a1), a2)
		b := descendingKey(AppendKey(nil, b1), b2)
		if got := bytes.Compare(a, b); got != want {
			t.Fatalf("(%v, %v) and (%v, %v) compare as %d, want %d", a1, a2, b1, b2, got, want)
		}
	}
}

func TestKeyBounds(t *testing.T) {
	for _, row := range ascending {
		for _, text := range row {
			v := rawValue(t, text)
			low, high := KeyBounds(v.Type)
			if first := AppendKey(nil, v)[0]; first < low || first >= high {
				t.Errorf("%s: key begins with %x, not in [%x, %x)", text, first, low, high)
			}
		}
	}
}

func TestCaseInsensitiveOrder(t *testing.T) {
	rows := [][]string{{""}, {"-"}, {"1"}, {"a", "A"}, {"á", "Á"}, {"ab", "AB", "aB"}, {"b"}, {"straße"}, {"z", "Z"}}
	for i, row := range rows {
		for j, other := range rows {
			for _, x := range row {
				for _, y := range other {
					a, b := rawValue(t, `"`+x+`"`), rawValue(t, `"`+y+`"`)
					want := cmp.Compare(i, j)
					if got := CaseInsensitive.Compare(a, b); got != want {
						t.Errorf("%q and %q compare as %d, want %d", x, y, got, want)
					}
					if got := bytes.Compare(CaseInsensitive.AppendKey(nil, a), CaseInsensitive.AppendKey(nil, b)); got != want {
						t.Errorf("keys of %q and %q compare as %d, want %d", x, y, got, want)
					}
				}
			}
		}
	}
}

// randomValue makes values that are often close to each other.
func randomValue(rng *rand.Rand, depth int) any {
	switch n := rng.IntN(14); {
	case n == 0:
		return int32(rng.IntN(5) - 2)
	case n == 1:
		return int64(rng.Uint64()) >> rng.IntN(64)
	case n == 2:
		return math.Float64frombits(rng.Uint64())
	case n == 3:
		return float64(int64(rng.Uint64()) >> rng.IntN(64))
	case n == 4:
		return []string{"", "a", "a\x00", "a\x01", "\x00", "ab", "B"}[rng.IntN(7)]
	case n == 5 && depth < 3:
		d := bson.D{}
		for range rng.IntN(3) {
			d = append(d, bson.E{Key: []string{"a", "b", ""}[rng.IntN(3)], Value: randomValue(rng, depth+1)})
		}
		return d
	case n == 6 && depth < 3:
		a := bson.A{}
		for range rng.IntN(3) {
			a = append(a, randomValue(rng, depth+1))
		}
		return a
	case n == 7:
		return bson.NewDecimal128(rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64))
	case n == 8:
		d, _ := bson.ParseDecimal128([]string{"0.1", "1e20", "-3", "9007199254740992.5", "1e-320"}[rng.IntN(5)])
		return d
	case n == 9:
		return bson.Binary{Data: []byte{byte(rng.IntN(3)), 0}[:rng.IntN(3)]}
	case n == 10:
		return rng.IntN(2) == 0
	case n == 11:
		return bson.DateTime(int64(rng.Uint64()))
	case n == 12:
		return bson.Regex{Pattern: []string{"", "a"}[rng.IntN(2)], Options: []string{"", "i"}[rng.IntN(2)]}
	}
	return nil
}

func TestKeyOfRandomValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	values := make([]value, 150)
	for i := range values {
		raw, err := Encode(bson.D{{Key: "v", Value: randomValue(rng, 0)}})
		if err != nil {
			t.Fatal(err)
		}
		values[i] = find(raw, "v")
	}
	for _, a := range values {
		for _, b := range values {
			checkKeyOrder(t, a, b)
		}
	}
	// Compare is a total order: sorting by it twice over a shuffle gives one order of keys.
	slices.SortFunc(values, func(a, b value) int { return compare(a, b, Simple, 0) })
	for i := 1; i < len(values); i++ {
		if bytes.Compare(appendKey(nil, values[i-1], Simple, 0), appendKey(nil, values[i], Simple, 0)) > 0 {
			t.Fatalf("sorted values have keys out of order at %d", i)
		}
	}
}

func checkKeyOrder(t testing.TB, a, b value) {
	t.Helper()
	want := compare(a, b, Simple, 0)
	if back := compare(b, a, Simple, 0); back != -want {
		t.Fatalf("%v and %v compare as %d, the other way as %d", a.raw(), b.raw(), want, back)
	}
	if got := bytes.Compare(appendKey(nil, a, Simple, 0), appendKey(nil, b, Simple, 0)); got != want {
		t.Fatalf("keys of %v and %v compare as %d, want %d", a.raw(), b.raw(), got, want)
	}
}

// FuzzKey takes two values of arbitrary bytes, well formed or not.
func FuzzKey(f *testing.F) {
	for i, row := range ascending {
		other := ascending[(i+1)%len(ascending)]
		a, b := rawValue(f, row[0]), rawValue(f, other[0])
		f.Add(byte(a.Type), a.Value, byte(b.Type), b.Value)
	}
	f.Fuzz(func(t *testing.T, kindA byte, a []byte, kindB byte, b []byte) {
		va := valueOf(bson.RawValue{Type: bson.Type(kindA), Value: a})
		vb := valueOf(bson.RawValue{Type: bson.Type(kindB), Value: b})
		checkKeyOrder(t, va, vb)
		CaseInsensitive.AppendKey(nil, va.raw())
	})
}

func BenchmarkAppendKey(b *testing.B) {
	values := []bson.RawValue{rawValue(b, `"abcdefghij"`), rawValue(b, `42`), rawValue(b, `{"$date":"2020-01-01T00:00:00Z"}`)}
	key := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		key = key[:0]
		for _, v := range values {
			key = AppendKey(key, v)
		}
	}
}
