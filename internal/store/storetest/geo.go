package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/store"
)

// places puts points as Parse holds them, [longitude, latitude], into "places",
// and areas as GeoJSON.
func (f *fixture) places() {
	f.Helper()
	f.insert("places",
		`{"_id":"berlin","k":1,"loc":[13.40,52.52],"area":{"type":"Polygon","coordinates":[[[13,52],[14,52],[14,53],[13,53],[13,52]]]}}`,
		`{"_id":"paris","k":1,"loc":[2.35,48.86]}`,
		`{"_id":"london","k":2,"loc":[-0.13,51.51],"area":{"type":"Polygon","coordinates":[[[-1,51],[1,51],[1,52],[-1,52],[-1,51]]]}}`,
		`{"_id":"quito","k":2,"loc":[-78.47,-0.18]}`,
		`{"_id":"fiji","k":1,"loc":[179.0,-17.8]}`,
		`{"_id":"north","k":2,"loc":[10,89.9]}`,
		`{"_id":"nowhere","k":1}`,
		`{"_id":"null","k":1,"loc":null}`,
		// A ring around a hole: no place in the hole is in the area.
		`{"_id":"ring","k":3,"area":{"type":"Polygon","coordinates":[[[20,20],[30,20],[30,30],[20,30],[20,20]],[[24,24],[26,24],[26,26],[24,26],[24,24]]]}}`,
		`{"_id":"dateline","k":3,"area":{"type":"Polygon","coordinates":[[[170,-5],[-170,-5],[-170,5],[170,5],[170,-5]]]}}`,
		`{"_id":"road","k":3,"area":{"type":"LineString","coordinates":[[40,0],[40,10]]}}`)
}

