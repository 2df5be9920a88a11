package peerlink

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
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
	Port uint16 // where masters listen
	// Interface is where the address is that the instance speaks from, and where
	// the other nodes are; "" for a unicast instance that names none.
	Interface string
	// Peers are the nodes of a unicast instance; none: it multicasts, and the
	// others are on the same network.
	Peers []Peer
	// TTL is that of what is sent to Peers; 0: 255.
	TTL int
	// Key is the secret that both nodes have, see NewKey; nil: the link is open.
	Key *Key
}

// Peer is a node of a unicast instance. TTLMin and TTLMax are with which TTL its
// packets arrive.
type Peer struct {
	Addr           netip.Addr
	TTLMin, TTLMax uint8
}

// hopLimit is the TTL of what comes from the same network: RFC 9568, 5.1.1.3.
const hopLimit = 255

func (i *Instance) id() linkID { return linkID{i.VRID, i.IPv6} }

// hops returns how far what goes to a node, or comes from it, may travel.
func (i *Instance) hops(a netip.Addr) Hops {
	if len(i.Peers) == 0 {
		return Hops{TTL: hopLimit, Min: hopLimit}
	}
	h := Hops{TTL: hopLimit, Routed: true}
	if i.TTL > 0 {
		h.TTL = i.TTL
	}
	if p := i.peer(a); p != nil {
		h.Min = int(p.TTLMin)
	}
	return h
}

func (i *Instance) peer(a netip.Addr) *Peer {
	for k := range i.Peers {
		if i.Peers[k].Addr == a {
			return &i.Peers[k]
		}
	}
	return nil
}

// same reports whether connections of one may go on as those of the other.
func (i *Instance) same(o *Instance) bool {
	return i.Name == o.Name && i.id() == o.id() && i.Port == o.Port && i.Interface == o.Interface &&
		slices.Equal(i.Peers, o.Peers) && i.TTL == o.TTL && i.Key.Equal(o.Key)
}

// VRRP is what the link believes in place of what it is told: the packets of the
// instances themselves.
type VRRP interface {
	// Heard returns when a node last spoke for an instance, as master or
	// backup; zero: never.
	Heard(instance string, addr netip.Addr) time.Time
	// Introduce has this node, a backup, speak for an instance, so that the
	// others hear it. It does not wait.
	Introduce(instance string)
}

// Events is what a Link tells. Its functions must not block; nil ones are not
// called.
type Events struct {
	// Gone: the process that was master at addr is proven dead. others are the
	// nodes that followed it, as it last told.
	Gone func(instance string, addr netip.Addr, others []netip.Addr, why string)
	// Peer: a node has told something about itself, or its connection ended
	// (nil).
	Peer func(instance string, addr netip.Addr, info *Info)
	// Handover: a node has said something about a handover: a backup to its
	// master, or the master that this node follows.
	Handover func(instance string, addr netip.Addr, h Handover)
	// Keep: another node, which has the key, wants an item kept, or forgotten (nil).
	// When it returns the item is safe; it may take a while.
	Keep func(name string, content []byte)
	// Log is told what went wrong; instance may be "".
	Log func(instance, text string)
}

// Session is a connection with another node.
type Session struct {
	Instance string
	Addr     netip.Addr
	Since    time.Time
	Master   bool // this node follows it
	// Secure: both ends have proven that they have the key, and nobody else
	// can read or change what they say. Secrets go over no other session.
	Secure bool
	Info   Info
}

// Link is the peer links of a process. Its methods may be called by several
// goroutines.
type Link struct {
	transport Transport

	vrrp    VRRP
	events  Events
	process string
	ctx     context.Context
	cancel  context.CancelFunc
	wait    sync.WaitGroup
	refused refusals

	mu        sync.Mutex
	instances map[string]*Instance
	sources   map[string]netip.Addr // where each instance speaks from
	listeners map[Place]*listener
	follows   map[string]*follower // by instance
	info      map[string]Info      // what we tell, by instance
	sessions  map[*session]struct{}
	items     map[string]*item // to be kept by others, by name
	number    uint64           // of the last change of one
	changed   chan struct{}    // closed when others have more of them
}

