// Command record asks the reference server the requests of the parity
// scenarios and writes down what it answers:
//
//	go run ./internal/parity/record [-new] [-check | -mongodb] [area[/name] …]
//
// It starts the reference in internal/parity/reference, where `npm ci` was run,
// and needs PostgreSQL with PostGIS. Answers by which Loam differs stay as they are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/loam-baas/loam/internal/parity"
)

type options struct {
	scenarios, reference, running string
	onlyNew, check, mongodb       bool
	wanted                        []string
}

func main() {
	var o options
	flag.StringVar(&o.scenarios, "scenarios", "internal/parity/scenarios", "directory of the scenarios")
	flag.StringVar(&o.reference, "reference", "internal/parity/reference", "directory of the reference server")
	flag.StringVar(&o.running, "running", "", "ask a reference that runs already: the line of JSON that it printed; it is emptied")
	flag.BoolVar(&o.onlyNew, "new", false, "record only scenarios that have an exchange without an answer")
	flag.BoolVar(&o.check, "check", false, "write nothing; tell where the reference answers otherwise than was recorded")
	flag.BoolVar(&o.mongodb, "mongodb", false, "write nothing; run the reference on an embedded store behind MongoDB's protocol, and tell where it contradicts what is said to be "+asOnMongoDB)
	flag.Parse()
	o.wanted = flag.Args()

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	files, err := parity.Load(o.scenarios)
	if err != nil {
		return err
	}
	var r *reference
	var environment []string
	if o.mongodb {
		uri, stop, problem := serveMongoDB()
		if problem != nil {
			return problem
		}
		defer func() { err = errors.Join(err, stop()) }()
		environment = []string{"REFERENCE_MONGODB=" + uri}
	}
	if o.running != "" {
		r, err = attachReference(o.running)
	} else {
		r, err = startReference(ctx, o.reference, environment...)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()

	var count, differ int
	for _, file := range files {
		if !wanted(file, o.wanted) {
			continue
		}
		for _, s := range file.Scenarios {
			if o.onlyNew && recorded(s) || o.mongodb && !slices.ContainsFunc(s.Exchanges(), claims) {
				continue
			}
			differences, err := play(ctx, r, s, o)
			if err != nil {
				return fmt.Errorf("%s/%s: %s: %w", file.Area, file.Name, s.Title, err)
			}
			count++
			for _, d := range differences {
				differ++
				fmt.Printf("%s/%s: %s: %s\n", file.Area, file.Name, s.Title, d)
			}
		}
		if o.check || o.mongodb {
			continue
		}
		path := filepath.Join(o.scenarios, file.Area, file.Name+".txt")
		if err := os.WriteFile(path, []byte(file.Format()), 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%d scenarios\n", count)
	if differ > 0 {
		return fmt.Errorf("%d differences", differ)
	}
	return nil
}

func wanted(f *parity.File, names []string) bool {
	for _, name := range names {
		if name == f.Area || name == f.Area+"/"+f.Name {
			return true
		}
	}
	return len(names) == 0
}

func recorded(s *parity.Scenario) bool {
	for _, x := range s.Exchanges() {
		if x.Recorded == nil {
			return false
		}
	}
	return true
}

// play asks a scenario's requests and puts the answers in, or, to check, returns
// where they are not what is there.
func play(ctx context.Context, r *reference, s *parity.Scenario, o options) ([]string, error) {
	if err := r.empty(ctx, s.App); err != nil {
		return nil, fmt.Errorf("empty the app: %w", err)
	}
	began := time.Now()
	bindings := parity.NewBindings(r.Apps[s.App].String())
	var differences []string
	for _, x := range s.Exchanges() {
		answer, err := r.Ask(ctx, s.App, x, bindings)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", x.Line, err)
		}
		err = bindings.Bind(x.As, answer.Body)
		if o.mongodb {
			for _, d := range contradiction(x, answer, bindings) {
				differences = append(differences, fmt.Sprintf("line %d: %s", x.Line, d))
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w (%s)", x.Line, err, answer.Body)
		}
		if o.check {
			if x.Recorded == nil {
				differences = append(differences, fmt.Sprintf("line %d: nothing was recorded", x.Line))
				continue
			}
			for _, d := range x.Compare(x.Recorded, answer, bindings) {
				differences = append(differences, fmt.Sprintf("line %d: %s", x.Line, d))
			}
			continue
		}
		normal, err := parity.Normalize(answer, bindings, s.Typed(), began)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", x.Line, err)
		}
		// An answer that says the same in another order is no news.
		if x.Recorded == nil || len(x.Compare(x.Recorded, answer, bindings)) > 0 {
			x.Recorded = normal
		}
	}
	return differences, nil
}