// What a filter finds does not depend on indexes.
func testGeoWithin(f *fixture) {
	f.places()
	cases := []struct{ name, filter, want string }{
		{"box", `{"loc":{"$geoWithin":{"$box":[[-5,45],[5,55]]}}}`, "london paris"},
		{"box and more", `{"_id":{"$ne":"paris"},"loc":{"$geoWithin":{"$box":[[-5,45],[5,55]]}}}`, "london"},
		{"box with a place on its border", `{"loc":{"$geoWithin":{"$box":[[2.35,48.86],[13.40,52.52]]}}}`, "berlin paris"},
		{"box of one place", `{"loc":{"$geoWithin":{"$box":[[2.35,48.86],[2.35,48.86]]}}}`, "paris"},
		{"box around the world", `{"loc":{"$geoWithin":{"$box":[[-180,-90],[180,90]]}}}`, "berlin fiji london north paris quito"},
		{"polygon", `{"loc":{"$geoWithin":{"$polygon":[[0,40],[20,50],[10,60]]}}}`, "berlin"},
		{"polygon, the other way around", `{"loc":{"$geoWithin":{"$polygon":[[10,60],[20,50],[0,40]]}}}`, "berlin"},
		{"concave polygon", `{"loc":{"$geoWithin":{"$polygon":[[-5,45],[5,45],[5,49.5],[0,49.5],[0,54],[-5,54]]}}}`, "london paris"},
		{"circle in the plane", `{"loc":{"$geoWithin":{"$center":[[0,50],3]}}}`, "london paris"},
		{"circle on the sphere", `{"loc":{"$geoWithin":{"$centerSphere":[[0,51.5],0.06]}}}`, "london paris"},
		{"circle of metres", `{"loc":{"$geoWithin":{"$centerSphere":[[2.35,48.86],1e-6]}}}`, "paris"},
		{"circle of radius 0", `{"loc":{"$geoWithin":{"$centerSphere":[[2.35,48.87],0]}}}`, ""},
		{"circle over the date line", `{"loc":{"$geoWithin":{"$centerSphere":[[-179,-17.8],0.04]}}}`, "fiji"},
		{"circle over a pole", `{"loc":{"$geoWithin":{"$centerSphere":[[-170,89.9],0.01]}}}`, "north"},
		{"circle around the world", `{"loc":{"$geoWithin":{"$centerSphere":[[0,0],3.2]}}}`, "berlin fiji london north paris quito"},
		{"circle with a value of another field", `{"loc":{"$geoWithin":{"$centerSphere":[[0,51.5],0.06]}},"k":2}`, "london"},
		{"circle with values of another field", `{"loc":{"$geoWithin":{"$centerSphere":[[0,51.5],0.2]}},"k":{"$in":[1,7]}}`, "berlin paris"},
		{"circle and circle", `{"$and":[{"loc":{"$geoWithin":{"$centerSphere":[[0,51.5],0.06]}}},{"loc":{"$geoWithin":{"$centerSphere":[[2,48],0.03]}}}]}`, "paris"},
		{"one of two circles", `{"$or":[{"loc":{"$geoWithin":{"$centerSphere":[[-78,0],0.06]}}},{"loc":{"$geoWithin":{"$centerSphere":[[2,48],0.03]}}}]}`, "paris quito"},
		{"not in a circle", `{"loc":{"$not":{"$geoWithin":{"$centerSphere":[[0,51.5],0.2]}},"$ne":null}}`, "fiji north quito"},
		{"a point in stored areas", `{"area":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[13.4,52.5]}}}}`, "berlin"},
		{"a point in a stored area's hole", `{"area":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[25,25]}}}}`, ""},
		{"a point beside a stored area's hole", `{"area":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[23,25]}}}}`, "ring"},
		{"a point in a stored area over the date line", `{"area":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[-175,1]}}}}`, "dateline"},
		{"an area that meets stored ones", `{"area":{"$geoIntersects":{"$geometry":{"type":"Polygon","coordinates":[[[0,51.5],[13.5,51.5],[13.5,53],[0,53],[0,51.5]]]}}}}`, "berlin london"},
		{"an area in a hole", `{"area":{"$geoIntersects":{"$geometry":{"type":"Polygon","coordinates":[[[24.5,24.5],[25.5,24.5],[25.5,25.5],[24.5,24.5]]]}}}}`, ""},
		{"a line across stored lines and areas", `{"area":{"$geoIntersects":{"$geometry":{"type":"LineString","coordinates":[[15,25],[45,5]]}}}}`, "ring road"},
		{"stored areas within one", `{"area":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[10,50],[16,50],[16,55],[10,55],[10,50]]]}}}}`, "berlin"},
		{"a stored line within an area", `{"area":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[35,-5],[45,-5],[45,15],[35,15],[35,-5]]]}}}}`, "road"},
		{"points within a GeoJSON area", `{"loc":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[-10,40],[20,40],[20,60],[-10,60],[-10,40]]]}}}}`, "berlin london paris"},
		{"points within one with a hole", `{"loc":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[-10,40],[20,40],[20,60],[-10,60],[-10,40]],[[1,47],[4,47],[4,50],[1,50],[1,47]]]}}}}`, "berlin london"},
		{"points within several areas", `{"loc":{"$geoWithin":{"$geometry":{"type":"MultiPolygon","coordinates":[[[[1,47],[4,47],[4,50],[1,50],[1,47]]],[[[-80,-2],[-77,-2],[-77,2],[-80,2],[-80,-2]]]]}}}}`, "paris quito"},
	}
	for _, indexes := range [][]store.Index{
		nil,
		{{Name: "loc", Keys: f.doc(`{"loc":"2d"}`)}, {Name: "area", Keys: f.doc(`{"area":"2dsphere"}`)}},
		{{Name: "loc", Keys: f.doc(`{"loc":"2dsphere"}`)}},
		{{Name: "loc", Keys: f.doc(`{"loc":"2d","k":-1}`)}},
		{{Name: "loc", Keys: f.doc(`{"k":1,"loc":"2dsphere"}`)}, {Name: "area", Keys: f.doc(`{"area":"2dsphere","k":1}`)}},
	} {
		f.reindex("places", indexes...)
		name := "without an index"
		if indexes != nil {
			name = fmt.Sprint(indexes[0].Keys)
		}
		f.run(name, func(f *fixture) {
			for _, c := range cases {
				f.run(c.name, func(f *fixture) {
					f.wantIDs("places", store.Find{Filter: f.doc(c.filter), Sort: f.doc(`{"_id":1}`)}, c.want)
					n, err := f.store.Count(f.ctx, "places", store.Count{Filter: f.doc(c.filter)})
					f.mustNot(err)
					if want := int64(len(strings.Fields(c.want))); n != want {
						f.Errorf("counted %d, want %d", n, want)
					}
				})
			}
		})
	}
	f.run("errors", func(f *fixture) {
		for _, filter := range []string{
			`{"loc":{"$geoWithin":{"$box":[[0,0]]}}}`,
			`{"loc":{"$geoWithin":{"$polygon":[[0,0],[1,1]]}}}`,
			`{"loc":{"$geoWithin":{"$geometry":{"type":"Point","coordinates":[1,1]}}}}`,
			`{"loc":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1]]]}}}}`,
			`{"loc":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[0,1],[1,0],[1,1],[0,0]]]}}}}`,
			`{"loc":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[181,1]}}}}`,
			`{"loc":{"$nearSphere":[0,91]}}`,
			`{"$or":[{"loc":{"$near":[0,0]}}]}`,
		} {
			_, err := f.find("places", store.Find{Filter: f.doc(filter)})
			f.wantRequestError(err, 2)
		}
	})
}

