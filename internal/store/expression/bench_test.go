package expression_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/expression"
)

const order = `{"_id":"o1","_created_at":{"$date":"2024-02-29T12:00:00Z"},"customer":"c17","status":"paid",
	"total":125.5,"discount":12,"quantity":3,"tags":["a","b","c"],"lines":[{"sku":"x","price":10,"n":2},{"sku":"y","price":5.5,"n":19}]}`

func benchmark(b *testing.B, text string) {
	e, err := expression.Compile(decode(b, text), expression.Options{})
	if err != nil {
		b.Fatal(err)
	}
	env := expression.NewEnv(now)
	doc := raw(b, order)
	var v bson.RawValue
	b.ReportAllocs()
	for b.Loop() {
		if v, err = e.Evaluate(env, doc); err != nil {
			b.Fatal(err)
		}
	}
	if v.Type == 0 {
		b.Fatal("the value is missing")
	}
}

func BenchmarkGroupKeyPath(b *testing.B) { benchmark(b, `"$customer"`) }

func BenchmarkGroupKeyDocument(b *testing.B) {
	benchmark(b, `{"customer":"$customer","year":{"$year":"$_created_at"},"month":{"$month":"$_created_at"}}`)
}

func BenchmarkCondAdd(b *testing.B) {
	benchmark(b, `{"$cond":[{"$gt":["$total",100]},{"$add":["$total","$quantity",1]},{"$subtract":["$total","$discount"]}]}`)
}

func BenchmarkSumOfProducts(b *testing.B) {
	benchmark(b, `{"$sum":{"$map":{"input":"$lines","as":"l","in":{"$multiply":["$$l.price","$$l.n"]}}}}`)
}

func BenchmarkDateToString(b *testing.B) {
	benchmark(b, `{"$dateToString":{"date":"$_created_at","format":"%Y-%m-%d","timezone":"Europe/Paris"}}`)
}
