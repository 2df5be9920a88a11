// Package grpc is grpc_pass: gRPC (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)
// with back ends, which is HTTP/2 whose messages go both ways as they come, and
// whose outcome stands in the fields behind the body.
package grpc

import (
	"slices"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/proxy/exchange"
	"tandem/proxy/header"
	"tandem/web"
)

// Module is grpc_pass and its directives.
var Module = &web.Module{Name: "grpc", Commands: commands(), Variables: variables}

// settings are those of one location.
type settings struct {
	exchange.Settings
	pass *pass // nil: none; inherited by if and limit_except alone

	setHeaders nc.Value[[]header.Setting]
	headers    *header.Table // what setHeaders and the defaults come to
	// Content-Length and TE are not the configuration's.
	ownLength, ownTE bool
}

var slot = web.NewLocationSlot(inherit)

var family = &exchange.Family{
	Prefix: "grpc", NextUpstream: slices.DeleteFunc(slices.Clone(exchange.NextUpstream), func(n nc.Name) bool { return n.Name == "updating" }),
	Answers: answer.Defaults{Hidden: []string{"Date", "Server"}, OwnServer: true},
}

func inherit(c, p *settings) error {
	// Messages go on as they come, and the outcome behind them.
	c.Buffering = nc.Value[bool]{V: false, Set: true}
	c.RequestBuffering = nc.Value[bool]{V: false, Set: true}
	c.Answers.PassTrailers = nc.Value[bool]{V: true, Set: true}
	c.Settings.Inherit(&p.Settings, family)
	if c.pass == nil {
		c.pass = p.pass
	}
	if c.pass != nil && c.pass.usesTLS() {
		if err := c.TLS.Use(family.Prefix); err != nil {
			return err
		}
	}
	if !c.setHeaders.Set {
		c.headers = p.headers
		for _, one := range p.setHeaders.V {
			one.Value.InForce()
		}
	}
	c.setHeaders.Inherit(p.setHeaders, nil)
	if c.headers == nil {
		c.headers = header.Compile(c.setHeaders.V)
	}
	c.ownLength, c.ownTE = !c.headers.Gives("content-length"), !c.headers.Gives("te")
	return nil
}

func of(s *nc.Scope) *settings { return slot.Of(web.BlockOf(s).Location) }

func commands() []nc.Command {
	const in = nc.HTTP | nc.Server | nc.Location
	get := func(s *nc.Scope) *exchange.Settings { return &of(s).Settings }
	list := family.Only(get, "_bind", "_socket_keepalive", "_socket_rcvbuf", "_socket_sndbuf", "_connect_timeout", "_send_timeout", "_read_timeout",
		"_buffer_size", "_intercept_errors", "_next_upstream", "_next_upstream_tries", "_next_upstream_timeout", "_pass_header", "_hide_header", "_ignore_headers")
	return slices.Concat(list, family.TLSCommands(get), []nc.Command{
		{Name: "grpc_pass", In: nc.Location | nc.LocationIf, Arity: nc.Take1, Set: readPass},
		{Name: "grpc_set_header", In: in, Arity: nc.Take2,
			Set: header.ReadSetting(web.At(slot, func(c *settings) *nc.Value[[]header.Setting] { return &c.setHeaders }))},
	})
}

var variables = []web.Variable{
	// What TE is, unless the configuration says otherwise.
	{Name: "grpc_internal_trailers", Get: func(r *web.Request, dst []byte) ([]byte, bool) {
		if !wantsTrailers(r) {
			return dst, false
		}
		return append(dst, trailers...), true
	}},
}
