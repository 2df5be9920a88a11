package virtual

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"tandem/internal/listen"
	nc "tandem/nginxconf"
)

// Listen is a listen directive, as far as all servers have it alike.
type Listen struct {
	Addr          listen.Address
	Pos           nc.Pos
	Options       listen.Options
	TLS           bool
	ProxyProtocol bool

	given     bool // something was said of the socket itself
	isDefault bool
	backlog   bool // it was given
}

// ReadListen reads the words of a listen directive into one Listen for each
// address that the first stands for. port stands in for one that is not written;
// "": it has to be. own takes the words that only some servers know.
func ReadListen(pos nc.Pos, words []string, port string, own func(word string) bool) ([]Listen, error) {
	addrs, err := parseAddress(words[0], port)
	if err != nil {
		return nil, fmt.Errorf("%w of the \"listen\" directive", err)
	}
	l := Listen{Pos: pos, Options: listen.Options{IPv6Only: true}}
	for _, word := range words[1:] {
		if own(word) {
			continue
		}
		if err := l.word(word, addrs[0]); err != nil {
			return nil, err
		}
	}
	list := make([]Listen, len(addrs))
	for i, a := range addrs {
		list[i] = l
		list[i].Addr = a
	}
	return list, nil
}

// OnlyConnections returns a word of the directive that says nothing of datagrams,
// "" for none.
func (l *Listen) OnlyConnections() string {
	o := &l.Options
	switch {
	case o.FastOpen > 0:
		return "fastopen"
	case l.backlog:
		return "backlog"
	case o.DeferAccept:
		return "deferred"
	case o.Multipath:
		return "multipath"
	case l.TLS:
		return "ssl"
	case o.KeepAlive.Set:
		return "so_keepalive"
	case l.ProxyProtocol:
		return "proxy_protocol"
	}
	return ""
}

// Add adds the addresses of a listen directive, which was written so, to those
// that a server has.
func Add(had, more []Listen, text string) ([]Listen, error) {
	for _, l := range more {
		for _, other := range had {
			if other.Addr == l.Addr {
				return nil, fmt.Errorf("a duplicate listen %s", text)
			}
		}
		had = append(had, l)
	}
	return had, nil
}

// word understands one word after the address.
func (l *Listen) word(word string, addr listen.Address) error {
	name, value, has := strings.Cut(word, "=")
	number := func(into *int) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("invalid %s %q", name, value)
		}
		*into, l.given, l.Options.Bind = n, true, true
		return nil
	}
	size := func(into *int) error {
		n, err := nc.ParseSize(value)
		if err != nil || n < 1 {
			return fmt.Errorf("invalid %s %q", name, value)
		}
		*into, l.given, l.Options.Bind = int(n), true, true
		return nil
	}
	socket := func(into *bool, v bool) error {
		*into, l.given, l.Options.Bind = v, true, true
		return nil
	}
	switch {
	case word == "default_server":
		l.isDefault = true
		return nil
	case word == "bind":
		l.given, l.Options.Bind = true, true
		return nil
	case word == "ssl":
		l.TLS = true
		return nil
	case word == "proxy_protocol":
		l.ProxyProtocol = true
		return nil
	case word == "reuseport":
		return socket(&l.Options.ReusePort, true)
	case word == "deferred":
		return socket(&l.Options.DeferAccept, true)
	case word == "multipath":
		return socket(&l.Options.Multipath, true)
	case !has:
	case name == "backlog":
		l.backlog = true
		if n, err := strconv.Atoi(value); err == nil && n == -1 {
			return nil
		}
		return number(&l.Options.Backlog)
	case name == "rcvbuf":
		return size(&l.Options.RcvBuf)
	case name == "sndbuf":
		return size(&l.Options.SndBuf)
	case name == "fastopen":
		return number(&l.Options.FastOpen)
	case name == "setfib", name == "accept_filter":
		return fmt.Errorf("%s is not supported on this platform", name)
	case name == "ipv6only":
		if value != "on" && value != "off" {
			return fmt.Errorf("invalid ipv6only flags %q", value)
		}
		if addr.Unix != "" || !addr.IP.Addr().Is6() {
			return errors.New("ipv6only is not supported on addr \"" + addr.String() + "\", ignored")
		}
		return socket(&l.Options.IPv6Only, value == "on")
	case name == "so_keepalive":
		l.given, l.Options.Bind = true, true
		return parseKeepalive(&l.Options.KeepAlive, value)
	}
	return fmt.Errorf("invalid parameter %q", word)
}

