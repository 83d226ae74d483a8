package embedded

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func TestMeasure(t *testing.T) {
	s := open(t, Options{})
	if size, err := s.Measure(t.Context(), "c"); err != nil || size.Documents != 0 || size.Bytes != 0 {
		t.Errorf("no collection: %+v, %v", size, err)
	}
	if err := s.CreateIndexes(t.Context(), "c", store.Index{Name: "n", Keys: bson.D{{Key: "x", Value: int32(1)}}, Sparse: true}); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		add(t, s, "c", i, 1000)
	}
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: 0}, {Key: "x", Value: make([]byte, 1000)}})
	if err != nil {
		t.Fatal(err)
	}
	size, err := s.Measure(t.Context(), "c")
	if err != nil || size.Documents != 10 || size.Bytes != int64(10*len(doc)) {
		t.Errorf("got %+v, %v, want 10 documents of %d bytes", size, err, len(doc))
	}
	if n := size.Indexes["n"]; n < 10*1000 || n > 10*1100 {
		t.Errorf("the index takes %d bytes", n)
	}
	if n := size.Indexes["_id_"]; n < 10*8 || n > 10*50 {
		t.Errorf("the index of _id takes %d bytes", n)
	}
}
