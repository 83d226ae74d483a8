package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/store"
)

func TestSweepRemovesWhatHasExpired(t *testing.T) {
	s := open(t, Options{SweepInterval: -1})
	minute, none := int32(60), int32(0)
	define(t, s, "c",
		store.Index{Keys: doc(t, `{"t":1}`), ExpireAfterSeconds: &minute},
		store.Index{Keys: doc(t, `{"u":-1}`), ExpireAfterSeconds: &none, Partial: doc(t, `{"may":true}`)},
	)
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(age time.Duration) string {
		return fmt.Sprintf(`{"$date":"%s"}`, now.Add(-age).Format(time.RFC3339))
	}
	insert(t, s, "c",
		`{"_id":"old","t":`+at(61*time.Second)+`}`,
		`{"_id":"due","t":`+at(60*time.Second)+`}`,
		`{"_id":"young","t":`+at(59*time.Second)+`}`,
		`{"_id":"one of several","t":[`+at(0)+`,`+at(time.Hour)+`]}`,
		`{"_id":"no date","t":"1970-01-01"}`,
		`{"_id":"number","t":0}`,
		`{"_id":"nothing"}`,
		`{"_id":"partial","u":`+at(time.Second)+`,"may":true}`,
		`{"_id":"may not","u":`+at(time.Second)+`}`,
	)
	for i := range sweepBatch + 10 {
		insert(t, s, "many", fmt.Sprintf(`{"_id":%d,"t":%s}`, i, at(time.Hour)))
	}
	define(t, s, "many", store.Index{Keys: doc(t, `{"t":1}`), ExpireAfterSeconds: &minute})
	if err := s.sweeper.sweep(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	want(t, find(t, s, "c", store.Find{Projection: doc(t, `{"_id":1}`), Sort: doc(t, `{"_id":1}`)}),
		`{"_id":"may not"}`, `{"_id":"no date"}`, `{"_id":"nothing"}`, `{"_id":"number"}`, `{"_id":"young"}`)
	want(t, find(t, s, "many", store.Find{}))
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSweeperRunsByItself(t *testing.T) {
	s := open(t, Options{SweepInterval: time.Millisecond})
	minute := int32(60)
	define(t, s, "c", store.Index{Keys: doc(t, `{"t":1}`), ExpireAfterSeconds: &minute})
	insert(t, s, "c", `{"_id":1,"t":{"$date":"2001-01-01T00:00:00Z"}}`)
	for len(find(t, s, "c", store.Find{})) > 0 {
		time.Sleep(time.Millisecond)
	}
}
