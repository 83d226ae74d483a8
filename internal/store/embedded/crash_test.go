package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// children are what the test binary does instead of testing when it is run
// again by a test, with a directory to do it in.
var children = map[string]func(dir string) error{
	"write":                   writeUntilKilled,
	"open":                    openOnce,
	"outgrow":                 outgrowLimit,
	"open denied":             openDenied,
	"run out of files":        runOutOfFiles,
	"snapshot onto full disk": snapshotOntoFullDisk,
}

const childVariable = "LOAM_EMBEDDED_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		if err := children[name](os.Args[1]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(t *testing.T, name, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, dir)
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// crashWriters is how many write at the same time.
const crashWriters = 16

// accounts is between how many documents transactions move amounts; their sum
// stays 0.
const accounts = 4

var crashIndexes = []store.Index{
	{Keys: bson.D{{Key: "u", Value: 1}}, Unique: true, Sparse: true},
	{Keys: bson.D{{Key: "writer", Value: 1}, {Key: "n", Value: -1}}},
	{Keys: bson.D{{Key: "tags", Value: 1}}},
}

// writeUntilKilled changes documents from several goroutines and prints what was
// acknowledged, one line each.
func writeUntilKilled(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	if err := s.CreateIndexes(ctx, "c", crashIndexes...); err != nil {
		return err
	}
	run := fmt.Sprint(os.Getpid())
	var wait sync.WaitGroup
	for w := range crashWriters {
		wait.Go(func() {
			for n := 0; ; n++ {
				if err := crashStep(ctx, s, os.Stdout, run, w, n); err != nil {
					fmt.Println("error:", err)
					os.Exit(1)
				}
			}
		})
	}
	wait.Wait()
	return nil
}

// crashStep is one round of a writer's changes. It writes what was acknowledged.
func crashStep(ctx context.Context, s *Store, out io.Writer, run string, w, n int) error {
	id := fmt.Sprintf("%s-%d-%d", run, w, n)
	d, err := bson.Marshal(bson.D{
		{Key: "_id", Value: id}, {Key: "u", Value: id}, {Key: "writer", Value: w}, {Key: "n", Value: n},
		{Key: "tags", Value: bson.A{n % 7, n % 5}}, {Key: "filling", Value: strings.Repeat("x", n%900)},
	})
	if err != nil {
		return err
	}
	if err := s.Insert(ctx, "c", d); err != nil {
		return err
	}
	fmt.Fprintln(out, "inserted", id)

	counter := fmt.Sprintf("counter-%s-%d", run, w)
	_, err = s.Update(ctx, "c", store.Update{
		Filter: bson.D{{Key: "_id", Value: counter}},
		Change: bson.D{{Key: "$inc", Value: bson.D{{Key: "count", Value: 1}}}, {Key: "$push", Value: bson.D{{Key: "tags", Value: n % 11}}}},
		Upsert: true,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "counted", counter, n+1)

	// All writers want each of these; one gets it.
	claim := fmt.Sprintf("%s-claim-%d", run, n)
	d, err = bson.Marshal(bson.D{{Key: "_id", Value: id + "-claims"}, {Key: "u", Value: claim}, {Key: "tags", Value: bson.A{claim, w}}})
	if err != nil {
		return err
	}
	var taken *store.DuplicateKeyError
	switch err := s.Insert(ctx, "c", d); {
	case err == nil:
		fmt.Fprintln(out, "claimed", id+"-claims")
	case !errors.As(err, &taken):
		return err
	}

	if n%3 == 0 {
		if _, err := s.Delete(ctx, "c", bson.D{{Key: "_id", Value: id}}, false); err != nil {
			return err
		}
		fmt.Fprintln(out, "deleted", id)
	}
	err = s.Transaction(ctx, func(ctx context.Context) error {
		for i, amount := range []int{7, -7} {
			_, err := s.Update(ctx, "accounts", store.Update{
				Filter: bson.D{{Key: "_id", Value: (w + n*i) % accounts}},
				Change: bson.D{{Key: "$inc", Value: bson.D{{Key: "amount", Value: amount}}}}, Upsert: true,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// A process that is killed while it writes loses nothing that it acknowledged
// and leaves nothing half done.
func TestKilledWriterLosesNothing(t *testing.T) {
	dir := t.TempDir()
	rounds := 50
	if testing.Short() {
		rounds = 4
	}
	there := make(map[string]bool) // by id, whether the document must be there
	counts := make(map[string]int64)
	for round := range rounds {
		cmd := child(t, "write", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			note(t, lines.Text(), there, counts)
			if n == 20+(round*389)%700 { // at times that differ
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
		verifyCrashed(t, dir, there, counts)
	}
}

// note takes down what a line of the child says was acknowledged: by id, whether
// the document must be there, and how far a counter has come.
func note(t *testing.T, line string, there map[string]bool, counts map[string]int64) {
	t.Helper()
	fields := strings.Fields(line)
	switch fields[0] {
	case "inserted", "claimed", "deleted":
		there[fields[1]] = fields[0] != "deleted"
	case "counted":
		var count int64
		if _, err := fmt.Sscan(fields[2], &count); err != nil {
			t.Fatal(err)
		}
		counts[fields[1]] = max(counts[fields[1]], count)
	default:
		t.Fatal(line)
	}
}

func verifyCrashed(t *testing.T, dir string, there map[string]bool, counts map[string]int64) {
	t.Helper()
	s := open(t, Options{Dir: dir})
	defer shut(t, s)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	get := func(collection, id string) bson.Raw {
		var doc bson.Raw
		err := s.Find(t.Context(), collection, store.Find{Filter: bson.D{{Key: "_id", Value: id}}}, func(d bson.Raw) error {
			doc = append(bson.Raw(nil), d...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	for id, must := range there {
		// What was inserted last may have been deleted without having been told.
		if doc := get("c", id); must && doc == nil && !deletable(id) || !must && doc != nil {
			t.Errorf("document %s: there %t, must be %t", id, doc != nil, must)
		}
	}
	for id, count := range counts {
		doc := get("c", id)
		if doc == nil || doc.Lookup("count").AsInt64() < count || doc.Lookup("count").AsInt64() > count+1 {
			t.Errorf("counter %s was acknowledged at %d and is %v", id, count, doc)
		}
	}
	var sum int64
	err := s.Find(t.Context(), "accounts", store.Find{}, func(d bson.Raw) error {
		sum += d.Lookup("amount").AsInt64()
		return nil
	})
	if err != nil || sum != 0 {
		t.Errorf("the accounts' sum is %d (%v)", sum, err)
	}
	if len(there) == 0 || len(counts) == 0 {
		t.Error("nothing was acknowledged")
	}
}

// deletable tells whether the writer deletes a document after inserting it.
func deletable(id string) bool {
	if strings.HasSuffix(id, "-claims") {
		return false
	}
	var n int
	if _, err := fmt.Sscan(id[strings.LastIndexByte(id, '-')+1:], &n); err != nil {
		return false
	}
	return n%3 == 0
}
