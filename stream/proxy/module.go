// Package proxy is nginx's stream proxy module: sessions are passed on to back
// ends.
//
//	proxy_pass address;
//	proxy_connect_timeout, proxy_timeout, proxy_half_close, proxy_bind,
//	proxy_buffer_size, proxy_upload_rate, proxy_download_rate,
//	proxy_requests, proxy_responses,
//	proxy_next_upstream, proxy_next_upstream_tries, proxy_next_upstream_timeout,
//	proxy_protocol, proxy_socket_keepalive, proxy_socket_rcvbuf, proxy_socket_sndbuf,
//	proxy_ssl, proxy_ssl_*
//
// Where neither side has TLS, what comes in bulk is moved by the kernel (splice).
package proxy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/secure"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/stream"
)

// Upstream reads upstream blocks and offers the $upstream variables. It stands
// before Module in the list of modules.
var Upstream = &stream.Module{
	Name: "upstream", Commands: block.Commands(stream.Contexts), Variables: variables,
	Init: func(st *stream.Stream) error { return block.Complete(&st.Realm) },
}

// Module is the proxy module.
var Module = &stream.Module{
	Name: "proxy", Commands: commands,
	Init: func(st *stream.Stream) error {
		var errs []error
		for _, srv := range st.Servers {
			c := slot.Of(&srv.Level)
			if !c.ssl.V || c.pass == nil {
				continue
			}
			if err := c.tls.Use("proxy"); err != nil {
				errs = append(errs, &nc.Error{Pos: srv.Pos, Msg: err.Error()})
			}
		}
		return errors.Join(errs...)
	},
}

// settings are those of a server.
type settings struct {
	pass  *target      // nil: nothing is passed on
	check *healthCheck // nil: none

	bind           nc.Value[*secure.Bind]
	keepalive      nc.Value[bool]
	rcvbuf, sndbuf nc.Value[int64]
	connect        nc.Value[time.Duration]
	timeout        nc.Value[time.Duration]
	buffer         nc.Value[int64]
	upload         nc.Value[*session.Template]
	download       nc.Value[*session.Template]
	requests       nc.Value[int]
	responses      nc.Value[int]
	next           nc.Value[bool]
	nextTries      nc.Value[int]
	nextTimeout    nc.Value[time.Duration]
	proxyProtocol  nc.Value[int]
	halfClose      nc.Value[bool]
	ssl            nc.Value[bool]
	alpn           nc.Value[[]*session.Template]
	tls            secure.Settings
	checkTimeout   nc.Value[time.Duration]
}

// target is what proxy_pass says: one of them.
type target struct {
	ref   block.Ref
	value *session.Template // with variables
}

// unlimited is proxy_responses where it is not set.
const unlimited = 1<<31 - 1

var slot = session.NewLevelSlot(func(c, p *settings) error {
	c.bind.Inherit(p.bind, nil)
	c.keepalive.Inherit(p.keepalive, false)
	c.rcvbuf.Inherit(p.rcvbuf, 0)
	c.sndbuf.Inherit(p.sndbuf, 0)
	c.connect.Inherit(p.connect, time.Minute)
	c.timeout.Inherit(p.timeout, 10*time.Minute)
	c.buffer.Inherit(p.buffer, 16<<10)
	c.upload.Inherit(p.upload, nil)
	c.download.Inherit(p.download, nil)
	c.requests.Inherit(p.requests, 0)
	c.responses.Inherit(p.responses, unlimited)
	c.next.Inherit(p.next, true)
	c.nextTries.Inherit(p.nextTries, 0)
	c.nextTimeout.Inherit(p.nextTimeout, 0)
	c.proxyProtocol.Inherit(p.proxyProtocol, 0)
	c.halfClose.Inherit(p.halfClose, false)
	c.ssl.Inherit(p.ssl, false)
	c.alpn.Inherit(p.alpn, nil)
	c.tls.Inherit(&p.tls)
	c.checkTimeout.Inherit(p.checkTimeout, 5*time.Second)
	return nil
})

const everywhere = nc.Stream | nc.StreamServer

func at[V any](field func(*settings) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return session.At(slot, field)
}