// reindex gives a collection these indexes in place of those that it has.
func (f *fixture) reindex(collection string, indexes ...store.Index) {
	f.Helper()
	old, err := f.store.Indexes(f.ctx, collection)
	f.mustNot(err)
	for _, ix := range old {
		if ix.Name != "_id_" {
			f.mustNot(f.store.DropIndex(f.ctx, collection, ix.Name))
		}
	}
	if len(indexes) > 0 {
		f.index(collection, indexes...)
	}
}

func testGeoNear(f *fixture) {
	f.places()
	f.run("without an index", func(f *fixture) {
		for _, filter := range []string{
			`{"loc":{"$near":[2,49]}}`, `{"loc":{"$nearSphere":[2,49]},"_id":"paris"}`,
			`{"area":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[2,49]}}}}`,
		} {
			_, err := f.find("places", store.Find{Filter: f.doc(filter)})
			f.wantRequestError(err, 291)
			u := store.Update{Filter: f.doc(filter), Change: f.doc(`{"$set":{"x":1}}`)}
			_, err = f.store.Update(f.ctx, "places", u)
			f.wantRequestError(err, 291)
			_, err = f.store.FindAndUpdate(f.ctx, "places", u, store.After)
			f.wantRequestError(err, 291)
			_, err = f.store.Delete(f.ctx, "places", f.doc(filter), true)
			f.wantRequestError(err, 291)
			_, err = f.store.FindAndDelete(f.ctx, "places", f.doc(filter))
			f.wantRequestError(err, 291)
		}
		f.wantIDs("nothing there", store.Find{Filter: f.doc(`{"loc":{"$near":[2,49]}}`)}, "")
	})
	for _, near := range []struct {
		kind  string
		cases []struct{ name, filter, want string }
	}{
		{`{"loc":"2d"}`, []struct{ name, filter, want string }{
			{"nearest first", `{"loc":{"$nearSphere":[2,49]}}`, "paris london berlin north quito fiji"},
			{"in radians", `{"loc":{"$nearSphere":[2,49],"$maxDistance":0.07}}`, "paris london"},
			{"and more", `{"loc":{"$nearSphere":[2,49]},"_id":{"$gte":"l"}}`, "paris london north quito"},
			{"nothing near", `{"loc":{"$nearSphere":[100,0],"$maxDistance":0.001}}`, ""},
			{"in the plane", `{"loc":{"$near":[2,49]}}`, "paris london berlin north quito fiji"},
			{"in the plane, so far", `{"loc":{"$near":[2,49],"$maxDistance":4}}`, "paris london"},
		}},
		{`{"loc":"2dsphere"}`, []struct{ name, filter, want string }{
			{"legacy point", `{"loc":{"$nearSphere":[2,49]}}`, "paris london berlin north quito fiji"},
			{"in radians", `{"loc":{"$nearSphere":[2,49],"$maxDistance":0.07}}`, "paris london"},
			{"GeoJSON point", `{"loc":{"$near":{"$geometry":{"type":"Point","coordinates":[2,49]},"$maxDistance":1000000}}}`, "paris london berlin"},
			{"not too near", `{"loc":{"$near":{"$geometry":{"type":"Point","coordinates":[2,49]},"$minDistance":100000,"$maxDistance":1000000}}}`, "london berlin"},
			{"over the date line", `{"loc":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[-179,-17.8]},"$maxDistance":300000}}}`, "fiji"},
			{"over the pole", `{"loc":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[-170,89.8]},"$maxDistance":100000}}}`, "north"},
			{"tiny", `{"loc":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[2.35,48.86]},"$maxDistance":0.1}}}`, "paris"},
		}},
		{`{"area":"2dsphere"}`, []struct{ name, filter, want string }{
			{"areas and lines", `{"area":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[35,25]}}}}`, "ring road berlin london dateline"},
			{"from within an area", `{"area":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[13.5,52.5]},"$maxDistance":1}}}`, "berlin"},
		}},
		{`{"k":1,"loc":"2dsphere"}`, []struct{ name, filter, want string }{
			{"with a value before the place", `{"loc":{"$nearSphere":[2,49]},"k":1}`, "paris berlin fiji"},
			{"with values before the place", `{"loc":{"$nearSphere":[2,49]},"k":{"$in":[2,1]}}`, "paris london berlin north quito fiji"},
		}},
	} {
		f.reindex("places", store.Index{Name: "ix", Keys: f.doc(near.kind)})
		f.run(strings.ReplaceAll(near.kind, `"`, ""), func(f *fixture) {
			for _, c := range near.cases {
				f.run(c.name, func(f *fixture) {
					want := strings.Fields(c.want)
					f.wantIDs("places", store.Find{Filter: f.doc(c.filter)}, c.want)
					f.wantIDs("places", store.Find{Filter: f.doc(c.filter), Hint: "ix"}, c.want)
					for limit := range int64(4) {
						part := want[:min(int(limit)+1, len(want))]
						f.wantIDs("places", store.Find{Filter: f.doc(c.filter), Limit: limit + 1}, strings.Join(part, " "))
					}
					f.wantIDs("places", store.Find{Filter: f.doc(c.filter), Skip: 1, Limit: 2}, strings.Join(want[min(1, len(want)):min(3, len(want))], " "))
					slices.Sort(want)
					f.wantIDs("places", store.Find{Filter: f.doc(c.filter), Sort: f.doc(`{"_id":1}`)}, strings.Join(want, " "))
				})
			}
		})
	}
	f.run("what is near is not counted", func(f *fixture) {
		_, err := f.store.Count(f.ctx, "places", store.Count{Filter: f.doc(`{"loc":{"$nearSphere":[2,49]}}`)})
		f.wantRequestError(err, 5626500)
	})
	f.run("only an index of another kind", func(f *fixture) {
		f.reindex("places", store.Index{Name: "ix", Keys: f.doc(`{"loc":"2dsphere"}`)})
		_, err := f.find("places", store.Find{Filter: f.doc(`{"loc":{"$near":[2,49]}}`)})
		f.wantRequestError(err, 291)
		f.reindex("places", store.Index{Name: "ix", Keys: f.doc(`{"loc":"2d"}`)})
		_, err = f.find("places", store.Find{Filter: f.doc(`{"loc":{"$near":{"$geometry":{"type":"Point","coordinates":[2,49]}}}}`)})
		f.wantRequestError(err, 291)
	})
	f.run("several points in one field", func(f *fixture) {
		f.insert("several", `{"_id":1,"loc":[[50,50],[3,0]]}`, `{"_id":2,"loc":[2,0]}`, `{"_id":3,"loc":[[1,0],[60,60],[4,0]]}`, `{"_id":4,"loc":[]}`)
		f.index("several", store.Index{Keys: f.doc(`{"loc":"2d"}`)})
		f.wantIDs("several", store.Find{Filter: f.doc(`{"loc":{"$nearSphere":[0,0]}}`)}, "3 2 1")
		f.wantIDs("several", store.Find{Filter: f.doc(`{"loc":{"$nearSphere":[0,0]}}`), Limit: 2}, "3 2")
		f.wantIDs("several", store.Find{Filter: f.doc(`{"loc":{"$geoWithin":{"$box":[[49,49],[61,61]]}}}`), Sort: f.doc(`{"_id":1}`)}, "1 3")
	})
	f.run("places at one distance", func(f *fixture) {
		f.insert("ties", `{"_id":1,"loc":[1,0]}`, `{"_id":2,"loc":[-1,0]}`, `{"_id":3,"loc":[1,0]}`, `{"_id":4,"loc":[2,0]}`)
		f.index("ties", store.Index{Keys: f.doc(`{"loc":"2d"}`)})
		for limit := range int64(4) {
			ids := strings.Fields(f.ids("ties", store.Find{Filter: f.doc(`{"loc":{"$near":[0,0]}}`), Limit: limit + 1}))
			if int64(len(ids)) != limit+1 || slices.Index(ids, "4") != -1 && limit < 3 {
				f.Errorf("the nearest %d are %v", limit+1, ids)
			}
		}
	})
}

