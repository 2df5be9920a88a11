// Package cidr reads addresses and networks as nginx's configuration and
// requests have them, and matches addresses against lists of networks.
package cidr

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// text is what addresses are read from: configurations and header fields.
type text interface{ ~string | ~[]byte }

// ParseAddr reads an IPv4 or IPv6 address. Like nginx it takes octets with
// leading zeros or without any digit, and does not take 255.255.255.255 or
// zones.
func ParseAddr[T text](s T) (netip.Addr, bool) {
	if addr, ok := parse4(s); ok {
		return addr, addr != broadcast
	}
	colon := false
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			return netip.Addr{}, false
		}
		colon = colon || s[i] == ':'
	}
	if !colon || len(s) > maxIPv6 {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(string(s))
	return addr, err == nil
}

const maxIPv6 = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func parse4[T text](s T) (netip.Addr, bool) {
	var octets [4]byte
	n, octet := 0, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			if octet = octet*10 + int(c-'0'); octet > 255 {
				return netip.Addr{}, false
			}
		case c == '.' && n < 3:
			octets[n] = byte(octet)
			n, octet = n+1, 0
		default:
			return netip.Addr{}, false
		}
	}
	if n != 3 {
		return netip.Addr{}, false
	}
	octets[3] = byte(octet)
	return netip.AddrFrom4(octets), true
}

// ParseAddrPort reads an address with or without a port: 10.0.0.1,
// 10.0.0.1:80, ::1, [::1], [::1]:80. The port is 0 where there is none.
func ParseAddrPort(s []byte) (netip.AddrPort, bool) {
	if addr, ok := ParseAddr(s); ok {
		return netip.AddrPortFrom(addr, 0), true
	}
	host, port := s, []byte(nil)
	if len(s) > 0 && s[0] == '[' {
		end := bytes.IndexByte(s, ']')
		if end == len(s)-1 {
			addr, ok := ParseAddr(s[1:end])
			return netip.AddrPortFrom(addr, 0), ok
		}
		if end < 0 || s[end+1] != ':' {
			return netip.AddrPort{}, false
		}
		host, port = s[1:end], s[end+2:]
	} else {
		colon := bytes.IndexByte(s, ':')
		if colon < 0 {
			return netip.AddrPort{}, false
		}
		host, port = s[:colon], s[colon+1:]
	}
	n := 0
	for _, c := range port {
		if c < '0' || c > '9' || n > 65535 {
			return netip.AddrPort{}, false
		}
		n = n*10 + int(c-'0')
	}
	if n < 1 || n > 65535 {
		return netip.AddrPort{}, false
	}
	addr, ok := ParseAddr(host)
	return netip.AddrPortFrom(addr, uint16(n)), ok
}

// Parse reads a network: an address with or without "/" and the number of its
// significant bits. exact is false where bits behind these were set, which
// are then ignored.
func Parse(s string) (network netip.Prefix, exact, ok bool) {
	host, bits, hasBits := strings.Cut(s, "/")
	addr, ok := ParseAddr(host)
	if !ok {
		return netip.Prefix{}, false, false
	}
	n := addr.BitLen()
	if hasBits {
		if strings.Trim(bits, "0123456789") != "" {
			return netip.Prefix{}, false, false
		}
		var err error
		if n, err = strconv.Atoi(bits); err != nil || n > addr.BitLen() {
			return netip.Prefix{}, false, false
		}
	}
	network = netip.PrefixFrom(addr, n)
	return network.Masked(), network.Masked() == network, true
}

// Set is a list of networks, perhaps with all unix sockets. The zero Set is
// empty.
type Set struct {
	networks []netip.Prefix
	unix     bool
}

// Add adds a network.
func (s *Set) Add(p netip.Prefix) { s.networks = append(s.networks, p) }

// AddUnix adds the peers that are connected through unix sockets.
func (s *Set) AddUnix() { s.unix = true }

// Empty reports whether nothing has been added.
func (s *Set) Empty() bool { return len(s.networks) == 0 && !s.unix }

// Contains reports whether an address is in one of the networks. The zero
// Addr stands for a unix socket. An IPv4 address in IPv6 form counts as the
// IPv4 address that it is.
func (s *Set) Contains(addr netip.Addr) bool {
	if !addr.IsValid() {
		return s.unix
	}
	addr = addr.Unmap()
	for _, p := range s.networks {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
