package upstream

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Addr is a network address of a peer.
type Addr struct {
	Network string // "tcp" or "unix"
	Text    string // host:port or the path, as package net takes it
	IP      netip.AddrPort
}

// TCPAddr returns the address of an IP address and port.
func TCPAddr(ip netip.AddrPort) Addr {
	return Addr{Network: "tcp", Text: ip.String(), IP: ip}
}

// UnixAddr returns the address of a unix socket.
func UnixAddr(path string) Addr { return Addr{Network: "unix", Text: path} }

// String returns the address as nginx shows it: 127.0.0.1:80, [::1]:80,
// unix:/path.
func (a Addr) String() string {
	if a.Network == "unix" {
		return "unix:" + a.Text
	}
	return a.Text
}

// Location is where a back end is to be found, as written after a protocol's
// name or in a server directive: host[:port][/uri], [ipv6][:port][/uri] or
// unix:path[:uri].
type Location struct {
	Host    string // without port; of an IPv6 address with brackets; the path of a unix socket
	Port    int    // Default without one written
	Written bool   // a port was written
	Unix    bool
	URI     string // from the first "/" or "?"
	Default int    // the port of the protocol
	// Addr is the address, when Host is one rather than a name.
	Addr    Addr
	Literal bool
}

// Errors of ParseLocation, in nginx's words.
var (
	errNoHost      = errors.New("no host")
	errInvalidHost = errors.New("invalid host")
	errInvalidPort = errors.New("invalid port")
	errNoPath      = errors.New("no path in the unix domain socket")
	errLongPath    = errors.New("too long path in the unix domain socket")
	errIPv6        = errors.New("invalid IPv6 address")
)

// maxUnixPath is sizeof(sun_path) less the final NUL.
const maxUnixPath = 107

// ParseLocation reads text; port is what holds without a port, and withURI
// says whether a URI may follow.
func ParseLocation(text string, port int, withURI bool) (Location, error) {
	l := Location{Default: port}
	if len(text) >= 5 && strings.EqualFold(text[:5], "unix:") {
		return l, l.parseUnix(text[5:], withURI)
	}
	rest := text
	end := 0
	if strings.HasPrefix(text, "[") {
		if end = strings.IndexByte(text, ']') + 1; end == 0 {
			return l, errInvalidHost
		}
		rest = text[end:]
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		if !withURI {
			return l, errInvalidHost
		}
		rest, l.URI = rest[:i], rest[i:]
	}
	l.Host, l.Port = text[:end], port
	host, number, hasPort := strings.Cut(rest, ":")
	l.Host += host
	if end > 0 && host != "" {
		return l, errInvalidHost
	}
	if hasPort {
		n, ok := parsePort(number)
		if !ok {
			return l, errInvalidPort
		}
		l.Port, l.Written = n, true
	}
	if l.Host == "" {
		return l, errNoHost
	}
	return l, l.literal(end > 0)
}

// literal sets Addr when the host is an address.
func (l *Location) literal(bracketed bool) error {
	host := l.Host
	if bracketed {
		host = host[1 : len(host)-1]
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case bracketed && (err != nil || !ip.Is6()):
		return errIPv6
	case err != nil, !bracketed && !ip.Is4():
		return nil
	}
	l.Addr, l.Literal = TCPAddr(netip.AddrPortFrom(ip, uint16(l.Port))), true
	return nil
}

func (l *Location) parseUnix(path string, withURI bool) error {
	if withURI {
		path, l.URI, _ = strings.Cut(path, ":")
	}
	if path == "" {
		return errNoPath
	}
	if len(path) > maxUnixPath {
		return errLongPath
	}
	l.Unix, l.Host, l.Addr, l.Literal = true, path, UnixAddr(path), true
	return nil
}

// parsePort reads 1 to 65535.
func parsePort(s string) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= 65535
}