func testGeoIndexes(f *fixture) {
	for _, c := range []struct {
		kind, doc string
		code      int32 // 0 for none
	}{
		{`{"p":"2d"}`, `{"_id":1,"p":[180,-180]}`, 0},
		{`{"p":"2d"}`, `{"_id":1,"p":{"lng":1,"lat":2}}`, 0},
		{`{"p":"2d"}`, `{"_id":1,"p":"nowhere"}`, 0},
		{`{"p":"2d"}`, `{"_id":1,"p":[]}`, 0},
		{`{"p":"2d"}`, `{"_id":1,"p":[180.1,0]}`, 13027},
		{`{"p":"2d"}`, `{"_id":1,"p":[[1,1],[0,-181]]}`, 13027},
		{`{"p":"2d"}`, `{"_id":1,"p":[1]}`, 13068},
		{`{"p":"2d"}`, `{"_id":1,"p":[1,"2"]}`, 13026},
		{`{"p":"2d"}`, `{"_id":1,"p":["1",2]}`, 16804},
		{`{"p":"2d"}`, `{"_id":1,"p":{"type":"Point","coordinates":[1,1]}}`, 16804},
		{`{"p":"2d"}`, `{"_id":1,"p":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}`, 16804},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":[180,-90]}`, 0},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":null}`, 0},
		{`{"p":"2dsphere"}`, `{"_id":1}`, 0},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":[]}`, 0},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":{"type":"MultiPoint","coordinates":[[1,1],[2,2]]}}`, 0},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,1]},{"type":"LineString","coordinates":[[1,1],[2,2]]}]}}`, 0},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":[0,90.1]}`, 16755},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":"nowhere"}`, 16755},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":[[1,1],[2,2]]}`, 16755},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":{"type":"Point","coordinates":[1]}}`, 16755},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":{"type":"Pint","coordinates":[1,1]}}`, 16755},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}}`, 16755},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":{"type":"Polygon","coordinates":[[[0,0],[0,1],[1,0],[1,1],[0,0]]]}}`, 16755},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]}}`, 16755},
		{`{"p":"2dsphere"}`, `{"_id":1,"p":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]],[[5,5],[6,5],[6,6],[5,5]]]}}`, 16755},
	} {
		f.run(strings.ReplaceAll(c.kind+" "+c.doc, `"`, ""), func(f *fixture) {
			check := func(err error) {
				f.Helper()
				if c.code == 0 {
					f.mustNot(err)
				} else {
					f.wantRequestError(err, c.code)
				}
			}
			f.mustNot(f.store.DropCollection(f.ctx, "p"))
			f.index("p", store.Index{Name: "p", Keys: f.doc(c.kind)})
			check(f.store.Insert(f.ctx, "p", f.raw(c.doc)))

			f.mustNot(f.store.DropCollection(f.ctx, "p"))
			f.insert("p", c.doc)
			check(f.store.CreateIndexes(f.ctx, "p", store.Index{Name: "p", Keys: f.doc(c.kind)}))
			f.wantDoc("p", int32(1), c.doc)
		})
	}
	f.run("kinds that can't be", func(f *fixture) {
		for _, keys := range []string{`{"k":1,"p":"2d"}`, `{"p":"2d","q":"2d"}`, `{"p":"2d","q":"2dsphere"}`, `{"p":"3d"}`} {
			err := f.store.CreateIndexes(f.ctx, "other", store.Index{Name: "ix", Keys: f.doc(keys)})
			f.wantRequestError(err)
		}
	})
}