// Start makes the links of a process, over t; Configure says for which instances,
// and Source from where.
func Start(t Transport, v VRRP, events Events) *Link {
	var id [8]byte
	_, _ = rand.Read(id[:])
	l := &Link{
		transport: t, vrrp: v, events: events, process: hex.EncodeToString(id[:]),
		instances: map[string]*Instance{}, sources: map[string]netip.Addr{}, listeners: map[Place]*listener{},
		follows: map[string]*follower{}, info: map[string]Info{}, sessions: map[*session]struct{}{},
		items: map[string]*item{}, changed: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Configure sets the instances that have links, in place of those before.
// Connections that the change makes impossible end with the word that the process
// lives on.
func (l *Link) Configure(instances []Instance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.instances
	l.instances = map[string]*Instance{}
	for _, i := range instances {
		if old := before[i.Name]; old != nil && old.same(&i) {
			l.instances[i.Name] = old
			continue
		}
		l.instances[i.Name] = &i
	}
	for s := range l.sessions {
		if l.instances[s.instance.Name] != s.instance {
			s.leave()
		}
	}
	for name, f := range l.follows {
		if l.instances[name] != f.instance {
			l.follow(name, netip.Addr{})
			l.follow(name, f.master)
		}
	}
	l.listen()
}

// Source sets the address that an instance speaks from: masters listen there, and
// backups come from there. The zero Addr: it has none.
func (l *Link) Source(instance string, addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sources[instance] == addr {
		return
	}
	l.sources[instance] = addr
	for s := range l.sessions {
		if s.instance.Name == instance {
			s.leave()
		}
	}
	if f := l.follows[instance]; f != nil {
		l.follow(instance, netip.Addr{})
		l.follow(instance, f.master)
	}
	l.listen()
}

// place returns where an instance listens; ok is false if it has no address.
func (l *Link) place(i *Instance) (p Place, ok bool) {
	a := l.sources[i.Name]
	return Place{i.Interface, a.Unmap(), i.Port}, a.IsValid()
}

// Tell sets what this node tells of itself for an instance; those connected
// are told at once.
func (l *Link) Tell(instance string, info Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.info[instance] = info
	for s := range l.sessions {
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
	l.follow(instance, master)
}

func (l *Link) follow(instance string, master netip.Addr) {
	if f := l.follows[instance]; f != nil {
		if f.master == master {
			return
		}
		f.cancel()
		delete(l.follows, instance)
	}
	i := l.instances[instance]
	if !master.IsValid() || i == nil {
		return
	}
	// Without an address the interface is not usable; Source comes with it.
	from, ok := l.place(i)
	f := &follower{link: l, instance: i, master: master, from: from}
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(l.ctx)
	l.follows[instance] = f
	if ok {
		l.wait.Go(func() { f.run(ctx) })
	}
}

// Sessions returns the connections with nodes that have told about themselves.
func (l *Link) Sessions() []Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Session
	for s := range l.sessions {
		if s.known {
			out = append(out, Session{Instance: s.instance.Name, Addr: s.addr, Since: s.since, Master: s.client, Secure: s.secure, Info: s.info})
		}
	}
	slices.SortFunc(out, func(a, b Session) int { return a.Addr.Compare(b.Addr) })
	return out
}

// Following reports whether this node is connected with the master of an
// instance.
func (l *Link) Following(instance string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.sessions {
		if s.client && s.instance.Name == instance {
			return true
		}
	}
	return false
}

// Refused returns how many connections were refused or cut short, by reason.
func (l *Link) Refused() map[string]uint64 { return l.refused.counts() }

// Close ends all links.
func (l *Link) Close() {
	l.cancel()
	l.mu.Lock()
	for _, p := range slices.Collect(maps.Keys(l.listeners)) {
		_ = l.listeners[p].Close()
		delete(l.listeners, p)
	}
	for s := range l.sessions {
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
		for other := range l.sessions {
			if other.known && !other.client && other.instance == s.instance {
				info.Backups = append(info.Backups, other.addr)
			}
		}
		slices.SortFunc(info.Backups, netip.Addr.Compare)
	}
	return info
}

func (l *Link) logf(instance, format string, args ...any) {
	if l.events.Log != nil {
		l.events.Log(instance, fmt.Sprintf(format, args...))
	}
}
