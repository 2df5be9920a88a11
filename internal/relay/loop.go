package relay

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tandem/internal/contain"
	"tandem/internal/datagram"
	"tandem/internal/flow"
)

// loop is an epoll instance with the sockets that it waits for, and the buffer that
// all of them use.
type loop struct {
	epoll *flow.Epoll
	buf   []byte // what is received
	plain []byte // what TLS makes of it

	packets *datagram.Reader // nil before there are any
	outlets []*Outlet        // that have something to send

	mu    sync.Mutex
	slots []slot
	free  []uint32 // indexes of slots that nobody has
}

// slot is who is told of the events of a token. Tokens of the one before have
// another turn.
type slot struct {
	who  waiter
	turn uint32
}

// waiter is told of events of its sockets, by its loop's goroutine alone.
type waiter interface {
	// event tells what has happened to the socket with that number, 0 or 1.
	event(side int, events uint32)
}

// bufferSize is how much is read at once.
const bufferSize = 64 << 10

var loops struct {
	once sync.Once
	all  []*loop
	err  error
	next atomic.Uint32
}

func begin() {
	for range runtime.GOMAXPROCS(0) {
		l := &loop{buf: make([]byte, bufferSize), plain: make([]byte, 32<<10)}
		var err error
		if l.epoll, err = flow.NewEpoll(l.ready, l.told); err != nil {
			loops.err = err
			return
		}
		loops.all = append(loops.all, l)
	}
}

// pick returns the loop whose turn it is. The error is the kernel's.
func pick() (*loop, error) {
	loops.once.Do(begin)
	if loops.err != nil {
		return nil, loops.err
	}
	return loops.all[loops.next.Add(1)%uint32(len(loops.all))], nil
}

// add gives a waiter a slot, and returns the token of its first socket; that of the
// second is one more.
func (l *loop) add(who waiter) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var i uint32
	if n := len(l.free); n > 0 {
		i, l.free = l.free[n-1], l.free[:n-1]
	} else {
		i = uint32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	s := &l.slots[i]
	s.who = who
	s.turn++
	return uint64(s.turn)<<32 | uint64(i)<<1
}

// remove ends the events of a token; some that have been taken already may still
// be told.
func (l *loop) remove(token uint64) {
	i := uint32(token) >> 1
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := &l.slots[i]; s.turn == uint32(token>>32) && s.who != nil {
		s.who = nil
		l.free = append(l.free, i)
	}
}

// watched are what happens to a socket that is carried: each is told once, when it
// begins.
const watched = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// watch has events of a socket come with a token.
func (l *loop) watch(fd int, token uint64) error {
	return l.epoll.Control(unix.EPOLL_CTL_ADD, uintptr(fd), watched, token)
}

// again has what there is of a socket be told once more, after what others wait for.
func (l *loop) again(fd int, token uint64) {
	_ = l.epoll.Control(unix.EPOLL_CTL_MOD, uintptr(fd), watched, token) // fails only if it is not there
}

// ready is told of an event by the epoll instance.
func (l *loop) ready(token uint64, events uint32) {
	l.mu.Lock()
	s := l.slots[uint32(token)>>1]
	l.mu.Unlock()
	if s.who != nil && s.turn == uint32(token>>32) {
		tell(s.who, int(token&1), events)
	}
}

// tell keeps a panic to who is told.
func tell(who waiter, side int, events uint32) {
	defer contain.Recover("carrying bytes")
	who.event(side, events)
}

// told is called when all events have been told that there were.
func (l *loop) told() {
	l.flush()
	flow.TakeTurns()
}

// flush sends what waits in outlets: then the buffers of datagrams are free.
func (l *loop) flush() {
	for i, o := range l.outlets {
		o.Flush()
		l.outlets[i] = nil
	}
	l.outlets = l.outlets[:0]
	if l.packets != nil {
		l.packets.Reset()
	}
}

// later has an outlet be flushed before buffers are used again.
func (l *loop) later(o *Outlet) {
	if !slices.Contains(l.outlets, o) {
		l.outlets = append(l.outlets, o)
	}
}

// Settle has all be carried that has come by now, and the ends be told of those that
// have left. It is not to be called by what is told.
func Settle() {
	loops.once.Do(begin)
	for _, l := range loops.all {
		for some := true; some; {
			var err error
			if some, err = l.epoll.Tell(); err != nil {
				break
			}
		}
	}
}
