package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks is the unit of CPU time in /proc, of which Linux has 100 a second.
const ticks = 10 * time.Millisecond

// usage is the CPU time that a server has taken: the application, and the
// database processes beside it.
type usage struct{ app, database time.Duration }

func (u usage) since(before usage) usage {
	return usage{u.app - before.app, u.database - before.database}
}

// usage sums up the CPU time of the server's processes and their children.
func (s *server) usage() usage { return usage{cpuOf(s.pid), cpuOf(s.database)} }

// memory is the resident memory of the application and its database, in bytes.
func (s *server) memory() int64 {
	var sum int64
	for _, pid := range append(family(s.pid), family(s.database)...) {
		sum += residentOf(pid)
	}
	return sum
}

// cpuOf is the CPU time of a process with its children, those that have ended
// included.
func cpuOf(pid int) time.Duration {
	var sum time.Duration
	for _, pid := range family(pid) {
		// After the name, which may hold anything, utime, stime, cutime and
		// cstime are the fields 12 to 15.
		if fields := stat(pid); len(fields) > 15 {
			for _, f := range fields[11:15] {
				n, _ := strconv.ParseInt(f, 10, 64)
				sum += time.Duration(n) * ticks
			}
		}
	}
	return sum
}

// family is a process with its children and theirs; none for 0.
func family(pid int) []int {
	if pid == 0 {
		return nil
	}
	all := []int{pid}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if fields := stat(child); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			all = append(all, family(child)...)
		}
	}
	return all
}

// stat is a line of /proc/…/stat behind the process's name.
func stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil // it has ended
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// residentOf is a process's own part of the memory that it has resident: what
// it shares with others, as PostgreSQL's processes do, counts once.
func residentOf(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "Pss:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
