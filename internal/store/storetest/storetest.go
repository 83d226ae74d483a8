// Package storetest holds every driver of the document store to the port: to
// what package store promises and to MongoDB's semantics. A driver's own tests
// call Run.
package storetest

import (
	"testing"

	"github.com/loam-baas/loam/internal/store"
)

// Options say what a driver can't do, so that what it is not held to is in
// plain sight. The zero value is a driver that can do everything.
type Options struct {
	// NoTransactions is for a server that can't run them, such as a MongoDB that
	// is no replica set.
	NoTransactions bool
	// NoText is for a store without text indexes.
	NoText bool
}

// Run runs the suite. open returns an empty store of its own for each call; the
// suite closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) { Options{}.Run(t, open) }

// Run runs the suite but for what the options leave out.
func (o Options) Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, section := range []struct {
		name string
		test func(f *fixture)
		skip bool
	}{
		{name: "Find", test: testFind},
		{name: "FindCaseInsensitive", test: testFindCaseInsensitive},
		{name: "FindErrors", test: testFindErrors},
		{name: "Expr", test: testExpr},
		{name: "Expressions", test: testExpressions},
		{name: "Sort", test: testSort},
		{name: "Page", test: testPage},
		{name: "Project", test: testProject},
		{name: "Yield", test: testYield},
		{name: "Count", test: testCount},
		{name: "Distinct", test: testDistinct},
		{name: "Aggregate", test: testAggregate},
		{name: "AggregateCollections", test: testAggregateCollections},
		{name: "AggregateNear", test: testAggregateNear},
		{name: "AggregateText", test: testAggregateText, skip: o.NoText},
		{name: "AggregateTransaction", test: testAggregateTransaction, skip: o.NoTransactions},
		{name: "GeoWithin", test: testGeoWithin},
		{name: "GeoNear", test: testGeoNear},
		{name: "GeoIndexes", test: testGeoIndexes},
		{name: "GeoChanges", test: testGeoChanges},
		{name: "GeoTransactions", test: testGeoTransactions, skip: o.NoTransactions},
		{name: "Text", test: testText, skip: o.NoText},
		{name: "TextFilters", test: testTextFilters, skip: o.NoText},
		{name: "TextErrors", test: testTextErrors, skip: o.NoText},
		{name: "TextIndexes", test: testTextIndexes, skip: o.NoText},
		{name: "TextChanges", test: testTextChanges, skip: o.NoText},
		{name: "TextTransactions", test: testTextTransactions, skip: o.NoText || o.NoTransactions},
		{name: "TextAtRandom", test: testTextAtRandom, skip: o.NoText},
		{name: "Insert", test: testInsert},
		{name: "Update", test: testUpdate},
		{name: "UpdateErrors", test: testUpdateErrors},
		{name: "UpdateMany", test: testUpdateMany},
		{name: "UpdateElements", test: testUpdateElements},
		{name: "UpdateElementsErrors", test: testUpdateElementsErrors},
		{name: "UpdatePipelines", test: testUpdatePipelines},
		{name: "UpdatePipelinesErrors", test: testUpdatePipelinesErrors},
		{name: "Upsert", test: testUpsert},
		{name: "FindAndUpdate", test: testFindAndUpdate},
		{name: "FindAndDelete", test: testFindAndDelete},
		{name: "Delete", test: testDelete},
		{name: "Indexes", test: testIndexes},
		{name: "UniqueIndexes", test: testUniqueIndexes},
		{name: "UniqueIndexOverDuplicates", test: testUniqueIndexOverDuplicates},
		{name: "Hint", test: testHint},
		{name: "Collections", test: testCollections},
		{name: "Names", test: testNames},
		{name: "NullBytes", test: testNullBytes},
		{name: "LargeDocuments", test: testLargeDocuments},
		{name: "Explain", test: testExplain},
		{name: "Transactions", test: testTransactions, skip: o.NoTransactions},
		{name: "ConflictingTransactions", test: testConflictingTransactions, skip: o.NoTransactions},
		{name: "UniqueRace", test: testUniqueRace},
		{name: "CounterRace", test: testCounterRace},
		{name: "UpsertRace", test: testUpsertRace},
		{name: "TokenRace", test: testTokenRace},
		{name: "CancelledContext", test: testCancelledContext},
		{name: "Close", test: testClose},
	} {
		if section.skip {
			continue
		}
		t.Run(section.name, func(t *testing.T) {
			section.test(newFixture(t, open(t)))
		})
	}
}
