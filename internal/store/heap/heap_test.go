package heap

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func below(a, b *int) bool { return *a < *b }

func TestHeapGivesItemsInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 50 {
		var items, want, got []int
		for range n {
			v := random.IntN(20)
			items, want = append(items, v), append(want, v)
			Up(items, below)
		}
		slices.Sort(want)
		for len(items) > 0 {
			got = append(got, items[0])
			items = Pop(items, below)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestDownMovesAChangedFirstItem(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	items := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9} // what is in order is a heap
	for range 1000 {
		items[0] = random.IntN(100)
		Down(items, below)
		if least := slices.Min(items); items[0] != least {
			t.Fatalf("%d is in front of %v", items[0], items)
		}
	}
}
