package virtual

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"tandem/internal/listen"
	nc "tandem/nginxconf"
)

// parseAddress reads ADDRESS:PORT, ADDRESS, PORT, [IPV6]:PORT, *:PORT, HOST:PORT and
// unix:PATH. port is one that is not written. A host name is looked up once, as
// nginx does.
func parseAddress(text, port string) ([]listen.Address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return nil, fmt.Errorf("no path in the unix domain socket in \"%s\"", text)
		}
		if len(path) > 107 {
			return nil, fmt.Errorf("too long path in the unix domain socket in \"%s\"", text)
		}
		return []listen.Address{{Unix: path}}, nil
	}
	fail := func(err error) ([]listen.Address, error) { return nil, fmt.Errorf("%w in \"%s\"", err, text) }
	host, written := text, true
	switch {
	case strings.Contains(text, "/"):
		return fail(errHost)
	case strings.HasPrefix(text, "["):
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return fail(errHost)
		}
		host = text[:end+1]
		rest := text[end+1:]
		if written = rest != ""; written {
			if rest[0] != ':' {
				return fail(errHost)
			}
			port = rest[1:]
		}
	case strings.Contains(text, ":"):
		host, port, _ = strings.Cut(text, ":")
	case onlyPorts(text):
		host, port = "*", text
	default:
		written = false
	}
	first, last := 0, 0
	if written || port != "" {
		var err error
		if first, last, err = parsePorts(port); err != nil {
			return fail(err)
		}
	}
	ips, err := listenIPs(host)
	if err != nil {
		return fail(err)
	}
	if first == 0 {
		return fail(errors.New("no port"))
	}
	var addrs []listen.Address
	for _, ip := range ips {
		for p := first; p <= last; p++ {
			addrs = append(addrs, listen.Address{IP: netip.AddrPortFrom(ip, uint16(p))})
		}
	}
	return addrs, nil
}

var (
	errHost = errors.New("invalid host")
	errPort = errors.New("invalid port")
)

// onlyPorts reports whether an address without a colon is a port, or a range of
// them, and not a host.
func onlyPorts(text string) bool {
	first, last, isRange := strings.Cut(text, "-")
	_, err := nc.ParseNumber(first)
	if err == nil && isRange {
		_, err = nc.ParseNumber(last)
	}
	return err == nil
}

func parsePorts(text string) (first, last int, err error) {
	lo, hi, isRange := strings.Cut(text, "-")
	first, err = nc.ParseNumber(lo)
	last = first
	if err == nil && isRange {
		last, err = nc.ParseNumber(hi)
	}
	if err != nil || first < 1 || first > 65535 || last < 1 || last > 65535 {
		return 0, 0, errPort
	}
	if first > last {
		return 0, 0, errors.New("invalid port range")
	}
	return first, last, nil
}

func listenIPs(host string) ([]netip.Addr, error) {
	if host == "" || host == "[]" {
		return nil, errors.New("no host")
	}
	if host == "*" {
		return []netip.Addr{netip.IPv4Unspecified()}, nil
	}
	if literal, ok := strings.CutPrefix(host, "["); ok {
		ip, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return nil, errors.New("invalid IPv6 address")
		}
		return []netip.Addr{ip}, nil
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
