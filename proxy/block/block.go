package block

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tandem/internal/resolver"
	nc "tandem/nginxconf"
	"tandem/proxy/upstream"
	"tandem/session"
	resolverconf "tandem/session/resolver"
)

// block is an upstream block, or what stands for one when a host is named
// without: the target of a proxy_pass.
type block struct {
	name     string
	port     int // of a host without a block; 0: none was written or needed
	written  bool
	declared bool // there is a block
	pos      nc.Pos
	realm    *session.Realm
	location upstream.Location // of a host without a block
	level    *session.Level    // of the http or stream block, for its resolver

	servers  []server
	faulty   bool              // servers are missing from servers, which has been told
	balancer upstream.Balancer // nil: round robin
	noBackup bool              // the balancer does not leave requests to backups
	key      *session.Template // of hash
	settings session.Settings  // of modules that know more of a block
	keep     keepalive
	zone     string // "": none
	state    string // the file that keeps changes; "": none
	queue    queue
	resolver nc.Value[*resolver.Resolver]
	timeout  nc.Value[time.Duration] // of resolver

	changing sync.Mutex // held while servers are changed at run time

	group   *upstream.Group
	peers   []upstream.Server // of group
	lookups []*lookup         // the servers whose names are looked up
}

// blocks are the upstreams of an http block by lower-case name.
type blocks struct {
	list []*block
}

var blocksSlot = session.NewRealmSlot[blocks]()

// keepalive is what the keepalive directives of an upstream say.
type keepalive struct {
	connections nc.Value[int] // 0: none are kept
	local       bool
	requests    nc.Value[int]
	time        nc.Value[time.Duration]
	timeout     nc.Value[time.Duration]
}

const (
	defaultKeep         = 32
	defaultKeepRequests = 1000
	defaultKeepTime     = time.Hour
	defaultKeepTimeout  = time.Minute
)

func blockOf(s *nc.Scope) *block { return s.Data.(*block) }

// blockCommands are the upstream block, and what it holds for any protocol.
func blockCommands(in session.Contexts) []nc.Command {
	return []nc.Command{
		{Name: "upstream", In: in.Block, Arity: nc.Block | nc.Take1, Set: func(s *nc.Scope, d *nc.Directive) error { return readBlock(s, d, in.Upstream) }},
		{Name: "server", In: in.Upstream, Arity: nc.OneMore, Set: readServer},
		{Name: "state", In: in.Upstream, Arity: nc.Take1, Set: readState},
		{Name: "zone", In: in.Upstream, Arity: nc.Take12, Set: readZone},
		{Name: "resolver", In: in.Upstream, Arity: nc.OneMore, Set: readResolver},
		{Name: "resolver_timeout", In: in.Upstream, Arity: nc.Take1,
			Set: nc.SetMsec(func(s *nc.Scope) *nc.Value[time.Duration] { return &blockOf(s).timeout })},
	}
}

// keepCommands say how connections are kept for further requests.
var keepCommands = []nc.Command{
	{Name: "keepalive", In: nc.Upstream, Arity: nc.Take12, Set: readKeepalive},
	{Name: "keepalive_requests", In: nc.Upstream, Arity: nc.Take1,
		Set: nc.SetNumber(func(s *nc.Scope) *nc.Value[int] { return &blockOf(s).keep.requests })},
	{Name: "keepalive_time", In: nc.Upstream, Arity: nc.Take1,
		Set: nc.SetMsec(func(s *nc.Scope) *nc.Value[time.Duration] { return &blockOf(s).keep.time })},
	{Name: "keepalive_timeout", In: nc.Upstream, Arity: nc.Take1,
		Set: nc.SetMsec(func(s *nc.Scope) *nc.Value[time.Duration] { return &blockOf(s).keep.timeout })},
}

