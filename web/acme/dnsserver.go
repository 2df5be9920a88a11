package acme

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/acme/dnsrecord"
	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// parsePort reads [ADDRESS:]PORT, or an address alone.
func parsePort(text string, port uint16) (netip.AddrPort, error) {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil && n > 0 {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n)), nil
	}
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(addr, port), nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil || at.Port() == 0 {
		return at, fmt.Errorf("invalid port value \"%s\"", text)
	}
	return at, nil
}

const dnsPort, httpPort = 53, 80

func readDNSPort(s *nc.Scope, d *nc.Directive) error {
	c := conf.Of(session.BlockOf(s).Realm)
	if c.dnsAt.IsValid() {
		return nc.ErrDuplicate
	}
	var err error
	c.dnsAt, err = parsePort(d.Args[0], dnsPort)
	return err
}

// readHTTPPort checks acme_http_port: every server answers on every port, and nothing
// is listened on for that alone.
func readHTTPPort(_ *nc.Scope, d *nc.Directive) error {
	_, err := parsePort(d.Args[0], httpPort)
	return err
}

// answersNames reports whether some client has this server itself asked by the DNS.
func (c *settings) answersNames() bool {
	for _, cl := range c.clients {
		if cl.cert != nil && cl.asksServer() {
			return true
		}
	}
	return false
}

// serveNames answers questions for records while the configuration is in force. A
// socket that cannot be had is tried again: the configuration before may still have it.
func (c *settings) serveNames(ctx context.Context, h *web.HTTP) {
	at := c.dnsAt
	if !at.IsValid() {
		at = netip.AddrPortFrom(netip.IPv4Unspecified(), dnsPort)
	}
	ttl := uint32(dnsTTL)
	if c.dnsTTL.Set {
		ttl = uint32(c.dnsTTL.V)
	}
	for ctx.Err() == nil {
		socket, err := listenNames(ctx, at)
		if err == nil {
			err = dnsrecord.Serve(ctx, socket, ttl, c.keeper.DNS01)
		}
		if err != nil && ctx.Err() == nil {
			h.Log.Printf(errorlog.Error, "acme: the DNS on %v: %v", at, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retrySocket):
		}
	}
}

// dnsTTL is how long records may be kept, in seconds, and retrySocket when a socket is
// tried again.
const (
	dnsTTL      = 60
	retrySocket = 10 * time.Second
)

// listenNames opens a socket beside that of the configuration before.
func listenNames(ctx context.Context, at netip.AddrPort) (socket net.PacketConn, err error) {
	listener := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		if err == nil {
			err = failed
		}
		return err
	}}
	privilege.Raise(func() { socket, err = listener.ListenPacket(ctx, "udp", at.String()) })
	return socket, err
}
