package peerlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// Bounds of following a master.
const (
	dialTimeout  = 500 * time.Millisecond
	firstPause   = 5 * time.Millisecond // between attempts right after a connection has ended
	urgent       = time.Second          // for how long attempts are that close together
	shortPause   = 250 * time.Millisecond
	patientPause = 15 * time.Second // between attempts towards a node that has no link
)

// follower keeps the connection of a backup to its master.
type follower struct {
	link     *Link
	instance *Instance
	master   netip.Addr
	cancel   context.CancelFunc

	self    netip.Addr // of this node, towards the master
	process string     // of the master, once a conversation has been opened
	backups []Backup   // its followers, as it last told
	lost    time.Time
	told    bool // that the link cannot be had
}

// run connects again and again until the context ends or the master's process
// is proven dead.
func (f *follower) run(ctx context.Context) {
	wait := shortPause
	for ctx.Err() == nil {
		gone, why := f.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if gone {
			f.link.reportGone(f, why)
			return
		}
		pause := wait
		if f.process != "" && time.Since(f.lost) < urgent {
			pause = firstPause
		} else {
			wait = min(2*wait, patientPause)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// once makes one connection and holds it as long as it lasts. gone says that
// the process which was master is proven dead.
func (f *follower) once(ctx context.Context) (gone bool, why string) {
	master := f.master
	if master.Is6() && master.IsLinkLocalUnicast() {
		master = master.WithZone(f.instance.Interface)
	}
	addr := net.JoinHostPort(master.String(), strconv.Itoa(int(f.instance.Port)))
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := f.link.transport.Dial(dialing, addr)
	cancel()
	if err != nil {
		if f.process != "" && errors.Is(err, syscall.ECONNREFUSED) {
			return true, "its connection ended and a new one is refused"
		}
		return false, ""
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	s := f.link.newSession(conn, true)
	if err := s.greet(f.instance); err != nil {
		// A process that dies may accept and reset: the next attempt tells.
		if f.process == "" && !f.told && ctx.Err() == nil {
			f.told = true
			f.link.logf(f.instance.Name, "peer link to %s: %v", f.master, err)
		}
		return false, ""
	}
	if f.process != "" && s.process != f.process {
		return true, fmt.Sprintf("another process (%s) answers in its place", s.process)
	}
	f.process = s.process
	if a, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		f.self = a.AddrPort().Addr().Unmap().WithZone("")
	}
	_ = s.converse()
	f.lost = time.Now()
	f.link.mu.Lock()
	f.backups = s.info.Backups
	f.link.mu.Unlock()
	return false, ""
}

// reportGone tells that the master is proven dead, and whether this node is the
// best of its followers.
func (l *Link) reportGone(f *follower, why string) {
	l.mu.Lock()
	own := l.info[f.instance.Name].Priority
	best := true
	for _, b := range f.backups {
		// Of equal priorities the higher address wins (RFC 9568, 6.4.3).
		if b.Priority > own || b.Priority == own && f.self.Less(b.Addr) {
			best = false
		}
	}
	if l.follows[f.instance.Name] == f {
		delete(l.follows, f.instance.Name)
	}
	l.mu.Unlock()
	if l.events.Gone != nil {
		l.events.Gone(f.instance.Name, f.master, best, why)
	}
}
