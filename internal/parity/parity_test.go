package parity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/loam-baas/loam/internal/apitest"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/parity"
	"github.com/loam-baas/loam/internal/server"
	"github.com/loam-baas/loam/internal/store/embedded"
)

var (
	agreement = flag.Bool("agreement", false, "print how many answers in each area are as the reference's")
	fill      = flag.Bool("fill", false, "write Loam's answer below every \"differs: …\" that has none")
)

// TestScenarios plays every scenario in an app of its own, on the embedded
// store.
func TestScenarios(t *testing.T) {
	play(t, func(t *testing.T) string { return "file://" + filepath.ToSlash(t.TempDir()) })
}

// TestScenariosOnMongoDB plays them on the MongoDB that LOAM_TEST_MONGODB_URI names.
func TestScenariosOnMongoDB(t *testing.T) {
	uri := os.Getenv("LOAM_TEST_MONGODB_URI")
	if uri == "" {
		t.Skip("LOAM_TEST_MONGODB_URI is not set")
	}
	play(t, func(t *testing.T) string { return mongoDatabase(t, uri) })
}

// TestScenariosOverTheWire plays them on the embedded store behind MongoDB's wire
// protocol: all that runs on MongoDB, but MongoDB itself.
func TestScenariosOverTheWire(t *testing.T) { play(t, wireDatabase) }

func wireDatabase(t *testing.T) string {
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- mongowire.New(mongowire.Single{Name: "parity", Database: s}, mongowire.Options{}).Serve(ctx, listener)
	}()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, s.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return "mongodb://" + listener.Addr().String() + "/parity"
}

// mongoDatabase returns the URI of a database of its own, which is dropped in the end.
func mongoDatabase(t *testing.T, uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mongo.Connect(mongooptions.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	name := "parity_" + bson.NewObjectID().Hex()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := client.Database(name).Drop(ctx); err != nil {
			t.Error(err)
		}
		if err := client.Disconnect(ctx); err != nil {
			t.Error(err)
		}
	})
	u.Path = "/" + name
	return u.String()
}

func play(t *testing.T, database func(*testing.T) string) {
	files, err := parity.Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	apps := appOptions(t)
	var tally tally
	if *agreement {
		t.Cleanup(func() { fmt.Printf("%s\n%s", t.Name(), tally.String()) })
	}
	for _, file := range files {
		t.Run(file.Area+"/"+file.Name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("scenarios", file.Area, file.Name+".txt")
			if *fill {
				t.Cleanup(func() {
					if err := os.WriteFile(path, []byte(file.Format()), 0o644); err != nil {
						t.Error(err)
					}
				})
			}
			for _, s := range file.Scenarios {
				t.Run(s.Title, func(t *testing.T) {
					t.Parallel()
					tally.add(file.Area, playScenario(t, path, s, startLoam(t, s.App, apps[s.App], database(t))))
				})
			}
		})
	}
}

// playScenario asks a scenario's requests and compares the answers.
func playScenario(t *testing.T, path string, s *parity.Scenario, loam *parity.Target) count {
	c := count{scenarios: 1}
	bindings := parity.NewBindings(publicURL)
	began := time.Now()
	for _, x := range s.Exchanges() {
		if x.Recorded == nil {
			t.Fatalf("%s:%d: the reference's answer was not recorded", path, x.Line)
		}
		c.requests++
		waitForNextMillisecond()
		got, err := loam.Ask(t.Context(), s.App, x, bindings)
		if err != nil {
			t.Fatalf("%s:%d: %v", path, x.Line, err)
		}
		bound := bindings.Bind(x.As, got.Body)
		if x.Differs != "" && x.Loam == nil {
			if !*fill {
				t.Fatalf("%s:%d: it differs, but Loam's answer is missing: run go test -fill", path, x.Line)
			}
			if x.Loam, err = parity.Normalize(got, bindings, s.Typed(), began); err != nil {
				t.Fatalf("%s:%d: %v", path, x.Line, err)
			}
		}
		differences := x.Compare(x.Expected(), got, bindings)
		switch {
		case len(differences) > 0:
			c.wrong++
			t.Errorf("%s:%d: %s %s%s\n\tanswer: %d %s", path, x.Line, x.Method, x.Path, lines(differences), got.Status, got.Body)
		case x.Loam != nil:
			c.differ++
		default:
			c.same++
		}
		if bound != nil {
			t.Fatalf("%s:%d: %v", path, x.Line, bound)
		}
	}
	return c
}

