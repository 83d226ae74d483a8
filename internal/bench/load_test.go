package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoad_AsksAndChecksEveryAnswer(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(strings.Repeat("x", 100_000)))
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	l := load{
		address: address, connections: 3, requests: [][]byte{request("GET", address, "/a", ""), request("POST", address, "/b", "{}")},
		check: func(status int, body []byte) error {
			if status != http.StatusOK || len(body) != 100_000 {
				return errors.New("a wrong answer")
			}
			return nil
		},
	}
	latencies, err := l.run(context.Background(), 50*time.Millisecond)
	if err != nil || len(latencies) == 0 || int64(len(latencies)) != asked.Load() {
		t.Fatalf("%d latencies of %d requests, %v", len(latencies), asked.Load(), err)
	}
	l.check = succeeds(1)
	if _, err := l.run(context.Background(), time.Minute); err == nil {
		t.Error("answers without items pass for success")
	}
}

func TestReport_ComparesAtTheSameConnections(t *testing.T) {
	results := []result{
		{system: "loam", operation: "get", connections: 1, appCPU: 1, memory: 1 << 20},
		{system: "loam", operation: "get", connections: 16, appCPU: 0.5, memory: 1 << 20},
		{system: "parse-server", operation: "get", connections: 16, appCPU: 5, databaseCPU: 5, memory: 8 << 20},
	}
	text := report(results)
	if want := "| get by id | 10.0 | 20.0 | 8.0 |"; !strings.Contains(text, want) {
		t.Errorf("%s\nhas no row %s", text, want)
	}
	if svg := string(plot(results)); !strings.Contains(svg, "get by id") || !strings.HasSuffix(svg, "</svg>\n") {
		t.Errorf("the plot is %s", svg)
	}
}
