package relay

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tandem/internal/listen"
	"tandem/internal/lru"
	"tandem/vserver/table"
)

// service is one virtual server.
type service struct {
	engine *Engine
	key    table.Key
	socket listen.Set
	opened *listen.Opened // until it is put to use

	mu        sync.Mutex
	conf      table.Service
	pick      picker
	dests     []*destination // in the order of the table
	clients   lru.Map[netip.Addr, bound]
	sessions  lru.Map[sessionKey, *session] // of UDP
	closed    bool
	scheduled table.Counters
}

// bound is a client that stays with a destination for a while.
type bound struct {
	to    *destination
	until time.Time
}

// maxClients is how many clients of a service are remembered; beyond that the one
// that was seen first is forgotten.
const maxClients = 1 << 18

// destination is a real server of a service.
type destination struct {
	table.Destination
	overloaded bool
	active     int    // connections that stand
	inactive   int    // clients of UDP, as the kernel counts them
	clients    uint32 // that are bound to it
	gone       bool
	open       map[io.Closer]struct{} // what ends with the destination

	connections uint64
	in, out     atomic.Int64 // bytes from clients, and from the real server
}

// open makes the socket. The address may come to this host later, with VRRP.
func (s *service) open() (err error) {
	port := listen.Port{Addr: s.address()}
	absent := func(netip.Addr) bool { return true }
	s.opened, err = s.socket.Open([]listen.Port{port}, absent)
	// With the kernel's IPVS a virtual server comes before any socket.
	if share := s.engine.options.Share; errors.Is(err, syscall.EADDRINUSE) && share != nil && share(port.Addr) {
		port.Options.ReusePort = true
		s.opened, err = s.socket.Open([]listen.Port{port}, absent)
	}
	return err
}

func (s *service) address() listen.Address {
	return listen.Address{IP: s.key.Address, UDP: s.key.Protocol == table.UDP}
}

// serve takes clients from now on.
func (s *service) serve() {
	if s.opened != nil {
		s.opened.Use(map[listen.Address]listen.Server{s.address(): s})
		// A reload may bring in a socket for all addresses of the port.
		s.socket.ShareAll()
		s.opened = nil
	}
}

// set takes over what the table says of the service.
func (s *service) set(conf *table.Service) {
	s.mu.Lock()
	before := s.dests
	same := s.pick != nil && s.conf.Scheduler == conf.Scheduler && s.conf.Flags == conf.Flags && slices.Equal(s.conf.Destinations, conf.Destinations)
	s.conf = *conf
	s.dests = nil
	for _, d := range conf.Destinations {
		var one *destination
		for _, old := range before {
			if old.Address == d.Address {
				one = old
			}
		}
		if one == nil {
			one = &destination{open: map[io.Closer]struct{}{}}
		}
		// A greater threshold counts at once, as in the kernel.
		one.overloaded = one.overloaded && d.Upper > 0 && d.Upper <= one.Upper
		one.Destination, one.gone = d, false
		s.dests = append(s.dests, one)
	}
	if !same {
		// Else the turns go on.
		kind, _ := pickers(conf.Scheduler)
		s.pick = kind(s.dests, conf)
	}
	var ends []io.Closer
	for _, old := range before {
		if slices.Contains(s.dests, old) {
			continue
		}
		old.gone = true
		for c := range old.open {
			ends = append(ends, c)
		}
	}
	s.mu.Unlock()
	for _, c := range ends {
		_ = c.Close()
	}
}

// choose returns the destination for a client and counts a connection to it; nil:
// there is none. avoid are those that have failed it.
func (s *service) choose(client netip.AddrPort, avoid []*destination, now time.Time) *destination {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	d := s.persistent(client.Addr(), avoid, now)
	if d == nil {
		d = s.pick(client, func(d *destination) bool {
			return d.Weight > 0 && !d.overloaded && !slices.Contains(avoid, d)
		})
	}
	if d == nil {
		return nil
	}
	s.bind(client.Addr(), d, now)
	if s.key.Protocol == table.UDP {
		d.inactive++
	} else {
		d.active++
	}
	d.connections++
	s.scheduled.Connections++
	d.load()
	return d
}

