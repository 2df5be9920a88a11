package failover

import (
	"context"
	"maps"
	"sync"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// leadership is of which instances this node is master.
type leadership struct {
	mu sync.Mutex
	of map[string]bool
}

// event follows what happens in VRRP; true when that changes anything.
func (l *leadership) event(e vrrp.Event) bool {
	t, ok := e.(vrrp.Transition)
	if !ok {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[t.Instance] == (t.To == fsm.Master) {
		return false
	}
	if l.of == nil {
		l.of = make(map[string]bool)
	}
	l.of[t.Instance] = t.To == fsm.Master
	return true
}

// Leads reports whether this node is master of any instance, and so has addresses
// at which it is reached. It does not wait.
func (f *Failover) Leads() bool {
	f.leads.mu.Lock()
	defer f.leads.mu.Unlock()
	for _, master := range f.leads.of {
		if master {
			return true
		}
	}
	return false
}

// Keep has the other nodes keep something, see [peerlink.Link.Keep].
func (f *Failover) Keep(name string, content []byte) { f.peers.link.Keep(name, content) }

// Secure returns how many other nodes are connected that have the key.
func (f *Failover) Secure() int {
	known := make(map[string]bool)
	for _, s := range f.peers.link.Sessions() {
		if s.Secure {
			known[s.Info.Node] = true
		}
	}
	return len(known)
}

// Kept waits until they do, see [peerlink.Link.Kept].
func (f *Failover) Kept(ctx context.Context, name string) error { return f.peers.link.Kept(ctx, name) }

// received is what other nodes want kept here, for who comes to know of it later.
type received struct {
	mu    sync.Mutex
	items map[string][]byte
}

// maxReceived is of how many items that is known.
const maxReceived = 4096

func (r *received) put(name string, content []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.items == nil {
		r.items = make(map[string][]byte)
	}
	if content == nil {
		delete(r.items, name)
	} else if len(r.items) < maxReceived || r.items[name] != nil {
		r.items[name] = content
	}
}

// Received returns what other nodes want kept here.
func (f *Failover) Received() map[string][]byte {
	f.received.mu.Lock()
	defer f.received.mu.Unlock()
	return maps.Clone(f.received.items)
}
