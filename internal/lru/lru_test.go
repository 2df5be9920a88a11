package lru

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// reference is a Map as a dumb list, the last used in front.
type reference []entry[int, int]

func (r *reference) remove(key int) {
	*r = slices.DeleteFunc(*r, func(e entry[int, int]) bool { return e.key == key })
}

func TestAgainstAList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var m Map[int, int]
	var want reference
	for n := range 10_000 {
		key := rng.IntN(10)
		at := slices.IndexFunc(want, func(e entry[int, int]) bool { return e.key == key })
		switch rng.IntN(4) {
		case 0:
			m.Put(key, n)
			want.remove(key)
			want = append(reference{{key, n}}, want...)
		case 1:
			m.Remove(key)
			want.remove(key)
		case 2:
			m.Use(key)
			if at >= 0 {
				e := want[at]
				want.remove(key)
				want = append(reference{e}, want...)
			}
		case 3:
			v, ok := m.Peek(key)
			if ok != (at >= 0) || ok && v != want[at].value {
				t.Fatalf("%d: %d, %v of %v", key, v, ok, want)
			}
		}
		if m.Len() != len(want) {
			t.Fatalf("%d values, want %d", m.Len(), len(want))
		}
		key, value, ok := m.Oldest()
		if ok != (len(want) > 0) || ok && (entry[int, int]{key, value}) != want[len(want)-1] {
			t.Fatalf("oldest %d: %d, %v of %v", key, value, ok, want)
		}
	}
}
