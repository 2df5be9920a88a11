// Package vrrptest is VRRP without machines: a LAN in memory on which routers run as they would on a real one, and a
// deterministic simulation of the state machines with every fault that a network and a host can have.
package vrrptest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// LAN connects hosts. It delivers packets at once, between all hosts that nothing separates.
type LAN struct {
	mu    sync.Mutex
	hosts []*Host
	log   []string // every packet, as lines
	begin time.Time

	connections int // how many there were, for their ports
}

// NewLAN returns a LAN without hosts. In a synctest bubble it must be made there.
func NewLAN() *LAN { return &LAN{begin: time.Now()} }

// Host is a machine on a LAN with one interface, ens33, which is up. It is a vrrp.Kernel.
type Host struct {
	netif.Fake
	Name string

	lan      *LAN
	up       bool
	apart    bool // the cable is cut: the host does not notice
	filtered bool // a firewall drops what arrives
	dropped  []netip.Addr
	own      []netip.Prefix
	sockets  []*socket
	watchers []*watcher

	ports       map[uint16]*port
	connections []*connection
	dead        atomic.Bool // see Kill
}

// watcher is somebody who watches the interface.
type watcher struct{ notify func(netif.Event) }

// Interface is the name of every host's interface.
const Interface = "ens33"

// Host adds a host with the given addresses.
func (l *LAN) Host(name string, addresses ...string) *Host {
	h := &Host{Name: name, lan: l, up: true, ports: map[uint16]*port{}}
	h.Fake.Fail = h.refuse
	for _, a := range addresses {
		h.own = append(h.own, netip.MustParsePrefix(a))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts = append(l.hosts, h)
	return h
}

// Log returns the packets since the last call, a line each: "1.000s a > 224.0.0.18: VRID 51 priority 100".
func (l *LAN) Log() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.Join(l.log, "")
	l.log = nil
	return text
}

// Cut separates the host from the others without its noticing, as a broken switch does; Mend connects it again.
func (h *Host) Cut() { h.setApart(true) }

// Mend undoes Cut.
func (h *Host) Mend() { h.setApart(false) }

func (h *Host) setApart(apart bool) {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	h.apart = apart
	if !apart {
		for _, x := range h.lan.hosts {
			x.reset(false)
		}
	}
}

// Filter makes a firewall on the host drop what arrives, or no longer.
func (h *Host) Filter(on bool) {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	h.filtered = on
}

// Link sets the interface up or down.
func (h *Host) Link(up bool) {
	h.lan.mu.Lock()
	h.up = up
	h.lan.mu.Unlock()
	kind := netif.Down
	if up {
		kind = netif.Up
	}
	h.notify(netif.Event{Kind: kind})
}

// Crash makes the host as a dead process leaves it: the sockets are gone, the addresses stay.
func (h *Host) Crash() {
	h.lan.mu.Lock()
	sockets := h.sockets
	h.sockets, h.watchers = nil, nil
	h.lan.mu.Unlock()
	for _, s := range sockets {
		_ = s.Close()
	}
}

// Delete removes an address behind the back of whoever set it.
func (h *Host) Delete(address string) {
	h.notify(netif.Event{Kind: netif.AddressDeleted, Address: netip.MustParsePrefix(address)})
}

func (h *Host) notify(e netif.Event) {
	i, _ := h.Interface(Interface)
	e.Interface = i
	h.lan.mu.Lock()
	watchers := slices.Clone(h.watchers)
	h.lan.mu.Unlock()
	for _, w := range watchers {
		w.notify(e)
	}
}

// Interface implements vrrp.Kernel.
func (h *Host) Interface(name string) (netif.Interface, error) {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	if name != Interface {
		return netif.Interface{}, fmt.Errorf("%s: %w", name, netif.ErrNoInterface)
	}
	return netif.Interface{Name: name, Index: 2, Up: h.up, Running: h.up, MTU: 1500, Addresses: slices.Clone(h.own)}, nil
}

// Hold implements vrrp.Kernel.
func (h *Host) Hold(netif.FirewallConfig) (netif.Holders, error) {
	holds := h.Fake.Hold()
	holds.Ear = &ear{host: h, closed: make(chan struct{})}
	return holds, nil
}

// ear is a netif.Ear on a LAN.
type ear struct {
	host   *Host
	closed chan struct{}
}

