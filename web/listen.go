package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"tandem/internal/listen"
	"tandem/nginxconf"
)

type listening struct {
	addr          listen.Address
	pos           nginxconf.Pos
	opts          listen.Options
	optsGiven     bool
	isDefault     bool
	ssl           bool
	http2         bool
	quic          bool
	proxyProtocol bool
}

// Port is one socket to listen on, with the addresses that share it.
type Port struct {
	listen.Port
	// addrs: more particular addresses that this wildcard socket accepts
	// for; nil for most.
	addrs    map[netip.Addr]*addrServers
	fallback *addrServers
}

// addrServers are the servers of one address.
type addrServers struct {
	addr          listen.Address
	dflt          *Server
	names         *nameTable // nil: only the default
	servers       []*Server
	proxyProtocol bool
	ssl           bool
	http2         bool
	pos           nginxconf.Pos
	opts          listen.Options
	optsGiven     bool
	defaultGiven  bool
}

func readListen(s *nginxconf.Scope, d *nginxconf.Directive) error {
	return BlockOf(s).Server.listen(d.Pos, d.Args[0], d.Args[1:])
}

func (srv *Server) listen(pos nginxconf.Pos, text string, params []string) error {
	addrs, err := parseListenAddress(text)
	if err != nil {
		return fmt.Errorf("%w of the \"listen\" directive", err)
	}
	l := listening{pos: pos, opts: listen.Options{IPv6Only: true}}
	for _, p := range params {
		if err := l.parameter(p, addrs[0]); err != nil {
			return err
		}
	}
	if l.quic {
		// A socket of UDP, on which nobody would be served.
		srv.HTTP.newer.ask("HTTP/3", pos)
		srv.quic = true
		return nil
	}
	for _, a := range addrs {
		one := l
		one.addr = a
		for _, other := range srv.listens {
			if other.addr == a {
				return fmt.Errorf("a duplicate listen %s", text)
			}
		}
		srv.listens = append(srv.listens, one)
	}
	return nil
}