func testGeoChanges(f *fixture) {
	f.insert("c", `{"_id":1,"p":[1,1]}`, `{"_id":2,"p":[2,2]}`, `{"_id":3}`)
	f.index("c", store.Index{Name: "p", Keys: f.doc(`{"p":"2d"}`)})
	near := func(f *fixture, want string) {
		f.Helper()
		f.wantIDs("c", store.Find{Filter: f.doc(`{"p":{"$nearSphere":[0,0],"$maxDistance":0.5}}`), Limit: 10}, want)
		sorted := strings.Fields(want)
		slices.Sort(sorted)
		f.wantIDs("c", store.Find{Filter: f.doc(`{"p":{"$geoWithin":{"$box":[[-9,-9],[9,9]]}}}`), Sort: f.doc(`{"_id":1}`)}, strings.Join(sorted, " "))
	}
	near(f, "1 2")
	f.update("c", `{"_id":1}`, `{"$set":{"p":[3,3]}}`)
	near(f, "2 1")
	f.update("c", `{"_id":3}`, `{"$set":{"p":[0.1,0.1]}}`)
	near(f, "3 2 1")
	f.update("c", `{"_id":2}`, `{"$unset":{"p":1}}`)
	near(f, "3 1")
	_, err := f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(`{"_id":1}`), Change: f.doc(`{"$set":{"p":[200,0]}}`)})
	f.wantRequestError(err, 13027)
	f.wantDoc("c", int32(1), `{"_id":1,"p":[3,3]}`)
	near(f, "3 1")
	_, err = f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(`{"p":{"$geoWithin":{"$box":[[2,2],[4,4]]}}}`), Change: f.doc(`{"$set":{"p":[-100,-1]}}`), Many: true})
	f.mustNot(err)
	near(f, "3")
	_, err = f.store.Delete(f.ctx, "c", f.doc(`{"_id":3}`), false)
	f.mustNot(err)
	near(f, "")
}

func testGeoTransactions(f *fixture) {
	f.insert("c", `{"_id":1,"p":[1,1]}`, `{"_id":2,"p":[2,2]}`)
	f.index("c", store.Index{Name: "p", Keys: f.doc(`{"p":"2dsphere"}`)})
	q := store.Find{Filter: f.doc(`{"p":{"$nearSphere":[0,0],"$maxDistance":0.5}}`), Limit: 2}
	f.mustNot(f.store.Transaction(f.ctx, func(ctx context.Context) error {
		in := f.within(ctx)
		in.wantIDs("c", q, "1 2")
		in.update("c", `{"_id":1}`, `{"$set":{"p":[3,3]}}`)
		in.insert("c", `{"_id":3,"p":[0,0]}`)
		in.wantIDs("c", q, "3 2")
		return nil
	}))
	f.wantIDs("c", q, "3 2")
	no := errors.New("no")
	f.wantError(f.store.Transaction(f.ctx, func(ctx context.Context) error {
		in := f.within(ctx)
		in.update("c", `{"_id":2}`, `{"$set":{"p":[90,0]}}`)
		in.wantIDs("c", q, "3 1")
		return no
	}), no)
	f.wantIDs("c", q, "3 2")
}
