package netif

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Scope is how far an address is valid, as `ip address` prints it.
type Scope uint8

// The scopes that the kernel knows; global is the default.
const (
	ScopeGlobal  Scope = unix.RT_SCOPE_UNIVERSE
	ScopeSite    Scope = unix.RT_SCOPE_SITE
	ScopeLink    Scope = unix.RT_SCOPE_LINK
	ScopeHost    Scope = unix.RT_SCOPE_HOST
	ScopeNowhere Scope = unix.RT_SCOPE_NOWHERE
)

// String is the scope's name, or its number if it has none.
func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	case ScopeNowhere:
		return "nowhere"
	}
	return fmt.Sprint(uint8(s))
}

// Address is a virtual address with all that keepalived can say about one. The
// zero value of every field but Interface and Prefix is keepalived's default.
type Address struct {
	// Interface is the name of the interface that gets the address.
	Interface string

	// Prefix is the address with its length; keepalived's defaults are 32
	// and 128.
	Prefix netip.Prefix

	// Scope is the address's scope. IPv6 derives it from the address.
	Scope Scope

	// Broadcast is IPv4's broadcast address; the zero Addr sets none.
	Broadcast netip.Addr

	// Peer is the other end of a point-to-point address; zero for none.
	Peer netip.Prefix

	// Label is IPv4's name for the address, at most 15 characters that
	// begin with the interface's name; "" for the interface's name.
	Label string

	// NoPrefixRoute keeps the kernel from adding a route for the prefix.
	NoPrefixRoute bool

	// HomeAddress and ManageTempAddr are IPv6's "home" and "mngtmpaddr".
	HomeAddress    bool
	ManageTempAddr bool

	// DAD leaves IPv6's duplicate address detection on, which keepalived
	// turns off for virtual addresses.
	DAD bool

	// AutoJoin has the machine join the address, a multicast group, on the
	// interface ("autojoin").
	AutoJoin bool

	// Deprecated keeps the address from being chosen as the source of new
	// connections (preferred_lft 0), as keepalived does with IPv6 /128.
	Deprecated bool
}

// key is what tells two addresses of one interface apart for the kernel.
type key struct {
	iface  string
	prefix netip.Prefix
	peer   netip.Prefix
}

func (a Address) key() key { return key{a.Interface, a.Prefix, a.Peer} }

// flags are the IFA_F_ flags to set.
func (a Address) flags() uint32 {
	var f uint32
	if a.Prefix.Addr().Is6() && !a.DAD {
		f |= unix.IFA_F_NODAD
	}
	if a.NoPrefixRoute {
		f |= unix.IFA_F_NOPREFIXROUTE
	}
	if a.HomeAddress {
		f |= unix.IFA_F_HOMEADDRESS
	}
	if a.ManageTempAddr {
		f |= unix.IFA_F_MANAGETEMPADDR
	}
	if a.AutoJoin {
		f |= unix.IFA_F_MCAUTOJOIN
	}
	return f
}

// String is the address as the arguments of `ip address add`.
func (a Address) String() string {
	var b strings.Builder
	b.WriteString(a.Prefix.String())
	if a.Peer.IsValid() {
		b.Reset()
		fmt.Fprintf(&b, "%s peer %s", a.Prefix.Addr(), a.Peer)
	}
	if a.Broadcast.IsValid() {
		fmt.Fprintf(&b, " brd %s", a.Broadcast)
	}
	fmt.Fprintf(&b, " dev %s", a.Interface)
	if a.Scope != ScopeGlobal {
		fmt.Fprintf(&b, " scope %s", a.Scope)
	}
	if a.Label != "" {
		fmt.Fprintf(&b, " label %s", a.Label)
	}
	f := a.flags()
	for _, flag := range []struct {
		bit  uint32
		name string
	}{
		{unix.IFA_F_HOMEADDRESS, "home"},
		{unix.IFA_F_MANAGETEMPADDR, "mngtmpaddr"},
		{unix.IFA_F_NODAD, "nodad"},
		{unix.IFA_F_NOPREFIXROUTE, "noprefixroute"},
		{unix.IFA_F_MCAUTOJOIN, "autojoin"},
	} {
		if f&flag.bit != 0 {
			b.WriteString(" " + flag.name)
		}
	}
	if a.Deprecated {
		b.WriteString(" preferred_lft 0")
	}
	return b.String()
}

// Lease is how long the kernel keeps an address that is not set again. It
// counts whole seconds; a part of a second is rounded up. Forever, the zero
// value, keeps it until it is removed.
type Lease time.Duration

// Forever is the lease that does not end.
const Forever Lease = 0

// seconds is the lease as the kernel's valid lifetime.
func (l Lease) seconds() uint32 {
	if l <= Forever {
		return infinity
	}
	return uint32((time.Duration(l) + time.Second - 1) / time.Second)
}

// infinity is the kernel's word for a lifetime without end.
const infinity = 1<<32 - 1

// String is the lease as `ip address` prints a lifetime.
func (l Lease) String() string {
	if l <= Forever {
		return "forever"
	}
	return fmt.Sprintf("%dsec", l.seconds())
}
