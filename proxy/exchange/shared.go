package exchange

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/contain"
	"tandem/internal/h2"
	"tandem/proxy/upstream"
)

// shared is a connection to a back end that carries many requests at once, as
// streams of HTTP/2. It may be idle in a pool.
type shared struct {
	conn *Conn
	h2   *h2.Conn
	pool *upstream.Pool // nil: it carries one request only
	idle upstream.Idle

	began    time.Time
	requests atomic.Int64
	running  atomic.Bool // its reader has been started

	mu    sync.Mutex
	ended bool
	gone  func() // see Watch
}

// What a back end may send before it is read: of a stream as much as keeps it
// busy over some distance, and of heads what any server sends.
const (
	streamWindow = 256 << 10
	maxBlock     = 256 << 10
	maxHeaders   = 1000
)

// clientSettings have back ends neither push nor use a table for their heads, as
// nginx has it.
var clientSettings = []h2.Setting{{ID: h2.SettingHeaderTableSize, Value: 0}, {ID: h2.SettingEnablePush, Value: 0}}

// share makes a shared connection of a new one.
func share(c *Conn, pool *upstream.Pool) *shared {
	sh := &shared{conn: c, pool: pool, began: c.began}
	sh.h2 = h2.NewConn((*transport)(sh), sh, h2.Options{
		Client: true, Settings: clientSettings, Window: streamWindow,
		Limits: h2.Limits{String: maxBlock / 2, List: maxBlock, Fields: maxHeaders},
	})
	return sh
}

// start has what comes read, from the first call on.
func (sh *shared) start() {
	if sh.running.Swap(true) {
		return
	}
	go func() {
		if err := contain.Run("a connection to a back end", func() { _ = sh.h2.Serve() }); err != nil {
			sh.h2.Close()
		}
		_ = sh.conn.Close()
		sh.mu.Lock()
		gone := sh.gone
		sh.ended, sh.gone = true, nil
		sh.mu.Unlock()
		if gone != nil {
			gone()
		}
	}()
}

// leave ends the use by one request.
func (sh *shared) leave(now time.Time, keep bool) {
	if sh.pool == nil {
		if !sh.running.Load() {
			_ = sh.conn.Close()
		}
		sh.h2.Close()
		return
	}
	sh.pool.Leave(&sh.idle, now, keep && sh.usable(now))
}

// usable reports whether the connection may serve further requests at all.
func (sh *shared) usable(now time.Time) bool {
	return sh.h2.Alive() && sh.requests.Load() < int64(sh.pool.Requests) && now.Sub(sh.began) <= sh.pool.Time
}

// Vacant and what follows make it an upstream.Shared.
func (sh *shared) Vacant() bool { return sh.h2.Usable() && sh.usable(time.Now()) }

// Quiet reports whether the connection lives.
func (sh *shared) Quiet() bool { return sh.h2.Alive() }

// Close ends the connection; nothing waits for that.
func (sh *shared) Close() error {
	if !sh.running.Load() {
		return sh.conn.Close()
	}
	sh.h2.Shutdown(true)
	return nil
}

// Watch has gone called when the connection has ended.
func (sh *shared) Watch(gone func()) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.ended {
		go gone()
		return
	}
	sh.gone = gone
}

// Unwatch ends Watch.
func (sh *shared) Unwatch() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.gone = nil
}

// Open refuses what servers do not begin; it makes shared an h2.Handler, with what
// follows.
func (sh *shared) Open(uint32, *h2.Block) h2.ErrCode { return h2.ProtocolError }

// Head hands a header block to its stream.
func (sh *shared) Head(s *h2.Stream, b *h2.Block) error { return s.Value.(*stream).add(b) }

// Ended and GoAway change nothing that h2.Conn does not know.
func (sh *shared) Ended(*h2.Stream, int) {}

// GoAway is like Ended.
func (sh *shared) GoAway(uint32, h2.ErrCode) {}

// transport is the connection as h2 sees it.
type transport shared

// Wait returns when something has come.
func (t *transport) Wait() error {
	err := t.conn.Wait(0)
	if err == io.EOF {
		// To streams io.EOF is their own end.
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (t *transport) Read(p []byte) (int, error) {
	n, err := t.conn.Read(p)
	if err == io.EOF && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (t *transport) Write(p []byte) (int, error) { return t.conn.Write(p) }

func (t *transport) Interrupt() { t.conn.Interrupt() }

// Linger does nothing: a back end that has been told GOAWAY sends nothing that is
// missed.
func (t *transport) Linger() {}

func (t *transport) Close() error { return t.conn.net.Close() }