var commands = slices.Concat([]nc.Command{
	{Name: "proxy_pass", In: nc.StreamServer, Arity: nc.Take1, Set: readPass},
	{Name: "proxy_bind", In: everywhere, Arity: nc.Take12, Set: secure.ReadBind(at(func(c *settings) *nc.Value[*secure.Bind] { return &c.bind }))},
	{Name: "proxy_socket_keepalive", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.keepalive }))},
	{Name: "proxy_socket_rcvbuf", In: everywhere, Arity: nc.Take1, Set: nc.SetSize(at(func(c *settings) *nc.Value[int64] { return &c.rcvbuf }))},
	{Name: "proxy_socket_sndbuf", In: everywhere, Arity: nc.Take1, Set: nc.SetSize(at(func(c *settings) *nc.Value[int64] { return &c.sndbuf }))},
	{Name: "proxy_connect_timeout", In: everywhere, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *settings) *nc.Value[time.Duration] { return &c.connect }))},
	{Name: "proxy_timeout", In: everywhere, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *settings) *nc.Value[time.Duration] { return &c.timeout }))},
	{Name: "proxy_buffer_size", In: everywhere, Arity: nc.Take1, Set: readBuffer},
	{Name: "proxy_downstream_buffer", In: everywhere, Arity: nc.Take1, Set: readBuffer},
	{Name: "proxy_upstream_buffer", In: everywhere, Arity: nc.Take1, Set: readBuffer},
	{Name: "proxy_upload_rate", In: everywhere, Arity: nc.Take1, Set: session.SetRate(at(func(c *settings) *nc.Value[*session.Template] { return &c.upload }))},
	{Name: "proxy_download_rate", In: everywhere, Arity: nc.Take1, Set: session.SetRate(at(func(c *settings) *nc.Value[*session.Template] { return &c.download }))},
	{Name: "proxy_requests", In: everywhere, Arity: nc.Take1, Set: nc.SetNumber(at(func(c *settings) *nc.Value[int] { return &c.requests }))},
	{Name: "proxy_responses", In: everywhere, Arity: nc.Take1, Set: nc.SetNumber(at(func(c *settings) *nc.Value[int] { return &c.responses }))},
	{Name: "proxy_next_upstream", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.next }))},
	{Name: "proxy_next_upstream_tries", In: everywhere, Arity: nc.Take1, Set: nc.SetNumber(at(func(c *settings) *nc.Value[int] { return &c.nextTries }))},
	{Name: "proxy_next_upstream_timeout", In: everywhere, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *settings) *nc.Value[time.Duration] { return &c.nextTimeout }))},
	{Name: "proxy_protocol", In: everywhere, Arity: nc.Take1, Set: nc.SetEnum(at(func(c *settings) *nc.Value[int] { return &c.proxyProtocol }),
		nc.Name{Name: "off", Value: 0}, nc.Name{Name: "on", Value: 1}, nc.Name{Name: "v2", Value: 2})},
	{Name: "proxy_half_close", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.halfClose }))},
	{Name: "proxy_ssl", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.ssl }))},
	{Name: "proxy_ssl_alpn", In: everywhere, Arity: nc.OneMore, Set: readALPN},
}, secure.Commands("proxy", everywhere, func(s *nc.Scope) *secure.Settings { return &slot.Of(session.BlockOf(s).Level).tls }))

// readPass reads proxy_pass address.
func readPass(s *nc.Scope, d *nc.Directive) error {
	srv := stream.ServerOf(s)
	c := slot.Of(&srv.Level)
	if c.pass != nil {
		return nc.ErrDuplicate
	}
	value, err := srv.Stream.Template(d, d.Args[0])
	if err != nil {
		return err
	}
	c.pass = &target{value: value}
	srv.Serve(c.serve)
	if !value.IsLiteral() {
		return nil
	}
	l, err := upstream.ParseLocation(d.Args[0], 0, false)
	if err != nil {
		return fmt.Errorf("%w in upstream \"%s\"", err, d.Args[0])
	}
	c.pass.value = nil
	c.pass.ref, err = block.Refer(&srv.Stream.Realm, d, l)
	return err
}

// readBuffer reads proxy_buffer_size, and its two old names.
func readBuffer(s *nc.Scope, d *nc.Directive) error {
	if d.Name != "proxy_buffer_size" {
		s.Warnf(d, "the \"%s\" directive is deprecated, use the \"proxy_buffer_size\" directive instead", d.Name)
	}
	return nc.SetSize(at(func(c *settings) *nc.Value[int64] { return &c.buffer }), func(n int64) error {
		if n == 0 {
			return errors.New("invalid value")
		}
		return nil
	})(s, d)
}

// readALPN reads proxy_ssl_alpn protocol ...
func readALPN(s *nc.Scope, d *nc.Directive) error {
	v := at(func(c *settings) *nc.Value[[]*session.Template] { return &c.alpn })(s)
	if v.Set {
		return nc.ErrDuplicate
	}
	v.Set = true
	for _, name := range d.Args {
		t, err := session.BlockOf(s).Realm.Template(d, name)
		if err != nil {
			return err
		}
		if t.IsLiteral() && len(name) > 255 {
			return nc.Complaint("protocol too long")
		}
		v.V = append(v.V, t)
	}
	return nil
}