// persistent returns the destination that the client stays with. As in the kernel
// one without weight keeps its clients.
func (s *service) persistent(client netip.Addr, avoid []*destination, now time.Time) *destination {
	if s.conf.Persistence == 0 {
		return nil
	}
	b, ok := s.clients.Peek(s.who(client))
	if !ok || b.to.gone || !now.Before(b.until) || slices.Contains(avoid, b.to) {
		return nil
	}
	return b.to
}

// bind has a client stay with a destination, from now on or again.
func (s *service) bind(client netip.Addr, d *destination, now time.Time) {
	if s.conf.Persistence == 0 {
		return
	}
	who := s.who(client)
	if b, ok := s.clients.Peek(who); ok {
		b.to.clients--
	}
	s.clients.Put(who, bound{d, now.Add(s.conf.Persistence)})
	d.clients++
	s.forget(now)
}

// forget forgets clients whose time is over, and those beyond maxClients.
func (s *service) forget(now time.Time) {
	for {
		who, b, ok := s.clients.Oldest()
		if !ok || s.clients.Len() <= maxClients && now.Before(b.until) {
			return
		}
		s.clients.Remove(who)
		b.to.clients--
	}
}

// who is which client an address is, as the mask says.
func (s *service) who(client netip.Addr) netip.Addr {
	mask := s.conf.EffectiveMask()
	if client.Is4() {
		b := client.As4()
		for i := range b {
			b[i] &= byte(mask >> (24 - 8*i))
		}
		return netip.AddrFrom4(b)
	}
	p, err := client.WithZone("").Prefix(int(mask))
	if err != nil {
		return client
	}
	return p.Addr()
}

// load notes that there are too many connections; unload that there are few enough
// again: fewer than Lower, or than three quarters of Upper.
func (d *destination) load() {
	if d.Upper > 0 && d.total() >= d.Upper {
		d.overloaded = true
	}
}

func (d *destination) unload() {
	if d.Lower > 0 && d.total() < d.Lower || d.Lower == 0 && uint64(d.total())*4 < uint64(d.Upper)*3 {
		d.overloaded = false
	}
}

func (d *destination) total() uint32 { return uint32(d.active + d.inactive) }

// free counts a connection that has ended.
func (s *service) free(d *destination, c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key.Protocol == table.UDP {
		d.inactive--
	} else {
		d.active--
	}
	if c != nil {
		delete(d.open, c)
	}
	d.unload()
}

// hold has something end with the destination; false: it has ended.
func (s *service) hold(d *destination, c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || d.gone {
		return false
	}
	d.open[c] = struct{}{}
	return true
}

// close ends everything of the service.
func (s *service) close() {
	s.mu.Lock()
	s.closed = true
	for _, d := range s.dests {
		d.gone = true
	}
	s.mu.Unlock()
	if s.opened != nil {
		s.opened.Close()
	}
	s.socket.Close()
	s.cut()
}

// cut ends what is under way.
func (s *service) cut() {
	s.mu.Lock()
	var ends []io.Closer
	for _, d := range s.dests {
		for c := range d.open {
			ends = append(ends, c)
		}
	}
	s.mu.Unlock()
	for _, c := range ends {
		_ = c.Close()
	}
}

func (s *service) stats(now time.Time) table.ServiceStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := table.ServiceStats{Service: s.key, Counters: s.scheduled}
	s.forget(now)
	for _, d := range s.dests {
		one := table.DestinationStats{Address: d.Address, Weight: d.Weight, Active: uint32(d.active), Inactive: uint32(d.inactive), Persistent: d.clients}
		one.Connections, one.InBytes, one.OutBytes = d.connections, uint64(d.in.Load()), uint64(d.out.Load())
		st.InBytes += one.InBytes
		st.OutBytes += one.OutBytes
		st.Destinations = append(st.Destinations, one)
	}
	return st
}

// log tells of something that has failed.
func (e *Engine) log(text string) {
	if e.options.Log != nil {
		e.options.Log(text)
	}
}
