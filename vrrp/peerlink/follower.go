package peerlink

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// Bounds of following a master.
const (
	dialTimeout  = 500 * time.Millisecond
	firstPause   = 2 * time.Millisecond // between attempts right after a connection has ended
	urgent       = time.Second          // for how long attempts are that close together
	introduced   = 20 * time.Millisecond
	patience     = 5 // attempts that follow an introduction at once
	shortPause   = 250 * time.Millisecond
	patientPause = 15 * time.Second       // between attempts towards a node that has no link
	introduceGap = 100 * time.Millisecond // between introductions
)

// follower keeps the connection of a backup to its master.
type follower struct {
	link     *Link
	instance *Instance
	master   netip.Addr
	from     Place
	cancel   context.CancelFunc

	process    string       // of the master, once a conversation has been opened
	backups    []netip.Addr // its followers, as it last told
	lost       time.Time
	introduced time.Time // when this node last made itself heard
	told       bool      // that the link cannot be had
}

// run connects again and again until the context ends or the master's process
// is proven dead.
func (f *follower) run(ctx context.Context) {
	wait, unheard := shortPause, 0
	for ctx.Err() == nil {
		gone, why, err := f.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if gone {
			f.link.reportGone(f, why)
			return
		}
		pause := wait
		switch {
		case f.process != "" && time.Since(f.lost) < urgent:
			pause = firstPause
		case errors.Is(err, errUnheard) && unheard < patience:
			unheard++
			pause = introduced
		default:
			wait = min(2*wait, patientPause)
		}
		if err == nil {
			wait, unheard = shortPause, 0
		}
		if errors.Is(err, errUnheard) {
			f.introduce()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// introduce makes this node heard: the master closes the connections of others.
func (f *follower) introduce() {
	if now := time.Now(); now.Sub(f.introduced) >= introduceGap {
		f.introduced = now
		f.link.vrrp.Introduce(f.instance.Name)
	}
}

// once makes one connection and holds it as long as it lasts. gone says that
// the process which was master is proven dead; the error, why there was no
// connection.
func (f *follower) once(ctx context.Context) (gone bool, why string, err error) {
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := f.link.transport.Dial(dialing, f.from, f.master, f.instance.hops(f.master))
	cancel()
	if err != nil {
		if f.process != "" && errors.Is(err, syscall.ECONNREFUSED) {
			return true, "its connection ended and a new one is refused", err
		}
		if errors.Is(err, syscall.ECONNRESET) {
			err = errUnheard // accepted, and closed before this side noticed
		}
		return false, "", err
	}
	s := f.link.newSession(conn, f.master.Unmap().WithZone(""))
	defer func() { _ = s.conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := s.greet(ctx, f.instance); err != nil {
		// A process that dies may accept and reset: the next attempt tells.
		if f.process == "" && !f.told && ctx.Err() == nil && !errors.Is(err, errUnheard) {
			f.told = true
			f.link.logf(f.instance.Name, "peer link to %s: %v: only VRRP's own timers apply", f.master, err)
		}
		return false, "", err
	}
	if f.process != "" && s.process != f.process {
		return true, fmt.Sprintf("another process (%s) answers in its place", s.process), nil
	}
	f.process = s.process
	_ = s.converse()
	f.lost = time.Now()
	if s.lives {
		f.process = "" // what happens from now on proves nothing
	}
	f.link.mu.Lock()
	f.backups = s.info.Backups
	f.link.mu.Unlock()
	return false, "", nil
}

// reportGone tells that the master is proven dead.
func (l *Link) reportGone(f *follower, why string) {
	l.mu.Lock()
	others := f.backups
	if l.follows[f.instance.Name] == f {
		delete(l.follows, f.instance.Name)
	}
	l.mu.Unlock()
	if l.events.Gone != nil {
		l.events.Gone(f.instance.Name, f.master, others, why)
	}
}