// waitForNextMillisecond lets requests have times of their own, as they have on
// the reference, which is slower: scenarios order by them.
func waitForNextMillisecond() {
	for now := time.Now().UnixMilli(); time.Now().UnixMilli() == now; {
		time.Sleep(100 * time.Microsecond)
	}
}

func lines(differences []parity.Difference) string {
	var b strings.Builder
	for _, d := range differences {
		fmt.Fprintf(&b, "\n\t%s", d)
	}
	return b.String()
}

// appOptions reads the apps that the reference serves, in parse-server's options.
func appOptions(t *testing.T) map[string]map[string]any {
	text, err := os.ReadFile(filepath.Join("reference", "apps.json"))
	if err != nil {
		t.Fatal(err)
	}
	apps := map[string]map[string]any{}
	if err := json.Unmarshal(text, &apps); err != nil {
		t.Fatal(err)
	}
	return apps
}

// publicURL is what Loam believes to be its URL.
const publicURL = "http://loam.test/parse"

// startLoam serves one app from a database, with everything that a process has
// but a terminal, until the test ends.
func startLoam(t *testing.T, name string, options map[string]any, database string) *parity.Target {
	t.Helper()
	options = maps.Clone(options)
	maps.Copy(options, map[string]any{
		"appId": name, "databaseURI": database, "host": "127.0.0.1", "dataDir": t.TempDir(),
		"serverURL": publicURL, "publicServerURL": publicURL,
	})
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "loam.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	effective, err := config.Load(config.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	effective.Process.Port = 0
	// What goes wrong inside is told when the test fails.
	var log lockedBuffer
	t.Cleanup(func() {
		if t.Failed() && log.Len() > 0 {
			t.Logf("log:\n%s", log.String())
		}
	})
	s, err := server.New(t.Context(), effective.Process, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		done <- err
		t.FailNow()
	}
	u := &url.URL{Scheme: "http", Host: s.Addr().String(), Path: "/parse"}
	client := parity.NewClient()
	client.Transport = &apitest.Transport{
		Description: description(), Mount: u.Path, Next: client.Transport,
		Report: func(x *apitest.Exchange, err error) {
			t.Errorf("%s %s does not fit api/openapi.yaml: %v\n\trequest: %s %s\n\tanswer: %d %s", x.Method, x.Path, err, x.Query, x.Body, x.Status, x.Answer)
		},
	}
	return &parity.Target{Apps: map[string]*url.URL{name: u}, Client: client}
}

// description is that of the API, which every exchange is held to.
var description = sync.OnceValue(func() *apitest.Description {
	d, err := apitest.Load()
	if err != nil {
		panic(err)
	}
	return d
})

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// count is how the answers of scenarios compare.
type count struct{ scenarios, requests, same, differ, wrong int }

func (c count) plus(d count) count {
	return count{c.scenarios + d.scenarios, c.requests + d.requests, c.same + d.same, c.differ + d.differ, c.wrong + d.wrong}
}

// agreed is the part of the answers that is the reference's, in percent.
func (c count) agreed() float64 { return 100 * float64(c.same) / float64(max(c.requests, 1)) }

// tally counts by area.
type tally struct {
	mu    sync.Mutex
	areas map[string]count
}

func (t *tally) add(area string, c count) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.areas == nil {
		t.areas = map[string]count{}
	}
	t.areas[area] = t.areas[area].plus(c)
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "area\tscenarios\trequests\tidentical\tdiffering on purpose\twrong\tagreement\t")
	line := func(area string, c count) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f %%\t\n", area, c.scenarios, c.requests, c.same, c.differ, c.wrong, c.agreed())
	}
	var total count
	for _, area := range slices.Sorted(maps.Keys(t.areas)) {
		line(area, t.areas[area])
		total = total.plus(t.areas[area])
	}
	line("all", total)
	w.Flush()
	return b.String()
}