// parameter understands one word after the address.
func (l *listening) parameter(p string, addr listen.Address) error {
	name, value, has := strings.Cut(p, "=")
	number := func(into *int) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("invalid %s %q", name, value)
		}
		*into, l.optsGiven, l.opts.Bind = n, true, true
		return nil
	}
	size := func(into *int) error {
		n, err := nginxconf.ParseSize(value)
		if err != nil || n < 1 {
			return fmt.Errorf("invalid %s %q", name, value)
		}
		*into, l.optsGiven, l.opts.Bind = int(n), true, true
		return nil
	}
	socket := func(into *bool, v bool) error {
		*into, l.optsGiven, l.opts.Bind = v, true, true
		return nil
	}
	switch {
	case p == "default_server" || p == "default":
		l.isDefault = true
		return nil
	case p == "bind":
		l.optsGiven, l.opts.Bind = true, true
		return nil
	case p == "ssl":
		l.ssl = true
		return nil
	case p == "http2":
		l.http2 = true
		return nil
	case p == "quic":
		l.quic = true
		return nil
	case p == "proxy_protocol":
		l.proxyProtocol = true
		return nil
	case p == "reuseport":
		return socket(&l.opts.ReusePort, true)
	case p == "deferred":
		return socket(&l.opts.DeferAccept, true)
	case p == "multipath":
		return socket(&l.opts.Multipath, true)
	case !has:
	case name == "backlog":
		if n, err := strconv.Atoi(value); err == nil && n == -1 {
			return nil
		}
		return number(&l.opts.Backlog)
	case name == "rcvbuf":
		return size(&l.opts.RcvBuf)
	case name == "sndbuf":
		return size(&l.opts.SndBuf)
	case name == "fastopen":
		return number(&l.opts.FastOpen)
	case name == "setfib", name == "accept_filter":
		return fmt.Errorf("%s is not supported on this platform", name)
	case name == "ipv6only":
		if value != "on" && value != "off" {
			return fmt.Errorf("invalid ipv6only flags %q", value)
		}
		if addr.Unix != "" || !addr.IP.Addr().Is6() {
			return errors.New("ipv6only is not supported on addr \"" + addr.String() + "\", ignored")
		}
		return socket(&l.opts.IPv6Only, value == "on")
	case name == "so_keepalive":
		l.optsGiven, l.opts.Bind = true, true
		return parseKeepalive(&l.opts.KeepAlive, value)
	}
	return fmt.Errorf("invalid parameter %q", p)
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
		if k.Idle, err = nginxconf.ParseSec(parts[0]); err != nil {
			return bad
		}
	}
	if parts[1] != "" {
		if k.Intvl, err = nginxconf.ParseSec(parts[1]); err != nil {
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

// parseListenAddress reads ADDRESS:PORT, ADDRESS, PORT, [IPV6]:PORT, *:PORT,
// HOST:PORT and unix:PATH. A host name is looked up once, as nginx does.
func parseListenAddress(text string) ([]listen.Address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return nil, fmt.Errorf("no path in the unix domain socket in %q", text)
		}
		if len(path) > 107 {
			return nil, fmt.Errorf("too long path in the unix domain socket in %q", text)
		}
		return []listen.Address{{Unix: path}}, nil
	}
	host, port := text, "80"
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

// arrangePorts groups the listen directives of all servers by socket. One
// wildcard socket accepts for all addresses of its port, unless one asked for
// a socket of its own.
func (h *HTTP) arrangePorts(s *nginxconf.Scope) {
	byAddr := make(map[listen.Address]*addrServers)
	var order []*addrServers
	for _, srv := range h.Servers {
		for _, l := range srv.listens {
			a := byAddr[l.addr]
			if a == nil {
				a = &addrServers{addr: l.addr, pos: l.pos, opts: l.opts}
				byAddr[l.addr] = a
				order = append(order, a)
			}
			a.add(s, srv, l)
		}
	}
	for _, a := range order {
		a.finish(s)
	}
	h.Ports = groupPorts(order)
}

func (a *addrServers) add(s *nginxconf.Scope, srv *Server, l listening) {
	if l.optsGiven {
		if a.optsGiven && a.opts != l.opts {
			s.ErrorAt(l.pos, "duplicate listen options for %s", l.addr)
			return
		}
		a.opts, a.optsGiven = l.opts, true
	}
	if l.isDefault {
		if a.defaultGiven {
			s.ErrorAt(l.pos, "a duplicate default server for %s", l.addr)
			return
		}
		a.defaultGiven, a.dflt = true, srv
	}
	if a.dflt == nil {
		a.dflt = srv
	}
	a.proxyProtocol = a.proxyProtocol || l.proxyProtocol
	a.ssl = a.ssl || l.ssl
	a.http2 = a.http2 || l.http2
	if l.ssl {
		srv.AsksTLS = &l.pos
	}
	a.servers = append(a.servers, srv)
}

func (a *addrServers) finish(s *nginxconf.Scope) {
	if a.http2 {
		// As in nginx, for all servers of the address.
		for _, srv := range a.servers {
			srv.http2 = true
		}
	}
	if len(a.servers) == 1 && a.servers[0].onlyPlainNames() {
		return
	}
	a.names = new(nameTable)
	for _, srv := range a.servers {
		for _, name := range srv.Names {
			if err := a.names.add(name, srv); err != nil {
				s.WarnAt(srv.Pos, "conflicting server name \"%s\" on %s, ignored", name.Text, a.addr)
			}
		}
	}
}

// onlyPlainNames: no regex among the names, whose captures a request may use.
func (srv *Server) onlyPlainNames() bool {
	for _, n := range srv.Names {
		if n.re != nil {
			return false
		}
	}
	return true
}

func groupPorts(order []*addrServers) []*Port {
	type wildcard struct {
		port uint16
		v6   bool
	}
	wild := make(map[wildcard]*Port)
	var ports []*Port
	key := func(a *addrServers) wildcard { return wildcard{a.addr.IP.Port(), a.addr.IP.Addr().Is6()} }
	for _, a := range order {
		if a.addr.IsWildcard() {
			p := &Port{Port: listen.Port{Addr: a.addr, Options: a.opts}, fallback: a}
			wild[key(a)] = p
			ports = append(ports, p)
		}
	}
	for _, a := range order {
		if a.addr.IsWildcard() {
			continue
		}
		if p := wild[key(a)]; a.addr.Unix == "" && p != nil && !a.opts.Bind {
			if p.addrs == nil {
				p.addrs = make(map[netip.Addr]*addrServers)
			}
			p.addrs[a.addr.IP.Addr()] = a
			continue
		}
		ports = append(ports, &Port{Port: listen.Port{Addr: a.addr, Options: a.opts}, fallback: a})
	}
	return ports
}

// servers returns the servers for a connection that was made to local.
func (p *Port) servers(local net.Addr) *addrServers {
	if p.addrs == nil {
		return p.fallback
	}
	if t, ok := local.(*net.TCPAddr); ok {
		if ip, ok := netip.AddrFromSlice(t.IP); ok {
			if a := p.addrs[ip.Unmap()]; a != nil {
				return a
			}
		}
	}
	return p.fallback
}
