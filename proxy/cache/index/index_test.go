package index

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"tandem/proxy/cache/entry"
)

// bench is an index, its clock, and the names of its entries.
type bench struct {
	*Index
	t   *testing.T
	now time.Time
}

func newBench(t *testing.T, room int) *bench {
	return &bench{New(room), t, time.Unix(1_000_000, 0)}
}

func key(name string) entry.Key { return entry.KeyOf([]byte(name)) }

var rules = Rules{MinUses: 1, Inactive: time.Minute}

func (b *bench) acquire(name string, r Rules, want Finding) *Hold {
	b.t.Helper()
	h := new(Hold)
	if got, _ := b.Acquire(h, key(name), b.now, r); got != want {
		b.t.Fatalf("%s is %d, want %d", name, got, want)
	}
	return h
}

// store makes an entry that takes 4096 bytes.
func (b *bench) store(name string) {
	b.t.Helper()
	h := new(Hold)
	if f, _ := b.Acquire(h, key(name), b.now, rules); f == Full {
		b.t.Fatalf("no room for %s", name)
	}
	b.Store(h, 500, 4096)
}

func (b *bench) exists(name string) bool {
	h := new(Hold)
	_, s := b.Acquire(h, key(name), b.now, rules)
	b.Release(h, rules, Failure{})
	return s.Exists
}

func (b *bench) counts(entries int, bytes int64) {
	b.t.Helper()
	if c := b.Counts(); c.Entries != entries || c.Bytes != bytes {
		b.t.Errorf("%d entries with %d bytes, want %d with %d", c.Entries, c.Bytes, entries, bytes)
	}
}

func TestStore(t *testing.T) {
	b := newBench(t, 10)
	h := b.acquire("a", rules, Absent)
	b.Release(h, rules, Failure{})
	b.counts(0, 0) // nothing came of it

	b.store("a")
	b.counts(1, 4096)
	h = b.acquire("a", rules, Present)
	b.Store(h, 600, 1024)
	b.counts(1, 1024)
	if _, s := b.Acquire(new(Hold), key("a"), b.now, rules); s != (State{Exists: true, BodyStart: 600}) {
		t.Errorf("%+v", s)
	}
}

func TestMinUses(t *testing.T) {
	b := newBench(t, 10)
	thrice := Rules{MinUses: 3, Inactive: time.Minute}
	b.Release(b.acquire("a", thrice, Absent), thrice, Failure{})
	h := b.acquire("a", thrice, Scarce)
	if f, _ := b.Acquire(h, key("a"), b.now, thrice); f != Scarce {
		t.Error("asking again with the same hold is another use")
	}
	b.Release(h, thrice, Failure{})
	b.Release(b.acquire("a", thrice, Present), thrice, Failure{})
	b.counts(1, 0)
}

func TestFailure(t *testing.T) {
	b := newBench(t, 10)
	b.store("a")
	h := b.acquire("a", rules, Present)
	b.Release(h, rules, Failure{Status: 502, ValidUntil: b.now.Unix() + 5})
	if _, s := b.Acquire(new(Hold), key("a"), b.now.Add(5*time.Second), rules); s.Failure != 502 {
		t.Errorf("%+v", s)
	}
	if f, s := b.Acquire(new(Hold), key("a"), b.now.Add(6*time.Second), rules); f != Absent || s != (State{}) {
		t.Errorf("%d %+v", f, s)
	}
	b.counts(1, 0)
}

func TestLock(t *testing.T) {
	b := newBench(t, 10)
	const age = 5 * time.Second
	first, second, third := b.acquire("a", rules, Absent), b.acquire("a", rules, Present), b.acquire("a", rules, Present)
	if !b.Lock(first, b.now, age) || b.Lock(second, b.now, age) {
		t.Fatal("not exactly one has the lock")
	}
	done, until := b.Awaited(second)
	if !until.Equal(b.now.Add(age)) {
		t.Errorf("may be taken over at %v", until)
	}
	// The first one takes too long, and no longer matters then.
	if !b.Lock(second, b.now.Add(age), age) {
		t.Error("the lock cannot be taken over")
	}
	<-done
	done, _ = b.Awaited(third)
	b.Release(first, rules, Failure{})
	select {
	case <-done:
		t.Error("one who has lost the lock releases it")
	default:
	}
	// The second one's request ends, however it does.
	b.Release(second, rules, Failure{})
	<-done
	if !b.Lock(third, b.now, age) {
		t.Error("a lock without owner is held")
	}
	done, _ = b.Awaited(b.acquire("a", rules, Present))
	b.Store(third, 400, 0)
	<-done
}

func TestUpdate(t *testing.T) {
	b := newBench(t, 10)
	b.store("a")
	first, second := b.acquire("a", rules, Present), b.acquire("a", rules, Present)
	if !b.Update(first) || b.Update(second) {
		t.Fatal("not exactly one updates")
	}
	b.Release(first, rules, Failure{})
	if first.Held() || !b.Update(second) {
		t.Error("the update of a request that has ended goes on")
	}
}

func TestFull(t *testing.T) {
	b := newBench(t, 8)
	for i := range 8 {
		b.store(strconv.Itoa(i))
	}
	b.acquire("more", rules, Full)
	if c := b.Counts(); c.Watermark != 7 {
		t.Errorf("%+v", c)
	}
	b.exists("0") // asked for, so that 1 is the next to go
	v, r := b.Force(b.now, time.Minute)
	if r != Removed || v.Key != key("1") {
		t.Fatalf("%v %d", v.Key, r)
	}
	b.acquire("more", rules, Full) // until its file is gone
	b.Removed(v)
	b.acquire("more", rules, Absent)
	if b.Add(key("x"), 1, b.now, time.Minute) {
		t.Error("a file is added without room")
	}
}

