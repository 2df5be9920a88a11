package limit

import (
	"fmt"
	"testing"
)

// TestBuckets reads like a log: at a millisecond, a key asks, and what comes of
// it. The rate is 2 requests a second, the burst 1.
func TestBuckets(t *testing.T) {
	table := bucketTable{newTable[bucket](1 << 20)}
	const rate, burst = 2000, 1000
	for _, c := range []struct {
		at     int64
		key    string
		excess int64
		want   verdict
	}{
		{200000, "a", 0, filled},
		{200000, "a", 1000, filled},
		{200000, "a", 2000, tooMany},
		{200000, "b", 0, filled},
		{200250, "a", 1500, tooMany},
		{200500, "a", 1000, filled},
		{200500, "a", 2000, tooMany},
		{203000, "a", 0, filled},
		{203000, "a", 1000, filled},
		{202999, "a", 2000, tooMany}, // a clock that went back a little
		{100000, "a", 1998, tooMany}, // and much
	} {
		_, excess, got := table.look([]byte(c.key), rate, burst, c.at, true)
		if excess != c.excess || got != c.want {
			t.Errorf("%d %s: excess %d, verdict %d; want %d, %d", c.at, c.key, excess, got, c.excess, c.want)
		}
	}
}

func TestPinnedBuckets(t *testing.T) {
	table := bucketTable{newTable[bucket](1 << 20)}
	n, _, v := table.look([]byte("a"), 1000, 0, 200000, false)
	if v != pinned || n.value.pins != 1 {
		t.Fatalf("verdict %d, %d pins", v, n.value.pins)
	}
	if excess := table.settle(n, 1000, 200000); excess != 0 || n.value.pins != 0 {
		t.Errorf("settled with excess %d, %d pins", excess, n.value.pins)
	}
	if _, excess, v := table.look([]byte("a"), 1000, 0, 200000, false); v != tooMany || excess != 1000 {
		t.Errorf("verdict %d, excess %d", v, excess)
	}
	n, _, _ = table.look([]byte("b"), 1000, 0, 200000, false)
	table.release(n)
	if _, excess, v := table.look([]byte("b"), 1000, 0, 200000, true); v != filled || excess != 0 {
		t.Errorf("a released request counts: verdict %d, excess %d", v, excess)
	}
}

func TestVeryHighRates(t *testing.T) {
	b := bucket{last: 1, excess: 5000}
	if excess, _ := b.after(2147483647*1000, 1<<40); excess != 0 {
		t.Errorf("excess %d", excess)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const size = 32 << 10
	most := int(size / cost(4))
	table := bucketTable{newTable[bucket](size)}
	key := func(i int) []byte { return fmt.Appendf(nil, "%04d", i) }
	for i := range 3 * most {
		if _, _, v := table.look(key(i), 1000, 0, 200000, true); v != filled {
			t.Fatalf("key %d: verdict %d", i, v)
		}
		if len(table.nodes) > most {
			t.Fatalf("%d keys in a zone for %d", len(table.nodes), most)
		}
	}
	if _, _, v := table.look(key(3*most-1), 1000, 0, 200000, true); v != tooMany {
		t.Errorf("the key used last is forgotten: verdict %d", v)
	}
	if _, _, v := table.look(key(0), 1000, 0, 200000, true); v != filled {
		t.Errorf("the key used first is not forgotten: verdict %d", v)
	}
	// Keys of requests that wait for another zone are not forgotten.
	table = bucketTable{newTable[bucket](size)}
	for i := range most {
		table.look(key(i), 1000, 0, 200000, false)
	}
	if _, _, v := table.look(key(most), 1000, 0, 200000, true); v != noRoom {
		t.Errorf("verdict %d, want no room", v)
	}
	// Stale ones go two at a time.
	table = bucketTable{newTable[bucket](size)}
	for i := range 10 {
		table.look(key(i), 1000, 0, 200000, true)
	}
	table.look(key(10), 1000, 0, 200000+staleAfter+1, true)
	if len(table.nodes) != 9 {
		t.Errorf("%d keys, want 9", len(table.nodes))
	}
}

func TestCounts(t *testing.T) {
	table := countTable{newTable[count](4 * cost(1))}
	n, ok := table.enter([]byte("a"), 2)
	if !ok {
		t.Fatal("the first is refused")
	}
	if _, ok := table.enter([]byte("a"), 2); !ok {
		t.Error("the second is refused")
	}
	if n, ok := table.enter([]byte("a"), 2); ok || n == nil {
		t.Error("the third is not refused")
	}
	n.value.done()
	if _, ok := table.enter([]byte("a"), 2); !ok {
		t.Error("refused after one has ended")
	}
	var nodes []*node[count]
	for _, key := range []string{"b", "c", "d"} {
		n, ok := table.enter([]byte(key), 1)
		if !ok {
			t.Fatalf("%s is refused", key)
		}
		nodes = append(nodes, n)
	}
	if n, ok := table.enter([]byte("e"), 1); ok || n != nil {
		t.Error("there is room for more keys than the size allows")
	}
	nodes[1].value.done()
	if _, ok := table.enter([]byte("e"), 1); !ok {
		t.Error("a key without requests keeps its place")
	}
	if _, ok := table.enter([]byte("c"), 1); ok {
		t.Error("there is room for more keys than the size allows")
	}
}
