package smallfile

import (
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tandem/session"
	"tandem/web/openfile"
)

// Memory keeps the content of small files, by name, and of directories that they
// could be opened. An entry is used only after a look at the inode that the name has now: another inode, another
// size, modification or change time, and the file is read again. So a file that
// is replaced, written, truncated or removed is never served as it was before.
//
// One request for a kept file costs one system call here at most, see Look, and
// no memory.
type Memory struct {
	seed   maphash.Seed
	once   sync.Once
	shards [shardCount]shard
	// missing has hashes of names that no file had lately: those are looked at
	// rather than opened, which costs less where there is still none.
	missing [missingNames]atomic.Uint64
	// asked has hashes of names that have been asked for lately.
	asked [askedNames]atomic.Uint64
}

const (
	// Largest is the size in bytes up to which files are read into memory
	// rather than sent with sendfile, and kept.
	Largest = 32 << 10
	// capacity is how many bytes are kept in all, names and some overhead
	// included.
	capacity = 64 << 20

	// admission is how many new files a full cache sees for each that it takes:
	// where more files are asked for in turn than fit, most of what is kept stays
	// and is of use, and little is read only to make room soon.
	admission = 16

	shardCount    = 32
	missingNames  = 1024
	askedNames    = 16384
	entryOverhead = 256 // what an entry takes beside its content
)

// shard is a part of the memory with a lock of its own. When it is full,
// entries go that have not been used since the hand passed them last.
type shard struct {
	mu      sync.RWMutex
	entries map[string]*Entry
	bytes   int
	ring    []*Entry
	hand    int
	_       [24]byte // the next shard's lock is in another cache line
}

// Entry is what is kept of one file. It stays as it is when it is not kept any more.
type Entry struct {
	name string // with its final NUL byte
	openfile.Info
	Data  []byte       // all of the content
	seen  atomic.Int64 // when the latest look began that found it unchanged, since epoch
	used  atomic.Bool
	place int // in the ring; under the shard's lock
}

func (e *Entry) cost() int { return len(e.Data) + len(e.name) + entryOverhead }

var slot = session.NewRealmSlot[Memory]()

// Of returns the memory of a server.
func Of(r *session.Realm) *Memory { return slot.Of(r) }

func (c *Memory) hash(name []byte) uint64 {
	c.once.Do(func() { c.seed = maphash.MakeSeed() })
	return maphash.Bytes(c.seed, name)
}

func (c *Memory) shard(name []byte) *shard { return &c.shards[c.hash(name)%shardCount] }

// WasMissing reports whether it is likely that there is no file of that name.
func (c *Memory) WasMissing(name []byte) bool {
	h := c.hash(name)
	return c.missing[h%missingNames].Load() == h
}

// AskedAgain notes that a file is asked for, and reports whether it is likely that it
// was before, not long ago: of very many files that are asked for, most are so once.
func (c *Memory) AskedAgain(name []byte) bool {
	h := c.hash(name)
	return c.asked[h%askedNames].Swap(h) == h
}

// NoteMissing remembers that there is no file of that name.
func (c *Memory) NoteMissing(name []byte) {
	h := c.hash(name)
	c.missing[h%missingNames].Store(h)
}

// Lookup returns what is kept of the file of that name, nil if nothing is.
func (c *Memory) Lookup(name []byte) *Entry {
	s := c.shard(name)
	s.mu.RLock()
	e := s.entries[string(name)]
	s.mu.RUnlock()
	if e != nil && !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

// A change of a file shows in its times only if the clock of the file system
// has gone on since the change before. Most count nanoseconds but take the time
// from the kernel's last tick; some count seconds.
const (
	tick       = 50 * time.Millisecond
	coarseTick = 2500 * time.Millisecond
)

// IsSettled reports whether a file that was looked at at that time can be told
// from what a later change makes of it.
func IsSettled(i *openfile.Info, now time.Time) bool {
	wait := tick
	if i.Ctime%int64(10*time.Millisecond) == 0 {
		wait = coarseTick
	}
	return now.UnixNano()-i.Ctime > int64(wait)
}

// NoteFound takes back what NoteMissing has noted.
func (c *Memory) NoteFound(name []byte) {
	h := c.hash(name)
	c.missing[h%missingNames].CompareAndSwap(h, 0)
}

// Admits reports whether a file of that name and size is to be kept.
func (c *Memory) Admits(name []byte, size int) bool {
	s := c.shard(name)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bytes+size+len(name)+entryOverhead <= capacity/shardCount || s.entries[string(name)] != nil || rand.IntN(admission) == 0
}

// Store keeps the content of a file.
func (c *Memory) Store(name []byte, i *openfile.Info, content []byte) {
	e := &Entry{name: string(name), Info: *i, Data: content}
	s := c.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[e.name]; old != nil {
		s.remove(old)
	}
	for s.bytes+e.cost() > capacity/shardCount {
		s.evict()
	}
	if s.entries == nil {
		s.entries = make(map[string]*Entry)
	}
	s.entries[e.name] = e
	e.place = len(s.ring)
	s.ring = append(s.ring, e)
	s.bytes += e.cost()
}

// Forget gives up what is kept under a name.
func (c *Memory) Forget(name []byte) {
	s := c.shard(name)
	s.mu.Lock()
	if e := s.entries[string(name)]; e != nil {
		s.remove(e)
	}
	s.mu.Unlock()
}

// remove takes e out. Requests that found it before still use it, so it stays as
// it is.
func (s *shard) remove(e *Entry) {
	delete(s.entries, e.name)
	s.bytes -= e.cost()
	last := len(s.ring) - 1
	s.ring[e.place] = s.ring[last]
	s.ring[e.place].place = e.place
	s.ring[last] = nil
	s.ring = s.ring[:last]
}

// evict removes the next entry that has not been used lately.
func (s *shard) evict() {
	for {
		if s.hand >= len(s.ring) {
			s.hand = 0
		}
		e := s.ring[s.hand]
		if !e.used.Swap(false) {
			s.remove(e)
			return
		}
		s.hand++
	}
}