func TestExpire(t *testing.T) {
	b := newBench(t, 10)
	if _, r, wait := b.Expire(b.now, time.Minute); r != Nothing || wait != 0 {
		t.Errorf("empty: %d %v", r, wait)
	}
	b.store("a")
	b.now = b.now.Add(20 * time.Second)
	b.store("b")
	if _, r, wait := b.Expire(b.now, time.Minute); r != Nothing || wait != 40*time.Second {
		t.Errorf("%d %v", r, wait)
	}
	b.now = b.now.Add(40 * time.Second)
	v, r, _ := b.Expire(b.now, time.Minute)
	if r != Removed || v.Key != key("a") {
		t.Fatalf("%d %v", r, v.Key)
	}
	// It is asked for while its file is removed: it has none, and is kept.
	h := b.acquire("a", rules, Present)
	if b.exists("a") {
		t.Error("a file that is being removed is to be used")
	}
	if _, r, _ := b.Expire(b.now.Add(time.Hour), time.Minute); r != Removed { // b
		t.Errorf("b: %d", r)
	}
	b.Removed(v)
	b.Store(h, 400, 100)
	if !b.exists("a") {
		t.Error("what was stored meanwhile is lost")
	}
}

func TestInUse(t *testing.T) {
	b := newBench(t, 10)
	b.store("a")
	h := b.acquire("a", rules, Present)
	b.now = b.now.Add(time.Hour)
	if _, r, _ := b.Expire(b.now, time.Minute); r != Dropped {
		t.Errorf("got %d", r)
	}
	if _, r := b.Force(b.now, time.Minute); r != Busy {
		t.Errorf("got %d", r)
	}
	b.Release(h, rules, Failure{})
	if _, r := b.Force(b.now, time.Minute); r != Removed {
		t.Errorf("got %d", r)
	}
}

func TestPurge(t *testing.T) {
	b := newBench(t, 10)
	if _, ok := b.Purge(key("a")); ok {
		t.Error("what is not there is purged")
	}
	b.store("a")
	h := b.acquire("a", rules, Present)
	v, ok := b.Purge(key("a"))
	if !ok || b.exists("a") || b.Wanted(h) {
		t.Errorf("purged %v, exists %v, stored by one who asked before %v", ok, b.exists("a"), b.Wanted(h))
	}
	b.Removed(v)
	b.Release(h, rules, Failure{})
	b.counts(0, 0)
}

func TestLoading(t *testing.T) {
	b := newBench(t, 10)
	b.Add(key("a"), 4096, b.now, time.Minute)
	// A request meets a file before the loader does.
	h := b.acquire("b", rules, Absent)
	b.Found(h, 400, 8192)
	b.Add(key("b"), 8192, b.now, time.Minute)
	b.Release(h, rules, Failure{})
	b.counts(2, 12288)
	// A request asks, the loader meets the file and has ended before the request does.
	h = b.acquire("c", rules, Absent)
	b.Add(key("c"), 8192, b.now, time.Minute)
	b.SetWarm()
	b.Found(h, 400, 8192)
	b.Release(h, rules, Failure{})
	b.counts(3, 20480)
	b.acquire("c", rules, Present)
}

func TestRoom(t *testing.T) {
	// "One megabyte zone can store about 8 thousand keys" (nginx's documentation).
	for size, want := range map[int64]int{1 << 20: 8063, 16 << 10: 63, 8 << 10: 1} {
		if got := Room(size); got < want || got > want+64 {
			t.Errorf("%d bytes: room for %d, want about %d", size, got, want)
		}
	}
}

// TestRandom does what requests, loader and manager may do, in any order: no
// counter goes wrong, and in the end everything can be removed.
func TestRandom(t *testing.T) {
	b := newBench(t, 20)
	r := rand.New(rand.NewPCG(1, 2))
	var holds []*Hold
	var victims []Victim
	for range 50_000 {
		name := strconv.Itoa(r.IntN(30))
		switch r.IntN(9) {
		case 0, 1, 2:
			h := new(Hold)
			if f, s := b.Acquire(h, key(name), b.now, Rules{1 + r.IntN(2), time.Minute}); f == Full {
				continue
			} else if s.Exists && r.IntN(2) == 0 {
				b.Update(h)
			} else if r.IntN(2) == 0 {
				b.Lock(h, b.now, time.Second)
			}
			holds = append(holds, h)
		case 3, 4:
			if n := len(holds); n > 0 {
				h := holds[n-1]
				holds = holds[:n-1]
				if r.IntN(2) == 0 {
					b.Store(h, 500, int64(r.IntN(10_000)))
				} else {
					b.Release(h, Rules{1 + r.IntN(2), time.Minute}, Failure{})
				}
			}
		case 5:
			b.now = b.now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			if v, got, _ := b.Expire(b.now, time.Minute); got == Removed {
				victims = append(victims, v)
			}
		case 6:
			if v, got := b.Force(b.now, time.Minute); got == Removed {
				victims = append(victims, v)
			}
		case 7:
			if v, ok := b.Purge(key(name)); ok {
				victims = append(victims, v)
			}
		case 8:
			if n := len(victims); n > 0 {
				b.Removed(victims[n-1])
				victims = victims[:n-1]
			}
		}
		if c := b.Counts(); c.Entries > 20 || c.Bytes < 0 {
			t.Fatalf("%+v", c)
		}
	}
	for _, v := range victims {
		b.Removed(v)
	}
	for _, h := range holds {
		b.Release(h, rules, Failure{})
	}
	for {
		v, got := b.Force(b.now, time.Minute)
		if got == Nothing {
			break
		}
		if got == Removed {
			b.Removed(v)
		}
	}
	b.counts(0, 0)
}
