// Package detour sends new TCP connections for a virtual address to its next
// owner, while those that are established end on this node. It lets a master
// hand an address over without breaking a connection and without keeping
// anybody waiting.
//
// As long as the neighbours believe that the address is here, all of its
// packets arrive here. Two things decide what becomes of them:
//
//   - A shadow stands before each listening socket: a second one, bound to the
//     virtual address on its interface, which the kernel prefers because it is
//     more particular. A filter on it drops everything. So a packet that belongs
//     to no connection of this node is neither answered nor refused, while
//     connections that are established, or about to be, go on with the socket
//     that they began with.
//   - A packet socket sees the packets before that. Those that begin a
//     connection which this node does not have, and all that follow of the same
//     connection, are sent on to the next owner's hardware address, otherwise
//     unchanged. The next owner, which has the address already but has not
//     announced it, answers the client directly.
//
// When nothing is left here, the next owner announces itself, and the neighbours
// send to it what was sent on before.
package detour

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Config says what goes where.
type Config struct {
	Interface string       // where the addresses' packets arrive; Ethernet
	Addresses []netip.Addr // the virtual addresses
	// To is the next owner on that interface. It must have the addresses.
	To        net.HardwareAddr
	Listeners []Listener
}

// Listener is a listening TCP socket of this node. Those that cannot be
// reached by one of the addresses do no harm.
type Listener struct {
	Addr netip.AddrPort
	Conn syscall.RawConn
}

// Detour is one at work. Close ends it.
type Detour struct {
	config    Config
	ports     map[uint16]bool
	shadows   []int // descriptors
	forwards  []*forwarder
	forwarded atomic.Uint64 // packets
}

// ErrNotEthernet is returned for interfaces whose packets cannot be sent on.
var ErrNotEthernet = errors.New("not an Ethernet interface")

// Start begins. It needs CAP_NET_RAW, and CAP_CHOWN if the listeners were
// opened by another user than the thread's.
func Start(c Config) (d *Detour, err error) {
	iface, err := net.InterfaceByName(c.Interface)
	if err != nil {
		return nil, fmt.Errorf("detour: %w", err)
	}
	if len(iface.HardwareAddr) != hardwareLen || len(c.To) != hardwareLen {
		return nil, fmt.Errorf("detour: %s: %w", c.Interface, ErrNotEthernet)
	}
	begun := &Detour{config: c, ports: map[uint16]bool{}}
	defer func() {
		if err != nil {
			begun.Close()
		}
	}()
	if err = begun.start(iface); err != nil {
		return nil, fmt.Errorf("detour: %s: %w", c.Interface, err)
	}
	return begun, nil
}

// start opens what belongs to it. After an error the caller closes it.
func (d *Detour) start(iface *net.Interface) error {
	c := d.config
	for _, l := range c.Listeners {
		d.ports[l.Addr.Port()] = true
	}
	// First everything is recorded, so that nothing that a shadow drops is
	// missed.
	for _, six := range []bool{false, true} {
		var addrs []netip.Addr
		for _, a := range c.Addresses {
			if a.Is6() == six {
				addrs = append(addrs, a)
			}
		}
		if len(addrs) == 0 {
			continue
		}
		f, err := openForwarder(d, iface, addrs)
		if err != nil {
			return err
		}
		d.forwards = append(d.forwards, f)
	}
	for _, l := range c.Listeners {
		for _, a := range c.Addresses {
			if reached, err := l.reaches(a); err != nil {
				return err
			} else if !reached {
				continue
			}
			fd, err := openShadow(l, a, iface)
			if err != nil {
				return fmt.Errorf("in front of %s: %w", l.Addr, err)
			}
			d.shadows = append(d.shadows, fd)
		}
	}
	// Whatever began before the shadows stood is this node's.
	own, err := flows(c.Addresses, d.ports, alive|1<<stateFinWait2)
	if err != nil {
		return err
	}
	for _, f := range d.forwards {
		go f.run(own)
	}
	return nil
}

// reaches reports whether a connection to the address comes to the listener.
func (l Listener) reaches(a netip.Addr) (yes bool, err error) {
	at := l.Addr.Addr()
	if !at.IsUnspecified() || at.Is4() || a.Is6() {
		return at == a || at.IsUnspecified() && at.Is4() == a.Is4(), nil
	}
	// [::] takes IPv4 as well unless it was told not to.
	var only int
	failed := l.Conn.Control(func(fd uintptr) {
		only, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	})
	if err = errors.Join(failed, os.NewSyscallError("getsockopt", err)); err != nil {
		return false, err
	}
	return only == 0, nil
}

// Connections returns the connections that this node has to one of the
// addresses on one of the listeners' ports. Those of which it has sent all, and
// knows that it was received, do not count. It looks in the network namespace
// of the calling thread.
func Connections(addresses []netip.Addr, listeners []Listener) (map[Flow]bool, error) {
	ports := map[uint16]bool{}
	for _, l := range listeners {
		ports[l.Addr.Port()] = true
	}
	found, err := flows(addresses, ports, alive)
	if err != nil {
		return nil, fmt.Errorf("detour: %w", err)
	}
	return found, nil
}

// Forwarded returns how many packets were sent on.
func (d *Detour) Forwarded() uint64 { return d.forwarded.Load() }

// Close ends the detour: new connections are this node's again.
func (d *Detour) Close() {
	for _, fd := range d.shadows {
		_ = syscall.Close(fd)
	}
	for _, f := range d.forwards {
		f.close()
	}
	d.shadows, d.forwards = nil, nil
}

// mine reports whether a packet is for one of the ports and addresses.
func (d *Detour) mine(k Flow) bool {
	return d.ports[k.Local.Port()] && slices.Contains(d.config.Addresses, k.Local.Addr())
}
