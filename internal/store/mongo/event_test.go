package mongo_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/mongo"
)

type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// lines are the lines about an event.
func (l *lockedLog) lines(event string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, "event="+event+" ") {
			found = append(found, line)
		}
	}
	return found
}

func TestEventsAreLogged(t *testing.T) {
	var log lockedLog
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	s, err := mongo.Open(t.Context(), mongo.Options{URI: serve(t), Logger: logger, Events: []mongo.EventLog{
		{Name: "commandStarted", Keys: []string{"commandName", "command.insert", "command.nothing"}},
		{Name: "commandSucceeded", Level: slog.LevelDebug},
		{Name: "commandFailed", Keys: []string{"failure"}, Level: slog.LevelError},
		{Name: "connectionCreated"},
		{Name: "topologyDescriptionChanged", Keys: []string{"newDescription.type"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: "a"}, {Key: "secret", Value: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Insert(t.Context(), "Thing", doc); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Count(t.Context(), "Thing", store.Count{Filter: bson.D{{Key: "$nothing", Value: 1}}}); err == nil {
		t.Fatal("a filter that is none is counted by")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]string{
		"commandStarted":             `level=INFO msg="MongoDB client event" event=commandStarted commandName=insert command.insert=Thing` + "\n",
		"commandFailed":              "level=ERROR ",
		"connectionCreated":          `\"connectionId\":`,
		"topologyDescriptionChanged": "newDescription.type=ReplicaSetWithPrimary",
	} {
		if all := strings.Join(log.lines(event), ""); !strings.Contains(all, want) {
			t.Errorf("%s: the log has\n%s\nwant %s in it", event, all, want)
		}
	}
	if lines := log.lines("commandSucceeded"); lines != nil {
		t.Errorf("what the log's level leaves out is logged: %s", lines)
	}
	if strings.Contains(log.text.String(), "secret") {
		t.Error("members are logged that were not asked for")
	}
}

func TestUnknownEventsAreRefused(t *testing.T) {
	_, err := mongo.Open(t.Context(), mongo.Options{URI: "mongodb://localhost/x", Events: []mongo.EventLog{{Name: "commandBegun"}}})
	if err == nil || !strings.Contains(err.Error(), "commandBegun") {
		t.Errorf("error %v does not name it", err)
	}
}
