// Command bench sets Loam beside parse-server and PocketBase: the same objects,
// the same requests, one run, one machine. It builds and starts the servers,
// loads the objects, asks each kind of request over 1, 16 and 64 connections,
// and writes what it measured as a table and a plot:
//
//	go run ./internal/bench [-systems …] [-operations …] [-connections …] [-time …] [-output …]
//
// parse-server comes from internal/parity/reference, where "npm ci" was run, and
// needs PostgreSQL; PocketBase is built from the module in internal/bench/pocketbase.
// Every answer is checked: one with an unexpected status ends the run.
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
	"strconv"
	"strings"
	"syscall"
	"time"
)

type settings struct {
	systems, operations []string
	connections         []int
	time                time.Duration
	objects             int
	output              string
}

func main() {
	var s settings
	systems := flag.String("systems", strings.Join(systemNames(), ","), "which systems")
	operations := flag.String("operations", strings.Join(operationNames(), ","), "which requests")
	connections := flag.String("connections", "1,16,64", "over how many connections")
	flag.DurationVar(&s.time, "time", 3*time.Second, "how long each measurement takes")
	flag.IntVar(&s.objects, "objects", 10_000, "how many objects there are")
	flag.StringVar(&s.output, "output", "bin/bench", "the directory of the results")
	flag.Parse()
	s.systems, s.operations = strings.Split(*systems, ","), strings.Split(*operations, ",")
	for text := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			fmt.Fprintln(os.Stderr, "bench: -connections must hold positive numbers")
			os.Exit(2)
		}
		s.connections = append(s.connections, n)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if err := os.MkdirAll(s.output, 0o755); err != nil {
		return err
	}
	var results []result
	for _, name := range s.systems {
		i := slices.IndexFunc(systems, func(s system) bool { return s.name == name })
		if i < 0 {
			return fmt.Errorf("there is no system %q", name)
		}
		measured, err := measure(ctx, s, systems[i])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		results = append(results, measured...)
	}
	report := report(results)
	fmt.Print(report)
	return errors.Join(
		os.WriteFile(filepath.Join(s.output, "table.md"), []byte(report), 0o644),
		os.WriteFile(filepath.Join(s.output, "plot.svg"), plot(results), 0o644),
	)
}

// measure starts one system, loads it and asks it everything.
func measure(ctx context.Context, s settings, system system) (results []result, err error) {
	dir, err := os.MkdirTemp("", "loam-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	data := newDataset(s.objects)
	server, err := system.start(ctx, dir, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	idle := server.memory()
	fmt.Fprintf(os.Stderr, "%s: %d objects are loaded\n", system.name, s.objects)
	for _, operation := range operations {
		if !slices.Contains(s.operations, operation.name) {
			continue
		}
		requests, err := server.requests(operation.name, data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", operation.name, err)
		}
		if requests == nil {
			continue // the system has nothing of the kind
		}
		for _, n := range s.connections {
			load := load{address: server.address, requests: requests, connections: n, check: operation.check}
			// Caches fill, and what is compiled late is compiled.
			if _, err := load.run(ctx, s.time/3); err != nil {
				return nil, fmt.Errorf("%s: %w", operation.name, err)
			}
			before := server.usage()
			latencies, err := load.run(ctx, s.time)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", operation.name, err)
			}
			r := newResult(system.name, operation.name, n, latencies, s.time, server.usage().since(before))
			r.idle, r.memory = idle, server.memory()
			fmt.Fprintf(os.Stderr, "%s: %s ×%d: %.0f requests/s, %.3f ms CPU\n", system.name, operation.name, n, r.rate, r.appCPU)
			results = append(results, r)
		}
	}
	return results, nil
}
