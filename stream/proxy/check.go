package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/sock"
	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/checker"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/stream"
)

// Check is health_check of stream, as nginx Plus has it:
//
//	health_check [interval=time] [jitter=time] [fails=number] [passes=number]
//	             [mandatory [persistent]] [match=name] [port=number] [udp];
//	health_check_timeout time;
//	match name { send string; expect string | ~ regex; }
//
// Each peer is connected to, over TLS if proxy_ssl is on, is sent what the match
// block says, and is well if it answers what that expects. Over UDP, without a match
// block, it is sent a text, and is well unless that cannot be delivered.
var Check = &stream.Module{
	Name: "upstream_hc",
	Commands: []nc.Command{
		{Name: "health_check", In: nc.StreamServer, Arity: nc.Any, Set: readCheck},
		{Name: "health_check_timeout", In: everywhere, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *settings) *nc.Value[time.Duration] { return &c.checkTimeout }))},
		{Name: "match", In: nc.Stream, Arity: nc.Block | nc.Take1, Set: readMatch},
	},
	Init: completeChecks,
}

// healthCheck is one health_check directive.
type healthCheck struct {
	checker.Checker
	pos   nc.Pos
	udp   bool
	match *match // nil: none

	server *stream.Server
	c      *settings
}

func readCheck(s *nc.Scope, d *nc.Directive) error {
	v := &slot.Of(&stream.ServerOf(s).Level).check
	if *v != nil {
		return nc.ErrDuplicate
	}
	c := &healthCheck{Checker: checker.New(), pos: d.Pos}
	err := c.Read(d.Args, func(name, _ string, valued bool) error {
		if name != "udp" || valued {
			return checker.ErrParameter
		}
		c.udp = true
		return nil
	})
	*v = c
	return err
}

// completeChecks has the checks of all servers run.
func completeChecks(st *stream.Stream) error {
	var errs nc.Errors
	for _, srv := range st.Servers {
		c := slot.Of(&srv.Level).check
		if c == nil {
			continue
		}
		if err := c.complete(st, srv); err != nil {
			errs = append(errs, &nc.Error{Pos: c.pos, Msg: err.Error(), Err: err})
			continue
		}
		st.Background(c.Run)
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// complete finds what the check is for.
func (c *healthCheck) complete(st *stream.Stream, srv *stream.Server) error {
	c.server, c.c = srv, slot.Of(&srv.Level)
	if pass := c.c.pass; pass == nil || pass.value != nil || !pass.ref.Declared() {
		return errors.New("\"health_check\" needs a server that passes connections to an upstream block")
	}
	if c.MatchName != "" {
		if c.match = (*matchesSlot.Of(&st.Realm))[c.MatchName]; c.match == nil {
			return fmt.Errorf("unknown match \"%s\"", c.MatchName)
		}
	}
	kind := "tcp"
	if c.udp {
		kind = "udp"
	}
	t := c.c.pass.ref.Target()
	c.Upstream, c.Group = t.Name, t.Group
	c.Limit, c.Ask, c.Log = c.c.checkTimeout.V, c.ask, srv.Log
	c.Check.Name = cmp.Or(c.MatchName, kind)
	c.Check.Key = fmt.Sprintf("stream %q %q %d %s", srv.Names[0].Text, c.MatchName, c.Port, kind)
	var before *upstream.Group
	if st.Previous != nil {
		before = block.Find(st.Previous, t.Name)
	}
	c.Group.AddCheck(&c.Check, before)
	return nil
}

// udpQuestion is what a peer is sent over UDP unless a match block says what.
const udpQuestion = "nginx health check"

// ask implements checker.Ask.
func (c *healthCheck) ask(ctx context.Context, to upstream.Addr) *checker.Failure {
	action := "connecting to upstream"
	conn, err := c.connect(to)
	if err == nil {
		defer func() { _ = conn.Close() }()
		deadline, _ := ctx.Deadline()
		_ = conn.SetDeadline(deadline)
		defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
		if c.c.ssl.V && !c.udp {
			action = "SSL handshaking to upstream"
			conn, err = c.secure(ctx, conn)
		}
	}
	var send []byte
	if c.match != nil {
		send = c.match.send
	} else if c.udp {
		send = []byte(udpQuestion)
	}
	if err == nil && send != nil {
		action = "sending data to upstream"
		_, err = conn.Write(send)
	}
	if err == nil {
		action = "reading data from upstream"
		err = c.listen(conn)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &checker.Failure{Action: action, Reason: "upstream timed out"}
	case errors.Is(err, errUnexpected):
		return &checker.Failure{Action: "checking data", Reason: err.Error()}
	}
	return &checker.Failure{Action: action, Reason: errorlog.Reason(err)}
}

var errUnexpected = errors.New("the answer is not what is expected")

// listen reads what a peer answers, as far as that matters.
func (c *healthCheck) listen(conn net.Conn) error {
	if !c.match.wantsAnswer() {
		if !c.udp {
			return nil
		}
		// A message of ICMP that nobody listens there would have come by now on
		// most networks.
		_ = conn.SetReadDeadline(time.Now().Add(min(c.Limit/2, time.Second)))
		if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		return nil
	}
	buf := make([]byte, c.c.buffer.V)
	for n := 0; ; {
		m, err := conn.Read(buf[n:])
		n += m
		found, matchErr := c.match.found(buf[:n])
		switch {
		case found:
			return nil
		case matchErr != nil:
			return matchErr
		case n == len(buf), err == io.EOF, c.udp && err == nil:
			return errUnexpected
		case err != nil:
			return err
		}
	}
}

// connect connects to a peer, and tells it so where it is told whom it serves.
func (c *healthCheck) connect(to upstream.Addr) (net.Conn, error) {
	o := c.c.options(c.server.Before(new(session.Client)))
	if c.udp {
		fd, err := sock.Datagrams(to.IP, &o)
		if to.Network == "unix" {
			fd, err = sock.DatagramsUnix(to.Text, &o)
		}
		if err != nil {
			return nil, err
		}
		return sock.New(fd)
	}
	if to.Network == "unix" {
		return sock.DialUnix(to.Text, &o)
	}
	conn, connected, err := sock.Dial(to.IP, &o)
	if err == nil && !connected {
		if err = conn.Connected(c.Limit); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	if c.c.proxyProtocol.V > 0 {
		_, err = conn.Write(c.c.appendProxyHeader(nil, netip.AddrPort{}, netip.AddrPort{}, false))
	}
	return conn, err
}

// secure does the handshake of TLS.
func (c *healthCheck) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	client, err := c.c.client(conn, c.server.Before(new(session.Client)), c.Upstream)
	if err == nil {
		err = client.HandshakeContext(ctx)
	}
	return client, err
}
