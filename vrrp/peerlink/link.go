package peerlink

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Instance is a VRRP instance that has a link.
type Instance struct {
	Name string
	VRID uint8
	IPv6 bool
	Key  []byte // the password; nil: the link is open
	Port uint16 // where masters listen
	// Interface is where masters with link-local addresses are.
	Interface string
}

func (i *Instance) id() linkID { return linkID{i.VRID, i.IPv6} }

type linkID struct {
	vrid uint8
	ipv6 bool
}

// Events is what a Link tells. Its functions must not block; nil ones are not
// called.
type Events struct {
	// Gone: the process that was master at addr is proven dead. best says
	// that no other node that followed it wins against this one.
	Gone func(instance string, addr netip.Addr, best bool, why string)
	// Peer: a node has told something about itself, or its connection ended
	// (nil).
	Peer func(instance string, addr netip.Addr, info *Info)
	// Handover: a node has said something about a handover.
	Handover func(instance string, addr netip.Addr, h Handover)
	// Log is told what went wrong.
	Log func(instance, text string)
}

// Peer is a node at the other end of a connection.
type Peer struct {
	Instance string
	Addr     netip.Addr
	Since    time.Time // of the connection
	Master   bool      // this node follows it
	Info     Info
}

// Link is the peer links of a process. Its methods may be called by several
// goroutines.
type Link struct {
	transport Transport

	events  Events
	process string
	ctx     context.Context
	cancel  context.CancelFunc
	wait    sync.WaitGroup

	mu        sync.Mutex
	instances map[linkID]*Instance
	listeners map[uint16]net.Listener
	follows   map[string]*follower // by instance
	info      map[string]Info      // what we tell, by instance
	peers     map[*session]struct{}
}

// Start makes the links of a process, over t; Configure says for which instances.
func Start(t Transport, events Events) *Link {
	var id [8]byte
	_, _ = rand.Read(id[:])
	l := &Link{
		transport: t, events: events, process: hex.EncodeToString(id[:]),
		instances: map[linkID]*Instance{}, listeners: map[uint16]net.Listener{},
		follows: map[string]*follower{}, info: map[string]Info{}, peers: map[*session]struct{}{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Configure sets the instances that have links, in place of those before. The
// error names the ports that cannot be listened on; everything else works on.
func (l *Link) Configure(instances []Instance) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances = map[linkID]*Instance{}
	names, ports := map[string]bool{}, map[uint16]bool{}
	for _, i := range instances {
		l.instances[i.id()] = &i
		names[i.Name], ports[i.Port] = true, true
	}
	for name, f := range l.follows {
		if !names[name] {
			f.cancel()
			delete(l.follows, name)
		}
	}
	for port, nl := range l.listeners {
		if !ports[port] {
			_ = nl.Close()
			delete(l.listeners, port)
		}
	}
	var failed error
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		if l.listeners[port] != nil {
			continue
		}
		nl, err := l.transport.Listen(port)
		if err != nil {
			failed = fmt.Errorf("peer link: %w", err)
			continue
		}
		l.listeners[port] = nl
		l.wait.Go(func() { l.accept(nl) })
	}
	return failed
}

// Tell sets what this node tells of itself for an instance; those connected
// are told at once.
func (l *Link) Tell(instance string, info Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.info[instance] = info
	for s := range l.peers {
		if s.instance.Name == instance {
			s.poke()
		}
	}
}

// Follow connects to the master of an instance that a backup hears; the zero
// Addr connects to nobody, as a master does.
func (l *Link) Follow(instance string, master netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.follows[instance]; f != nil {
		if f.master == master {
			return
		}
		f.cancel()
		delete(l.follows, instance)
	}
	if !master.IsValid() {
		return
	}
	for _, i := range l.instances {
		if i.Name == instance {
			f := &follower{link: l, instance: i, master: master}
			var ctx context.Context
			ctx, f.cancel = context.WithCancel(l.ctx)
			l.follows[instance] = f
			l.wait.Go(func() { f.run(ctx) })
			return
		}
	}
}

// Peers returns the nodes that are connected.
func (l *Link) Peers() []Peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Peer
	for s := range l.peers {
		if s.known {
			out = append(out, Peer{Instance: s.instance.Name, Addr: s.addr, Since: s.since, Master: s.client, Info: s.info})
		}
	}
	slices.SortFunc(out, func(a, b Peer) int { return a.Addr.Compare(b.Addr) })
	return out
}

// Close ends all links.
func (l *Link) Close() {
	l.cancel()
	l.mu.Lock()
	for port, nl := range l.listeners {
		_ = nl.Close()
		delete(l.listeners, port)
	}
	for s := range l.peers {
		_ = s.conn.Close()
	}
	l.mu.Unlock()
	l.wait.Wait()
}

// tells returns what this node tells for an instance; a server tells its
// followers of each other.
func (l *Link) tells(s *session) Info {
	l.mu.Lock()
	defer l.mu.Unlock()
	info := l.info[s.instance.Name]
	if !s.client {
		for other := range l.peers {
			if other.known && !other.client && other.instance.Name == s.instance.Name {
				info.Backups = append(info.Backups, Backup{other.addr, other.info.Priority})
			}
		}
		slices.SortFunc(info.Backups, func(a, b Backup) int { return a.Addr.Compare(b.Addr) })
	}
	return info
}

func (l *Link) logf(instance, format string, args ...any) {
	if l.events.Log != nil {
		l.events.Log(instance, fmt.Sprintf(format, args...))
	}
}
