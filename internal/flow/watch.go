package flow

import (
	"sync"

	"golang.org/x/sys/unix"
)

// watch is one connection's part in noticing that its client went away while
// something else is waited for.
type watch struct {
	mu    sync.Mutex
	gone  func() // nil: nobody asks
	fired bool   // the client has gone
	token uint64 // the connection in closeWatcher, 0 for not there
}

// WatchClose calls gone, once and from another goroutine, when the client
// closes the connection or its sending half, until StopWatch; soon when it has
// already. gone must be quick and must not call StopWatch. Where a closing
// cannot be seen (a transport without a descriptor) gone is never called.
//
// The first WatchClose of a connection costs a system call, further ones none.
func (c *Conn) WatchClose(gone func()) {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = gone
	if w.token == 0 && c.sock.under != nil {
		closeWatcher.add(c)
	} else if w.fired {
		go w.fire(w.token)
	}
}

// TellClosed calls what WatchClose was given of all connections that have been
// closed by now, and returns when that is done.
func TellClosed() {
	w := &closeWatcher
	w.start.Do(w.begin)
	if w.epoll == nil {
		return
	}
	for some := true; some; {
		var err error
		if some, err = w.epoll.Tell(); err != nil {
			return
		}
	}
}

// StopWatch ends WatchClose. When it returns, gone is not running and will not
// be called.
func (c *Conn) StopWatch() {
	c.watch.mu.Lock()
	c.watch.gone = nil
	c.watch.mu.Unlock()
}

// fire notes that the client of the connection that had this token has gone.
func (w *watch) fire(token uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.token != token {
		return // the Conn has become another connection
	}
	w.fired = true
	if gone := w.gone; gone != nil {
		w.gone = nil
		gone()
	}
}

// forget ends the watching of a connection for good.
func (w *watch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone, w.fired = nil, false
	if w.token != 0 {
		closeWatcher.remove(w.token)
		w.token = 0
	}
}

// watcher is an epoll instance that knows every connection that was ever
// watched and reports nothing but the closing of the client's half. The
// runtime's poller waits for it in turn.
type watcher struct {
	start sync.Once
	epoll *Epoll // nil when there is none

	mu    sync.Mutex
	last  uint64
	conns map[uint64]*Conn
}

var closeWatcher watcher

// add registers c, whose watch is locked. Without an epoll instance, or when
// the descriptor is closed, c is simply not watched.
func (w *watcher) add(c *Conn) {
	w.start.Do(w.begin)
	if w.epoll == nil {
		return
	}
	w.mu.Lock()
	w.last++
	token := w.last
	w.conns[token] = c
	w.mu.Unlock()
	c.watch.token = token
	var err error
	if controlErr := c.sock.under.Control(func(fd uintptr) {
		// Edge-triggered, and reported at once when it has happened already.
		err = w.epoll.Control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLRDHUP|unix.EPOLLET, token)
	}); controlErr != nil {
		err = controlErr
	}
	if err != nil {
		w.remove(token)
		c.watch.token = 0
	}
}

// remove forgets a connection. Its descriptor leaves the epoll instance when
// it is closed; an event that comes before finds no connection.
func (w *watcher) remove(token uint64) {
	w.mu.Lock()
	delete(w.conns, token)
	w.mu.Unlock()
}

func (w *watcher) begin() {
	w.conns = make(map[uint64]*Conn)
	w.epoll, _ = NewEpoll(w.fire, nil) // see add
}

// fire tells the connection with a token that its client has gone.
func (w *watcher) fire(token uint64, _ uint32) {
	w.mu.Lock()
	c := w.conns[token]
	w.mu.Unlock()
	if c != nil {
		c.watch.fire(token)
	}
}
