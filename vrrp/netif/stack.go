package netif

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// commandLimit bounds how long a netlink request waits for its answer.
const commandLimit = 2 * time.Second

// Stack is the network stack of one namespace: where addresses are set and
// interfaces are watched. Its methods may be called by several goroutines.
type Stack struct {
	netlink *netlink.Handle // for lists
	command nl.SocketHandle // for changes
	sockets map[int]*nl.SocketHandle
	port    uint32 // netlink port of command: changes made through it are ours

	// probe is any socket of the namespace, to ask for interface indexes.
	mu    sync.Mutex
	probe int
	quiet map[int]*quiet // base interfaces of VMACs, by index

	firewall *firewall
}

// Open opens the network stack of the calling thread's namespace. It needs no
// privilege; changes need CAP_NET_ADMIN.
func Open() (s *Stack, err error) {
	// The kernel asks for the right of whoever opened a socket as well as of
	// who sends through it.
	privilege.With(privilege.Of(privilege.NetAdmin), func() { s, err = open() })
	return s, err
}

func open() (*Stack, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	s := &Stack{netlink: handle, probe: -1, quiet: map[int]*quiet{}}
	// A group number of none: a plain socket.
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		handle.Close()
		return nil, fmt.Errorf("netlink: %w", err)
	}
	s.command.Socket = socket
	s.sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: &s.command}
	s.firewall = newFirewall(s.indexOf)
	limit := unix.NsecToTimeval(int64(commandLimit))
	err = errors.Join(handle.SetSocketTimeout(commandLimit),
		socket.SetSendTimeout(&limit), socket.SetReceiveTimeout(&limit), socket.SetExtAck(true))
	if err == nil {
		s.port, err = socket.GetPid()
	}
	if err == nil {
		s.probe, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return s, nil
}

// Close closes the Stack. Addresses that it set stay; packets are filtered no
// longer.
func (s *Stack) Close() error {
	s.netlink.Close()
	s.command.Close()
	s.firewall.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe >= 0 {
		err := unix.Close(s.probe)
		s.probe = -1
		return err
	}
	return nil
}

// indexOf returns the index of an interface, or ErrNoInterface.
func (s *Stack) indexOf(name string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return indexOf(s.probe, name)
}

// execute sends a request through the Stack's own port and waits for its
// acknowledgement.
func (s *Stack) execute(request *nl.NetlinkRequest) error {
	request.Sockets = s.sockets
	return asAdmin(func() error {
		_, err := request.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
}

// asAdmin has a change of the network's made with the right to make it.
func asAdmin(change func() error) (err error) {
	privilege.With(privilege.Of(privilege.NetAdmin), func() { err = change() })
	return err
}

// asRaw has a socket opened or bound that takes the right to raw packets.
func asRaw(open func() error) (err error) {
	privilege.With(privilege.Of(privilege.NetRaw), func() { err = open() })
	return err
}

// Holders hold what one VRRP instance, or the process, has on the machine.
type Holders struct {
	Addresses Addresses
	Routes    Routes
	Links     Links
	Filter    Filter
	Ear       Ear
}

// Hold returns new, empty holders. The calling thread must be in the Stack's
// namespace. The Ear is to be closed.
func (s *Stack) Hold() Holders {
	return Holders{s.Addresses(), s.Routes(), s.Links(), s.Filter(), s.newEar()}
}

// Interface is an interface and its addresses at one moment.
type Interface struct {
	Name     string
	Index    int
	Up       bool // set up by the operator (IFF_UP)
	Running  bool // has a carrier (IFF_RUNNING)
	Loopback bool
	MTU      int              // bytes
	Hardware net.HardwareAddr // nil if it has none

	// Addresses in the kernel's order: the first of a family and scope is
	// the one that the kernel itself would take as the source. IPv6
	// addresses whose duplicate address detection runs or failed are left
	// out: they cannot be used.
	Addresses []netip.Prefix
}

// Interface returns the interface with that name. The error is
// ErrNoInterface, wrapped, if there is none.
func (s *Stack) Interface(name string) (Interface, error) {
	link, err := s.netlink.LinkByName(name)
	if err != nil {
		return Interface{}, fmt.Errorf("interface %s: %w", name, noInterface(err))
	}
	list, err := retryDump(func() ([]netlink.Addr, error) { return s.netlink.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return Interface{}, fmt.Errorf("addresses of %s: %w", name, err)
	}
	i := interfaceOf(link.Attrs())
	for _, a := range list {
		if p := prefixOf(a.IPNet); p.IsValid() && usable(uint32(a.Flags)) {
			i.Addresses = append(i.Addresses, p)
		}
	}
	return i, nil
}

// Source returns the address that adverts on the interface come from when the
// configuration names none: the first IPv4 address, or the first link-local
// IPv6 address, that is not virtual. ok is false if there is none.
func (i Interface) Source(ipv6 bool, virtual func(netip.Addr) bool) (source netip.Addr, ok bool) {
	for _, p := range i.Addresses {
		a := p.Addr()
		if a.Is6() != ipv6 || ipv6 && !a.IsLinkLocalUnicast() || virtual != nil && virtual(a) {
			continue
		}
		return a, true
	}
	return netip.Addr{}, false
}

// usable reports whether an address with these flags can send and receive.
func usable(flags uint32) bool {
	return flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0
}

func interfaceOf(a *netlink.LinkAttrs) Interface {
	return Interface{
		Name:     a.Name,
		Index:    a.Index,
		Up:       a.RawFlags&unix.IFF_UP != 0,
		Running:  a.RawFlags&unix.IFF_RUNNING != 0,
		Loopback: a.RawFlags&unix.IFF_LOOPBACK != 0,
		MTU:      a.MTU,
		Hardware: a.HardwareAddr,
	}
}

// prefixOf converts a prefix of the netlink library; the zero Prefix if it is
// none.
func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addrOf(n.IP), bits)
}
