package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// result is one measurement.
type result struct {
	system, operation string
	connections       int
	// rate is in requests per second.
	rate          float64
	p50, p95, p99 time.Duration
	// appCPU and databaseCPU are in seconds per 1,000 requests, which is also
	// milliseconds per request.
	appCPU, databaseCPU float64
	// idle is the memory when all was loaded, memory that after the measurement, in bytes.
	idle, memory int64
}

func newResult(system, operation string, connections int, latencies []time.Duration, d time.Duration, u usage) result {
	n := len(latencies)
	at := func(p float64) time.Duration { return latencies[min(int(p*float64(n)), n-1)] }
	perThousand := func(cpu time.Duration) float64 { return cpu.Seconds() * 1000 / float64(n) }
	return result{
		system: system, operation: operation, connections: connections,
		rate: float64(n) / d.Seconds(), p50: at(0.50), p95: at(0.95), p99: at(0.99),
		appCPU: perThousand(u.app), databaseCPU: perThousand(u.database),
	}
}

// cpu is what a request costs altogether.
func (r result) cpu() float64 { return r.appCPU + r.databaseCPU }

// report is the results as tables in Markdown, and the ratios to the first
// system that was measured.
func report(results []result) string {
	var b strings.Builder
	for _, o := range operations {
		rows := slices.DeleteFunc(slices.Clone(results), func(r result) bool { return r.operation != o.name })
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n| system | connections | requests/s | p50 ms | p95 ms | p99 ms | CPU s per 1,000 | of that, database | memory MB |\n|---|---|---|---|---|---|---|---|---|\n", o.title)
		for _, r := range rows {
			fmt.Fprintf(&b, "| %s | %d | %s | %.2f | %.2f | %.2f | %.3f | %.3f | %d |\n", r.system, r.connections, thousands(r.rate),
				milliseconds(r.p50), milliseconds(r.p95), milliseconds(r.p99), r.cpu(), r.databaseCPU, r.memory>>20)
		}
	}
	b.WriteString(ratios(results))
	return b.String()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ratios tells how many requests Loam answers per second of CPU for each that
// another system does, at 16 connections or what comes nearest.
func ratios(results []result) string {
	var b strings.Builder
	for _, pair := range [][2]string{{"loam", "parse-server"}, {"loam", "pocketbase"}, {"loam", "pocketbase without logs"}, {"loam on the wire", "parse-server on the wire"}} {
		var lines []string
		for _, o := range operations {
			a, c := middle(results, pair[0], o.name), middle(results, pair[1], o.name)
			if a == nil || c == nil || a.cpu() == 0 || a.appCPU == 0 {
				continue
			}
			lines = append(lines, fmt.Sprintf("| %s | %.1f | %.1f | %.1f |", o.title, c.appCPU/a.appCPU, c.cpu()/a.cpu(), float64(c.memory)/float64(a.memory)))
		}
		if lines != nil {
			fmt.Fprintf(&b, "\n### %s against %s\n\n| request | requests per CPU second of the application, × | with the database's, × | memory of the other, × |\n|---|---|---|---|\n%s\n",
				pair[0], pair[1], strings.Join(lines, "\n"))
		}
	}
	return b.String()
}

// middle is the measurement at the number of connections that is nearest to 16.
func middle(results []result, system, operation string) *result {
	var found *result
	away := func(n int) int { return max(n-16, 16-n) }
	for i := range results {
		r := &results[i]
		if r.system == system && r.operation == operation && (found == nil || away(r.connections) < away(found.connections)) {
			found = r
		}
	}
	return found
}

// thousands is a whole number with separators.
func thousands(n float64) string {
	text := fmt.Sprintf("%.0f", n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