func parseKeepalive(k *listen.Keepalive, value string) error {
	k.Set = true
	switch value {
	case "on":
		k.On = true
		return nil
	case "off":
		return nil
	}
	parts := strings.Split(value, ":")
	if len(parts) != 3 {
		return fmt.Errorf("invalid so_keepalive value: %q", value)
	}
	bad := fmt.Errorf("invalid so_keepalive value: %q", value)
	var err error
	if parts[0] != "" {
		if k.Idle, err = nc.ParseSec(parts[0]); err != nil {
			return bad
		}
	}
	if parts[1] != "" {
		if k.Intvl, err = nc.ParseSec(parts[1]); err != nil {
			return bad
		}
	}
	if parts[2] != "" {
		if k.Count, err = strconv.Atoi(parts[2]); err != nil {
			return bad
		}
	}
	if k.Idle == 0 && k.Intvl == 0 && k.Count == 0 {
		return bad
	}
	k.On = true
	return nil
}

// parseAddress reads ADDRESS:PORT, ADDRESS, PORT, [IPV6]:PORT, *:PORT, HOST:PORT and
// unix:PATH. port is one that is not written. A host name is looked up once, as
// nginx does.
func parseAddress(text, port string) ([]listen.Address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return nil, fmt.Errorf("no path in the unix domain socket in %q", text)
		}
		if len(path) > 107 {
			return nil, fmt.Errorf("too long path in the unix domain socket in %q", text)
		}
		return []listen.Address{{Unix: path}}, nil
	}
	host := text
	switch {
	case strings.HasPrefix(text, "["):
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return nil, fmt.Errorf("invalid host in %q", text)
		}
		host = text[1:end]
		if rest := text[end+1:]; rest != "" {
			if rest[0] != ':' {
				return nil, fmt.Errorf("host not found in %q", text)
			}
			port = rest[1:]
		}
		if host == "" {
			return nil, fmt.Errorf("invalid host in %q", text)
		}
	case strings.Contains(text, ":"):
		host, port, _ = strings.Cut(text, ":")
	case strings.Trim(text, "0123456789-") == "":
		host, port = "*", text
	}
	if port == "" {
		return nil, fmt.Errorf("no port in %q", text)
	}
	first, last, err := parsePorts(port)
	if err != nil {
		return nil, fmt.Errorf("%w in %q", err, text)
	}
	ips, err := listenIPs(host)
	if err != nil {
		return nil, fmt.Errorf("%w in %q", err, text)
	}
	var addrs []listen.Address
	for _, ip := range ips {
		for p := first; p <= last; p++ {
			addrs = append(addrs, listen.Address{IP: netip.AddrPortFrom(ip, uint16(p))})
		}
	}
	return addrs, nil
}

func parsePorts(text string) (first, last int, err error) {
	lo, hi, isRange := strings.Cut(text, "-")
	first, err = strconv.Atoi(lo)
	last = first
	if err == nil && isRange {
		last, err = strconv.Atoi(hi)
	}
	if err != nil || first < 1 || last > 65535 || last < first {
		return 0, 0, errors.New("invalid port")
	}
	return first, last, nil
}

func listenIPs(host string) ([]netip.Addr, error) {
	if host == "" {
		return nil, errors.New("no host")
	}
	if host == "*" {
		return []netip.Addr{netip.IPv4Unspecified()}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	found, err := net.LookupIP(host)
	if err != nil || len(found) == 0 {
		return nil, errors.New("host not found")
	}
	var ips []netip.Addr
	for _, f := range found {
		if ip, ok := netip.AddrFromSlice(f); ok {
			ips = append(ips, ip.Unmap())
		}
	}
	return ips, nil
}