// Listen implements netif.Ear. It knows only of what the firewall has dropped.
func (e *ear) Listen(_ netif.SocketConfig, d time.Duration) ([]netip.Addr, error) {
	l := e.host.lan
	l.mu.Lock()
	e.host.dropped = nil
	l.mu.Unlock()
	select {
	case <-time.After(d):
	case <-e.closed:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.host.dropped, nil
}

// Close implements netif.Ear.
func (e *ear) Close() error {
	close(e.closed)
	return nil
}

// Announcer implements vrrp.Kernel.
func (h *Host) Announcer() (netif.Announcer, error) { return h.Fake.Announcer(), nil }

// Watch implements vrrp.Kernel.
func (h *Host) Watch(notify func(netif.Event)) (func(), error) {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	w := &watcher{notify}
	h.watchers = append(h.watchers, w)
	return func() {
		h.lan.mu.Lock()
		defer h.lan.mu.Unlock()
		h.watchers = slices.DeleteFunc(h.watchers, func(x *watcher) bool { return x == w })
	}, nil
}

// OpenSocket implements vrrp.Kernel.
func (h *Host) OpenSocket(c netif.SocketConfig) (netif.Conn, error) {
	s := &socket{host: h, config: c, queue: make(chan netif.Datagram, 256), closed: make(chan struct{})}
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	h.sockets = append(h.sockets, s)
	return s, nil
}

// socket is a netif.Conn on a LAN.
type socket struct {
	host     *Host
	config   netif.SocketConfig
	queue    chan netif.Datagram
	closed   chan struct{}
	once     sync.Once
	counters netif.Counters
}

func (s *socket) family() packet.Family {
	if s.config.IPv6 {
		return packet.IPv6
	}
	return packet.IPv4
}

// Send implements netif.Conn.
func (s *socket) Send(src, dst netip.Addr, data []byte) error {
	l := s.host.lan
	l.mu.Lock()
	defer l.mu.Unlock()
	if !s.host.up || s.host.dead.Load() {
		return errors.New("network is down")
	}
	s.counters.Sent++
	l.log = append(l.log, fmt.Sprintf("%.3fs %s > %v: %s\n", time.Since(l.begin).Seconds(), s.host.Name, dst, describe(s.family(), data)))
	if s.host.apart {
		return nil
	}
	vrid, _ := packet.VRID(s.family(), data)
	for _, h := range l.hosts {
		if h == s.host || !h.up || h.apart || !dst.IsMulticast() && !h.has(dst) {
			continue
		}
		if h.filtered {
			if !slices.Contains(h.dropped, src) {
				h.dropped = append(h.dropped, src)
			}
			continue
		}
		for _, to := range h.sockets {
			if to.config.IPv6 == s.config.IPv6 && to.config.AH == s.config.AH && (to.config.VRID == 0 || to.config.VRID == vrid) {
				to.deliver(netif.Datagram{Data: slices.Clone(data), Src: src, Dst: dst, HopLimit: 255})
			}
		}
	}
	return nil
}

func (h *Host) has(a netip.Addr) bool {
	return slices.ContainsFunc(h.own, func(p netip.Prefix) bool { return p.Addr() == a })
}

func (s *socket) deliver(d netif.Datagram) {
	select {
	case s.queue <- d:
	default: // as a full receive buffer does
	}
}

// describe is a packet in words.
func describe(f packet.Family, data []byte) string {
	vrid, ok := packet.VRID(f, data)
	if !ok {
		return "too short"
	}
	at := 0
	if f == packet.IPv4 {
		at = int(data[0]&0xf) * 4
		if data[9] == packet.ProtocolAH {
			at += 24
		}
	}
	return fmt.Sprintf("VRID %d priority %d", vrid, data[at+2])
}

// Receive implements netif.Conn.
func (s *socket) Receive(buffer []byte) (netif.Datagram, error) {
	select {
	case d := <-s.queue:
		d.Data = buffer[:copy(buffer, d.Data)]
		return d, nil
	case <-s.closed:
		return netif.Datagram{}, fmt.Errorf("receiving: %w", net.ErrClosed)
	}
}

// Rebind implements netif.Conn.
func (s *socket) Rebind() error { return nil }

// Counters implements netif.Conn.
func (s *socket) Counters() netif.Counters { return s.counters }

// Close implements netif.Conn.
func (s *socket) Close() error {
	l := s.host.lan
	l.mu.Lock()
	defer l.mu.Unlock()
	s.once.Do(func() { close(s.closed) })
	s.host.sockets = slices.DeleteFunc(s.host.sockets, func(x *socket) bool { return x == s })
	return nil
}
