package smallfile

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tandem/web/openfile"
)

func keep(c *Memory, name string, size int) {
	c.Store(append([]byte(name), 0), &openfile.Info{Size: int64(size)}, make([]byte, size))
}

func kept(c *Memory, name string) *Entry { return c.Lookup(append([]byte(name), 0)) }

// check holds what every shard says of itself against what it holds.
func (c *Memory) check(t *testing.T) (total int) {
	t.Helper()
	for i := range c.shards {
		s := &c.shards[i]
		bytes := 0
		for name, e := range s.entries {
			bytes += e.cost()
			if e.name != name || s.ring[e.place] != e {
				t.Fatalf("%q is not where it says", name)
			}
		}
		if bytes != s.bytes || len(s.ring) != len(s.entries) || bytes > capacity/shardCount {
			t.Fatalf("shard of %d bytes says %d; %d entries, %d in the ring", bytes, s.bytes, len(s.entries), len(s.ring))
		}
		total += bytes
	}
	return total
}

func TestCacheIsBounded(t *testing.T) {
	c := new(Memory)
	for i := range 3000 {
		keep(c, fmt.Sprint("/file/", i), Largest)
	}
	if total := c.check(t); total > capacity || total < capacity/2 {
		t.Errorf("%d bytes are kept, of %d allowed", total, capacity)
	}
	for i := range 3000 {
		c.Forget(append(fmt.Append(nil, "/file/", i), 0))
	}
	if total := c.check(t); total != 0 {
		t.Errorf("%d bytes are kept of nothing", total)
	}
}

// TestCacheKeepsWhatIsUsed: a file that is asked for all the time stays, however
// many others come by.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := new(Memory)
	keep(c, "/often", 1000)
	for i := range 10000 {
		keep(c, fmt.Sprint("/once/", i), Largest)
		if kept(c, "/often") == nil {
			t.Fatalf("gone after %d others", i)
		}
	}
	c.check(t)
}

func TestCacheReplaces(t *testing.T) {
	c := new(Memory)
	keep(c, "/f", 10)
	old := kept(c, "/f")
	keep(c, "/f", 20)
	if e := kept(c, "/f"); len(e.Data) != 20 || len(old.Data) != 10 {
		t.Errorf("%d bytes, before %d", len(e.Data), len(old.Data))
	}
	c.check(t)
	if kept(c, "/g") != nil {
		t.Error("found what was not stored")
	}
}

func TestCacheConcurrently(t *testing.T) {
	c := new(Memory)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3000 {
				name := fmt.Sprint("/", rand.IntN(200))
				switch rand.IntN(8) {
				case 0:
					keep(c, name, rand.IntN(Largest))
				case 1:
					c.Forget(append([]byte(name), 0))
				default:
					if e := kept(c, name); e != nil && int64(len(e.Data)) != e.Size {
						t.Errorf("%d bytes in a file of %d", len(e.Data), e.Size)
					}
				}
			}
		})
	}
	wg.Wait()
	c.check(t)
}

func TestSettled(t *testing.T) {
	changed := time.Unix(1_800_000_000, 123_456_789)
	whole := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		ctime time.Time
		after time.Duration
		want  bool
	}{
		{changed, 0, false},
		{changed, 49 * time.Millisecond, false},
		{changed, 51 * time.Millisecond, true},
		{changed, -time.Hour, false}, // a clock that is ahead
		{whole, time.Second, false},
		{whole, 3 * time.Second, true},
	} {
		if got := IsSettled(&openfile.Info{Ctime: c.ctime.UnixNano()}, c.ctime.Add(c.after)); got != c.want {
			t.Errorf("changed at %v, looked at %v later: %v", c.ctime, c.after, got)
		}
	}
}

// TestCacheOfTooManyFiles: of files that are asked for in turn, and that do not
// fit, a good part is found all the same.
func TestCacheOfTooManyFiles(t *testing.T) {
	c := new(Memory)
	const files, fit = 6000, capacity / (Largest + entryOverhead)
	found, read := 0, 0
	for i := range 5 * files {
		name := fmt.Appendf(nil, "/file/%d\x00", i%files)
		if c.Lookup(name) != nil {
			found++
		} else if c.Admits(name, Largest) {
			read++
			c.Store(name, &openfile.Info{Size: Largest}, make([]byte, Largest))
		}
	}
	c.check(t)
	if best := 4 * fit; found < best/2 || found > best || read > fit+5*files/8 {
		t.Errorf("%d found, at best %d; %d read to be kept", found, best, read)
	}
	for i := range c.shards {
		for name := range c.shards[i].entries {
			if !c.Admits([]byte(name), Largest) {
				t.Fatal("a file that is kept would not be kept when it has changed")
			}
		}
	}
}

func TestAskedAgain(t *testing.T) {
	c := new(Memory)
	a, b := []byte("/a\x00"), []byte("/b\x00")
	if c.AskedAgain(a) || c.AskedAgain(b) || !c.AskedAgain(a) || !c.AskedAgain(b) {
		t.Error("not the second time, and only then")
	}
	for i := range 10 * askedNames {
		c.AskedAgain(fmt.Append(nil, i))
	}
	if c.AskedAgain(a) && c.AskedAgain([]byte("1")) {
		t.Error("nothing is forgotten")
	}
}

func TestMissingNames(t *testing.T) {
	c := new(Memory)
	a, b := []byte("/a\x00"), []byte("/b\x00")
	if c.WasMissing(a) {
		t.Error("missing before anyone looked")
	}
	c.NoteMissing(a)
	if !c.WasMissing(a) || c.WasMissing(b) {
		t.Error("not the name that was noted")
	}
	if c.NoteFound(a); c.WasMissing(a) {
		t.Error("missing though it was found")
	}
}