// readBlock reads upstream name { ... }.
func readBlock(s *nc.Scope, d *nc.Directive, inside nc.Context) error {
	at := session.BlockOf(s)
	all := blocksSlot.Of(at.Realm)
	name := d.Args[0]
	b := &block{name: name, declared: true, pos: d.Pos, realm: at.Realm, level: at.Level, settings: slots.Make()}
	for _, old := range all.list {
		if !strings.EqualFold(old.name, name) {
			continue
		}
		switch {
		case old.declared:
			return fmt.Errorf("duplicate upstream \"%s\"", name)
		case old.written:
			s.ErrorAt(old.pos, "upstream \"%s\" may not have port %d", name, old.port)
		}
		// It was referred to before.
		old.declared, old.pos, old.level, old.port, old.settings = true, d.Pos, b.level, 0, b.settings
		b = old
	}
	if !contains(all.list, b) {
		all.list = append(all.list, b)
	}
	s.Block(d, inside, b)
	written := 0
	for _, inner := range d.Block {
		if inner.Name == "server" {
			written++
		}
	}
	if b.state != "" {
		if written > 0 {
			return errors.New("\"server\" directives cannot stand beside \"state\"")
		}
		return nil
	}
	b.faulty = len(b.servers) < max(written, 1)
	if written == 0 {
		s.ErrorAt(d.ClosePos, "no servers are inside upstream")
	}
	return nil
}

func contains(list []*block, b *block) bool {
	for _, other := range list {
		if other == b {
			return true
		}
	}
	return false
}

