package engine_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store/mongo"
)

// overMongo puts the MongoDB driver between the engine and its store.
func overMongo(t *testing.T) func(*engine.Options) {
	return func(o *engine.Options) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		served := o.Store
		go func() {
			done <- mongowire.New(mongowire.Single{Name: "app", Database: served}, mongowire.Options{}).Serve(ctx, l)
		}()
		s, err := mongo.Open(ctx, mongo.Options{URI: "mongodb://" + l.Addr().String() + "/app"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			err := s.Close(context.Background())
			stop()
			if err := errors.Join(err, <-done); err != nil {
				t.Error(err)
			}
		})
		if o.Catalog, err = schema.Open(ctx, s, schema.Options{}); err != nil {
			t.Fatal(err)
		}
		o.Store = s
	}
}

func (a app) indexNames(class string) (names []string) {
	a.t.Helper()
	indexes, err := a.Store.Indexes(context.Background(), class)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, ix := range indexes {
		names = append(names, ix.Name)
	}
	return names
}

// A client asks for what is near and gets it, whatever the store: the index that
// this needs is made by the first query, as Parse Server does, and the class does
// not record it.
func TestNearMakesItsIndex(t *testing.T) {
	const near = `{"at":{"$nearSphere":{"__type":"GeoPoint","latitude":49,"longitude":2}}}`
	for name, change := range map[string]func(*testing.T) func(*engine.Options){
		"embedded": func(*testing.T) func(*engine.Options) { return func(*engine.Options) {} },
		"MongoDB":  overMongo,
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, change(t))
			for _, c := range []struct{ name, place string }{
				{"berlin", `{"__type":"GeoPoint","latitude":52.52,"longitude":13.4}`},
				{"paris", `{"__type":"GeoPoint","latitude":48.86,"longitude":2.35}`},
				{"quito", `{"__type":"GeoPoint","latitude":-0.18,"longitude":-78.47}`},
				{"nowhere", `null`},
			} {
				a.create(master, "City", `{"name":"`+c.name+`","at":`+c.place+`}`)
			}
			a.create(master, "Mayor", `{"name":"anne"}`)
			if got := a.indexNames("City"); slices.Contains(got, "at_2d") {
				t.Errorf("indexes before: %v", got)
			}
			for range 2 {
				if got := values(a.mustFind(anonymous, "City", `{"where":`+near+`}`), "name"); got != "paris berlin quito" {
					t.Errorf("found %s", got)
				}
			}
			if got := a.indexNames("City"); !slices.Equal(got, []string{"_id_", "at_2d"}) {
				t.Errorf("indexes after: %v", got)
			}
			if class, err := a.Catalog.Class(t.Context(), "City"); err != nil || len(class.Indexes) != 0 {
				t.Errorf("the class records %v (%v)", class.Indexes, err)
			}
			out, err := a.find(anonymous, "City", `{"where":`+near+`,"count":1,"limit":1,"skip":1}`)
			if err != nil || values(out.Results, "name") != "berlin" || out.Count == nil || *out.Count != 3 {
				t.Errorf("a page: %v, %v", out, err)
			}
			if got := a.mustFind(anonymous, "Mayor", `{"where":`+near+`}`); len(got) != 0 {
				t.Errorf("in a class without the field: %v", got)
			}
			if got := a.indexNames("Mayor"); !slices.Equal(got, []string{"_id_"}) {
				t.Errorf("a class without the field has indexes %v", got)
			}
			_, err = a.find(anonymous, "Mayor", `{"where":{"name":{"$nearSphere":{"__type":"GeoPoint","latitude":49,"longitude":2}}}}`)
			if e, ok := errors.AsType[*parse.Error](err); !ok || e.Code != parse.InvalidQuery {
				t.Errorf("near a name: %v", err)
			}
		})
	}
}

// A subquery, and the plan of a query, need the index as well.
func TestNearMakesItsIndexForSubqueriesAndPlans(t *testing.T) {
	const near = `{"at":{"$nearSphere":{"__type":"GeoPoint","latitude":49,"longitude":2},"$maxDistance":0.1}}`
	a := open(t)
	city := a.create(master, "City", `{"at":{"__type":"GeoPoint","latitude":48.86,"longitude":2.35}}`)
	a.create(master, "Shop", `{"name":"baker","city":`+pointer("City", city)+`}`)
	found := a.mustFind(anonymous, "Shop", `{"where":{"city":{"$inQuery":{"className":"City","where":`+near+`}}}}`)
	if got := values(found, "name"); got != "baker" {
		t.Errorf("found %s", got)
	}

	b := open(t)
	b.create(master, "City", `{"at":{"__type":"GeoPoint","latitude":48.86,"longitude":2.35}}`)
	q, err := query.Decode(query.ParamsFromObject(object(t, `{"where":`+near+`,"explain":true}`)), b.QueryLimits(master))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := b.Find(t.Context(), master, "City", q)
	if err != nil || !strings.Contains(string(plan.JSON()), "GEO_NEAR_2D") {
		t.Errorf("plan %s (%v)", plan.JSON(), err)
	}
}
