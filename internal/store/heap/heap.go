// Package heap keeps the item in front that belongs above all others, on a slice of
// any type.
package heap

// Up restores a heap to which an item was appended. above tells whether a
// belongs above b.
func Up[T any](items []T, above func(a, b *T) bool) {
	for i := len(items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !above(&items[i], &items[parent]) {
			return
		}
		items[i], items[parent] = items[parent], items[i]
		i = parent
	}
}

// Down restores a heap of which the first item was changed.
func Down[T any](items []T, above func(a, b *T) bool) {
	for i := 0; ; {
		first := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(items) && above(&items[child], &items[first]) {
				first = child
			}
		}
		if first == i {
			return
		}
		items[i], items[first] = items[first], items[i]
		i = first
	}
}

// Pop returns a heap without its first item.
func Pop[T any](items []T, above func(a, b *T) bool) []T {
	last := len(items) - 1
	items[0] = items[last]
	clear(items[last:])
	items = items[:last]
	Down(items, above)
	return items
}