// readKeepalive reads keepalive connections [local].
func readKeepalive(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	if b.keep.connections.Set {
		return nc.ErrDuplicate
	}
	n, err := nc.ParseNumber(d.Args[0])
	if err != nil {
		return fmt.Errorf("invalid value \"%s\" in \"%s\" directive", d.Args[0], d.Name)
	}
	b.keep.connections = nc.Value[int]{V: n, Set: true}
	if len(d.Args) == 2 {
		if d.Args[1] != "local" {
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
		b.keep.local = true
	}
	return nil
}

// minZone is the size of a zone at least; memory is not shared here, but the
// configuration is to be nginx's.
const minZone = 8 << 12

// readZone reads zone name [size].
func readZone(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	if d.Args[0] == "" {
		return errors.New("invalid zone name \"\"")
	}
	if len(d.Args) == 2 {
		size, err := nc.ParseSize(d.Args[1])
		if err != nil {
			return fmt.Errorf("invalid zone size \"%s\"", d.Args[1])
		}
		if size < minZone {
			return fmt.Errorf("zone \"%s\" is too small", d.Args[0])
		}
	}
	b.zone = d.Args[0]
	return nil
}

// readResolver reads resolver in an upstream block.
func readResolver(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	if b.resolver.Set {
		return nc.ErrDuplicate
	}
	r, err := resolverconf.Read(b.realm, d)
	b.resolver = nc.Value[*resolver.Resolver]{V: r, Set: true}
	return err
}

// Ref is a use of an upstream by a directive. Its group is there once the
// configuration has been read.
type Ref struct{ b *block }

// Target returns where requests go.
func (r Ref) Target() Target { return Target{Group: r.b.group, Name: r.b.name, block: r.b} }

// Declared reports whether there is an upstream block, and no mere host. It is
// known once the configuration has been read.
func (r Ref) Declared() bool { return r.b.declared }

// Refer notes that a directive uses the host of l: an upstream block of that
// name, which may stand further down, or the host itself.
func Refer(r *session.Realm, d *nc.Directive, l upstream.Location) (Ref, error) {
	all := blocksSlot.Of(r)
	for _, b := range all.list {
		if !strings.EqualFold(b.name, l.Host) {
			continue
		}
		if b.declared && l.Written {
			return Ref{}, fmt.Errorf("upstream \"%s\" may not have port %d", l.Host, l.Port)
		}
		if b.port != 0 && l.Port != 0 && b.port != l.Port {
			continue
		}
		return Ref{b}, nil
	}
	b := &block{name: l.Host, port: l.Port, written: l.Written, pos: d.Pos, realm: r, location: l}
	all.list = append(all.list, b)
	return Ref{b}, nil
}

// lookup returns the upstream for a host named at run time, nil for none.
func (all *blocks) lookup(host string, port int, written bool) *block {
	for _, b := range all.list {
		if strings.EqualFold(b.name, host) && (b.port == 0 && !written || b.port == port) {
			return b
		}
	}
	return nil
}

// Complete makes the groups of all upstreams.
func Complete(r *session.Realm) error {
	var errs nc.Errors
	var lookups []*lookup
	for _, b := range blocksSlot.Of(r).list {
		if err := b.complete(); err != nil {
			errs = append(errs, &nc.Error{Pos: b.pos, Msg: err.Error(), Err: err})
		}
		lookups = append(lookups, b.lookups...)
		if b.group != nil && b.group.Pool != nil {
			r.Background(func(ctx context.Context) {
				<-ctx.Done()
				b.group.Pool.Close()
			})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	warnings := lookUpHosts(lookups)
	for _, l := range lookups {
		if r.Previous != nil && l.resolver != nil {
			l.recall(blocksSlot.Of(r.Previous))
		}
		r.Background(l.run)
	}
	if len(warnings) > 0 {
		return warnings
	}
	return nil
}

// complete makes the group. That of a declared upstream is there in spite of
// mistakes: other modules ask for it before the configuration is given up.
func (b *block) complete() error {
	if !b.declared {
		return b.completeImplicit()
	}
	var mistake error
	b.peers = make([]upstream.Server, len(b.servers))
	ordinary := 0
	for i := range b.servers {
		s := &b.servers[i]
		b.peers[i] = s.Server
		if !s.Backup {
			ordinary++
		}
		if err := b.locate(s, &b.peers[i]); err != nil && mistake == nil {
			mistake = err
		}
	}
	if mistake == nil && ordinary == 0 && !b.faulty && b.state == "" {
		mistake = fmt.Errorf("no servers in upstream \"%s\"", b.name)
	}
	b.group = upstream.NewGroup(b.name, b.peers, b.balancer)
	b.group.Pool = b.keep.pool()
	b.group.Queue, b.group.QueueTimeout = b.queue.length, b.queue.timeout
	return mistake
}

// locate gives the peer of a server its address, or has it looked up.
func (b *block) locate(s *server, peer *upstream.Server) error {
	if s.location.Literal {
		peer.Addrs = []upstream.Addr{s.location.Addr}
		return nil
	}
	l := &lookup{block: b, pos: s.pos, server: peer, name: s.location.Host, port: uint16(s.location.Port)}
	b.lookups = append(b.lookups, l)
	if !s.resolve {
		return nil
	}
	if b.zone == "" {
		return fmt.Errorf("resolving names at run time requires upstream \"%s\" to be in shared memory", b.name)
	}
	l.service = s.service
	l.resolver, l.timeout = resolverconf.Of(b.level)
	if b.resolver.V != nil {
		l.resolver = b.resolver.V
	}
	if b.timeout.Set {
		l.timeout = b.timeout.V
	}
	if l.resolver == nil {
		return fmt.Errorf("no resolver defined to resolve names at run time in upstream \"%s\"", b.name)
	}
	return nil
}

// pool makes the pool of idle connections.
func (k *keepalive) pool() *upstream.Pool {
	if k.connections.Set && k.connections.V == 0 {
		return nil
	}
	k.requests.Inherit(nc.Value[int]{}, defaultKeepRequests)
	k.time.Inherit(nc.Value[time.Duration]{}, defaultKeepTime)
	k.timeout.Inherit(nc.Value[time.Duration]{}, defaultKeepTimeout)
	p := &upstream.Pool{
		Max: k.connections.V, Requests: k.requests.V, Time: k.time.V, Timeout: k.timeout.V, Local: k.local,
	}
	if !k.connections.Set {
		p.Max, p.Local = defaultKeep, true
	}
	return p
}

// completeImplicit makes the group of a host without a block: as in nginx, its
// connections are not kept.
func (b *block) completeImplicit() error {
	if !b.location.Unix && b.location.Port == 0 {
		return fmt.Errorf("no port in upstream \"%s\"", b.name)
	}
	s := server{location: b.location, pos: b.pos}
	b.peers = []upstream.Server{{Name: b.name, Weight: 1, MaxFails: 1, FailTimeout: defaultFailTimeout}}
	if err := b.locate(&s, &b.peers[0]); err != nil {
		return err
	}
	b.group = upstream.NewGroup(b.name, b.peers, nil)
	return nil
}
