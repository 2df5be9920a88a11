package peerlink

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Nodes with a key keep items for each other: what one has, and the other one will
// need if it has to go on. Items go over secure sessions only, each to a node once
// for each change.

// item is one of them.
type item struct {
	Name string `json:"name"`
	// Content: nil for an item that is gone.
	Content []byte `json:"content,omitempty"`
	// Number grows with each change of any item of a node.
	Number uint64 `json:"number"`
}

// Bounds of what is kept.
const (
	maxBatch = 40 << 10               // bytes of items in a message
	keepPace = 100 * time.Millisecond // between two messages with items
	maxInbox = 16                     // messages with items that wait to be taken up
)

// Keep has the other nodes keep an item, in place of one of the same name; nil:
// they are to forget it. Nodes that come later get it, too. It does not wait.
func (l *Link) Keep(name string, content []byte) {
	if len(content) > maxBatch {
		l.logf("", "%s is too long to be kept by other nodes", name)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	l.items[name] = &item{name, content, l.number}
	l.pokeKeepers()
}

// Kept waits until all nodes that are connected securely have an item as it is
// now. The error is the context's.
func (l *Link) Kept(ctx context.Context, name string) error {
	for {
		l.mu.Lock()
		all := l.keptByAll(l.items[name])
		changed := l.changed
		l.mu.Unlock()
		if all {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// keptByAll reports whether nobody is still to say that it has an item. Called
// with l.mu held.
func (l *Link) keptByAll(i *item) bool {
	if i == nil {
		return true
	}
	for s := range l.sessions {
		if s.secure && s.acked < i.Number && l.carries(s) {
			return false
		}
	}
	return true
}

// carries reports whether a session is the one, of those with its node, that items
// are sent over. Called with l.mu held.
func (l *Link) carries(s *session) bool {
	for o := range l.sessions {
		if o != s && o.secure && o.process == s.process &&
			(o.instance.Name < s.instance.Name || o.instance == s.instance && o.client && !s.client) {
			return false
		}
	}
	return true
}

// pokeKeepers has sessions send what there is to keep, and those who wait look
// again. Called with l.mu held.
func (l *Link) pokeKeepers() {
	for s := range l.sessions {
		s.pokeKeeper()
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

func (s *session) pokeKeeper() {
	select {
	case s.wakeKeeper <- struct{}{}:
	default:
	}
}

// tellKept says which items have been taken up, and sends those that the other side
// does not have yet, as many as go into one message.
func (s *session) tellKept() error {
	l := s.link
	l.mu.Lock()
	ack := uint64(0)
	if s.taken > s.told {
		ack, s.told = s.taken, s.taken
	}
	batch, more := l.batch(s)
	l.mu.Unlock()
	if ack > 0 {
		if err := s.lines.send(message{Kept: ack}); err != nil {
			return err
		}
	}
	if batch == nil {
		return nil
	}
	if more {
		time.AfterFunc(keepPace, s.pokeKeeper)
	}
	return s.lines.send(message{Keep: batch})
}

// batch returns the next items for a session, in the order of their changes, and
// whether there are more. Called with l.mu held.
func (l *Link) batch(s *session) (batch []item, more bool) {
	if !s.secure || s.sent == l.number || !l.carries(s) {
		return nil, false
	}
	if time.Since(s.sentAt) < keepPace {
		time.AfterFunc(keepPace, s.pokeKeeper)
		return nil, false
	}
	for name, i := range l.items {
		switch {
		case i.Number > s.sent:
			batch = append(batch, *i)
		case i.Content == nil && l.keptByAll(i):
			delete(l.items, name)
		}
	}
	slices.SortFunc(batch, func(a, b item) int { return int(int64(a.Number) - int64(b.Number)) })
	size := 0
	for n, i := range batch {
		if size += len(i.Content) + len(i.Name); size > maxBatch && n > 0 {
			batch, more = batch[:n], true
			break
		}
	}
	if len(batch) > 0 {
		s.sent, s.sentAt = batch[len(batch)-1].Number, time.Now()
	}
	return batch, more
}

// heardKept notes what the other side says of items: those that it has, and those
// that it wants kept.
func (s *session) heardKept(m *message) {
	if !s.secure {
		return
	}
	if m.Kept > 0 {
		s.link.mu.Lock()
		if m.Kept > s.acked && m.Kept <= s.sent {
			s.acked = m.Kept
			close(s.link.changed)
			s.link.changed = make(chan struct{})
		}
		s.link.mu.Unlock()
	}
	if len(m.Keep) > 0 {
		s.inbox <- m.Keep
	}
}

// takeUp takes up what the other side wants kept, until the inbox is closed. It may
// have to wait for a disk, and is not the one that listens for that reason.
func (s *session) takeUp() {
	for batch := range s.inbox {
		for _, i := range batch {
			if s.link.events.Keep != nil && len(i.Name) <= maxWord && !strings.ContainsFunc(i.Name, unprintable) {
				s.link.events.Keep(i.Name, i.Content)
			}
		}
		s.link.mu.Lock()
		s.taken = batch[len(batch)-1].Number
		s.link.mu.Unlock()
		s.pokeKeeper()
	}
}
