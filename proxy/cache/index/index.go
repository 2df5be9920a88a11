package index

import (
	"math"
	"sync"
	"time"

	"tandem/proxy/cache/entry"
)

// Index has the nodes of a cache. Its methods may be called by several
// goroutines.
type Index struct {
	mu        sync.Mutex
	nodes     map[entry.Key]*node
	root      node // of the ring: root.next was asked for last
	room      int  // how many nodes fit
	watermark int  // from how many on nodes are removed
	bytes     int64
	warm      bool // all files are known
}

// node is one entry: its file, if there is one, and those who want it.
type node struct {
	next, prev *node
	key        entry.Key
	holds      int32 // requests that use it, and its removal
	uses       uint16
	failure    uint16    // the status that is remembered in place of a file; 0: none
	exists     bool      // there is a file
	removing   bool      // its file is being removed
	bodyStart  uint16    // in the file; 0: not known
	purges     uint32    // how often it was purged
	expires    int64     // Unix seconds, when nobody has asked for it for too long
	validUntil int64     // of failure, Unix seconds
	bytes      int64     // that the file takes on the disk
	update     *updating // nil: nobody is updating it
}

// updating is somebody's right to bring an entry up to date.
type updating struct {
	until time.Time     // when another may take it over
	done  chan struct{} // closed when it is over
}

// Sizes in nginx's shared memory, from which follows how many nodes a zone has.
const (
	pageSize     = 4096
	pageOverhead = 24  // what describes a page
	zoneOverhead = 776 // the pool, its slots and their statistics
	nodesPerPage = pageSize / 128
)

// Room returns how many entries a zone of that many bytes has room for in nginx.
func Room(size int64) int {
	pages := (size - zoneOverhead) / (pageSize + pageOverhead)
	// One page is for the name in messages, one place for the head of the cache.
	return int(min(max((pages-1)*nodesPerPage-1, 1), math.MaxInt32))
}

// New returns an index with room for that many entries, which knows of no file
// yet.
func New(room int) *Index {
	x := &Index{nodes: make(map[entry.Key]*node), room: room, watermark: math.MaxInt}
	x.root.next, x.root.prev = &x.root, &x.root
	return x
}

// Counts are the numbers of an index.
type Counts struct {
	Entries   int
	Watermark int   // from how many entries on some are to be removed
	Bytes     int64 // that the files take on the disk
}

// Counts returns the numbers at the moment.
func (x *Index) Counts() Counts {
	x.mu.Lock()
	defer x.mu.Unlock()
	return Counts{len(x.nodes), x.watermark, x.bytes}
}

// SetWarm tells that all files are known now.
func (x *Index) SetWarm() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.warm = true
}

// Warm reports whether all files are known: what is not in the index is not on
// the disk.
func (x *Index) Warm() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.warm
}

// Add tells of a file that takes that many bytes on the disk. It reports false if
// there is no room. inactive is how long it stays if nobody asks for it.
func (x *Index) Add(k entry.Key, bytes int64, now time.Time, inactive time.Duration) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.nodes[k]
	if n == nil {
		if n = x.insert(k); n == nil {
			return false
		}
		n.uses = 1
		n.found(0)
		x.resize(n, bytes)
	}
	x.touch(n, now, inactive)
	return true
}

// insert adds a node; nil if there is no room.
func (x *Index) insert(k entry.Key) *node {
	if len(x.nodes) >= x.room {
		x.watermark = len(x.nodes) - len(x.nodes)/8
		return nil
	}
	n := &node{key: k}
	n.next, n.prev = n, n
	x.nodes[k] = n
	return n
}

func (x *Index) remove(n *node) {
	n.unlink()
	delete(x.nodes, n.key)
}

// touch makes n the one that was asked for last.
func (x *Index) touch(n *node, now time.Time, inactive time.Duration) {
	n.unlink()
	n.next, n.prev = x.root.next, &x.root
	n.next.prev, n.prev.next = n, n
	n.expires = now.Unix() + int64(inactive/time.Second)
}

func (n *node) unlink() { n.prev.next, n.next.prev = n.next, n.prev }

// found notes that there is a file.
func (n *node) found(bodyStart int) {
	n.exists, n.bodyStart = true, uint16(bodyStart)
}

// lost notes that there is no file any more.
func (x *Index) lost(n *node) {
	n.exists, n.bodyStart = false, 0
	x.resize(n, 0)
}

func (x *Index) resize(n *node, bytes int64) {
	x.bytes += bytes - n.bytes
	n.bytes = bytes
}

// ended tells those who wait for an update that it is over.
func (n *node) ended() {
	if n.update != nil {
		close(n.update.done)
		n.update = nil
	}
}
