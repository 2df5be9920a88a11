package exchange

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/upstream"
)

// server is a server directive of an upstream block.
type server struct {
	upstream.Server
	location upstream.Location
}

const defaultFailTimeout = 10 * time.Second

// readServer reads server address [parameters].
func readServer(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	l, err := upstream.ParseLocation(d.Args[0], 80, false)
	if err != nil {
		return fmt.Errorf("%w in upstream \"%s\"", err, d.Args[0])
	}
	srv := server{location: l, Server: upstream.Server{
		Name: d.Args[0], Weight: 1, MaxFails: 1, FailTimeout: defaultFailTimeout,
	}}
	for _, p := range d.Args[1:] {
		if err := srv.parameter(p); err != nil {
			return err
		}
	}
	b.servers = append(b.servers, srv)
	return nil
}

// maxRoute is the length of a route at most.
const maxRoute = 32

func (srv *server) parameter(p string) error {
	name, value, _ := strings.Cut(p, "=")
	var err error
	switch name {
	case "weight":
		srv.Weight, err = nc.ParseNumber(value)
		if srv.Weight == 0 {
			err = nc.ErrInvalidNumber
		}
	case "max_conns":
		srv.MaxConns, err = nc.ParseNumber(value)
	case "max_fails":
		srv.MaxFails, err = nc.ParseNumber(value)
	case "fail_timeout":
		srv.FailTimeout, err = nc.ParseSec(value)
	case "slow_start":
		srv.SlowStart, err = nc.ParseMsec(value)
	case "route":
		switch srv.Route = value; {
		case value == "":
			return errors.New("route is empty")
		case len(value) > maxRoute:
			return fmt.Errorf("route is longer than %d", maxRoute)
		}
	default:
		switch p {
		case "backup":
			srv.Backup = true
		case "down":
			srv.Down = true
		case "drain":
			srv.Drain = true
		default:
			err = nc.ErrInvalidValue
		}
	}
	if err != nil {
		return fmt.Errorf("invalid parameter \"%s\"", p)
	}
	return nil
}

// resolve finds the addresses of the server.
func (srv *server) resolve(upstreamName string) error {
	l := &srv.location
	if l.Literal {
		srv.Addrs = []upstream.Addr{l.Addr}
		return nil
	}
	ips, err := net.LookupIP(l.Host)
	if err != nil || len(ips) == 0 {
		return fmt.Errorf("host not found in upstream \"%s\"", l.Host)
	}
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip); ok {
			srv.Addrs = append(srv.Addrs, upstream.TCPAddr(netip.AddrPortFrom(a.Unmap(), uint16(l.Port))))
		}
	}
	return nil
}
