package config

import "strings"

// Nearest returns the candidate that name was most probably meant to be, or ""
// when none is near. Case does not count.
func Nearest(name string, candidates []string) string {
	name = strings.ToLower(name)
	best, found := len(name)/3+1, ""
	for _, c := range candidates {
		if d := distance(name, strings.ToLower(c), best); d < best || d == best && found == "" {
			best, found = d, c
		}
	}
	return found
}

// distance is the number of letters to add, remove, change or swap with their
// neighbour to make b of a; above limit it is limit+1.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	before, previous, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		previous[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(previous[j+1]+1, row[j]+1, previous[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, previous, row = previous, row, before
	}
	return min(previous[len(b)], limit+1)
}
