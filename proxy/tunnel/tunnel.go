// Package tunnel answers CONNECT requests (RFC 9110 section 9.3.6): it connects
// the client to the host that it asks for, or to a back end.
package tunnel

import (
	"sync"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/web"
)

// Module is tunnel_pass and its directives:
//
//	tunnel_pass [address];                  $host:$request_port
//	tunnel_bind address [transparent] | off;
//	tunnel_connect_timeout, _read_timeout, _send_timeout time;   60s
//	tunnel_buffer_size size;                4k
//	tunnel_next_upstream error | timeout | off ...;   error timeout
//	tunnel_next_upstream_tries number;      0
//	tunnel_next_upstream_timeout time;      0
//	tunnel_socket_keepalive on | off;       off
//	tunnel_socket_rcvbuf, _sndbuf size;     the kernel's choice
var Module = &web.Module{Name: "tunnel", Commands: commands()}

type settings struct {
	exchange.Settings
	to *destination // nil: none; inherited by if and limit_except alone
}

// destination is what one tunnel_pass says.
type destination struct {
	ref     block.Ref
	address *session.Template // nil: ref
}

var family = &exchange.Family{Prefix: "tunnel", NextUpstream: []nc.Name{
	{Name: "error", Value: int(exchange.OnError)},
	{Name: "timeout", Value: int(exchange.OnTimeout)},
	{Name: "off", Value: int(exchange.Never)},
}}

var slot = web.NewLocationSlot(func(c, p *settings) error {
	c.Settings.Inherit(&p.Settings, family)
	if c.to == nil {
		c.to = p.to
	}
	return nil
})

func commands() []nc.Command {
	list := []nc.Command{
		{Name: "tunnel_pass", In: nc.Server | nc.Location | nc.LocationIf, Arity: nc.NoArgs | nc.Take1, Set: readPass},
		family.SendLowat(),
	}
	get := func(s *nc.Scope) *exchange.Settings { return &slot.Of(web.BlockOf(s).Location).Settings }
	return append(list, family.Only(get, "_bind", "_socket_keepalive", "_socket_rcvbuf", "_socket_sndbuf", "_connect_timeout", "_send_timeout", "_buffer_size", "_read_timeout",
		"_next_upstream", "_next_upstream_tries", "_next_upstream_timeout")...)
}

// readPass reads tunnel_pass [address].
func readPass(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	c := slot.Of(b.Location)
	if c.to != nil {
		return nc.ErrDuplicate
	}
	b.Location.Handler = handle
	b.Server.AllowConnect()
	address := "$host:$request_port"
	if len(d.Args) > 0 {
		address = d.Args[0]
	}
	c.to = new(destination)
	var err error
	if session.HasVariables(address) {
		c.to.address, err = b.HTTP.Template(d, address)
		return err
	}
	l, err := upstream.ParseLocation(address, 0, false)
	if err != nil {
		return err
	}
	c.to.ref, err = block.Refer(&b.HTTP.Realm, d, l)
	return err
}

// call is one tunnel.
type call struct{ exchange.Exchange }

var calls = sync.Pool{New: func() any { return new(call) }}

func handle(r *web.Request) web.Code {
	if r.Method != web.CONNECT {
		return 405
	}
	set := slot.Of(r.Location)
	if set.to == nil {
		r.Logf(errorlog.Alert, "no upstream configuration")
		return 500
	}
	t, code := set.to.find(r)
	if code != web.OK {
		return code
	}
	if code := r.ReadBody(); code != web.OK {
		return code
	}
	c := calls.Get().(*call)
	c.Instant = true
	return c.Run(r, &set.Settings, t, c)
}

// find settles where the tunnel leads.
func (to *destination) find(r *web.Request) (block.Target, web.Code) {
	if to.address == nil {
		return to.ref.Target(), web.OK
	}
	address := string(to.address.Value(&r.Session))
	l, err := upstream.ParseLocation(address, 0, false)
	if err != nil {
		r.Logf(errorlog.Info, "%v in upstream \"%s\"", err, address)
		return block.Target{}, 500
	}
	return exchange.FindTarget(r, l)
}

// AppendRequest appends nothing: the client speaks for itself.
func (c *call) AppendRequest(dst []byte) ([]byte, error) { return dst, nil }

// ParseHead makes the response that tells the client that it is connected.
func (c *call) ParseHead([]byte) (int, error) {
	c.Head.Status, c.Head.StatusLine = 200, connected
	c.Upgrade = true
	return 0, nil
}

var connected = []byte("200 OK")

// ParseBody is not used: what follows the head goes through as it is.
func (c *call) ParseBody(b []byte) ([]byte, int, error) { return b, len(b), nil }

// FrameBody adds nothing.
func (c *call) FrameBody(before, after []byte, _ int64, _ bool) ([]byte, []byte) {
	return before, after
}

// Release gives the call back.
func (c *call) Release() { calls.Put(c) }
