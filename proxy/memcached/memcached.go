// Package memcached is memcached_pass: answers from a memcached server
// (https://github.com/memcached/memcached/blob/master/doc/protocol.txt).
package memcached

import (
	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/web"
)

// Module is memcached_pass and its directives:
//
//	memcached_pass address;
//	memcached_bind address [transparent] | off;
//	memcached_connect_timeout, _read_timeout, _send_timeout time;   60s
//	memcached_buffer_size size;                                     4k
//	memcached_next_upstream error | timeout | invalid_response | not_found | off ...;  error timeout
//	memcached_next_upstream_tries number;                           0
//	memcached_next_upstream_timeout time;                           0
//	memcached_socket_keepalive on | off;                            off
//	memcached_gzip_flag flag;                                       0
//
// The variable $memcached_key, which set gives a value, is the key.
var Module = &web.Module{Name: "memcached", Commands: commands()}

type settings struct {
	exchange.Settings
	to       *destination // nil: none; inherited by if alone
	gzipFlag nc.Value[int]
}

// destination is what one memcached_pass says.
type destination struct {
	ref block.Ref
	key *session.Template
}

var family = &exchange.Family{Prefix: "memcached", NextUpstream: []nc.Name{
	{Name: "error", Value: int(exchange.OnError)},
	{Name: "timeout", Value: int(exchange.OnTimeout)},
	{Name: "invalid_response", Value: int(exchange.OnInvalidHeader)},
	{Name: "not_found", Value: int(exchange.On404)},
	{Name: "off", Value: int(exchange.Never)},
}}

var slot = web.NewLocationSlot(func(c, p *settings) error {
	c.Settings.Inherit(&p.Settings, family)
	c.Buffering.V, c.PassRequestBody.V = false, false
	c.Answers.ForceRanges.V, c.Answers.InterceptErrors.V, c.Answers.Intercept404 = true, true, true
	c.gzipFlag.Inherit(p.gzipFlag, 0)
	if c.to == nil {
		c.to = p.to
	}
	return nil
})

func commands() []nc.Command {
	const in = nc.HTTP | nc.Server | nc.Location
	list := []nc.Command{
		{Name: "memcached_pass", In: nc.Location | nc.LocationIf, Arity: nc.Take1, Set: readPass},
		{Name: "memcached_gzip_flag", In: in, Arity: nc.Take1,
			Set: nc.SetNumber(web.At(slot, func(c *settings) *nc.Value[int] { return &c.gzipFlag }))},
	}
	get := func(s *nc.Scope) *exchange.Settings { return &slot.Of(web.BlockOf(s).Location).Settings }
	return append(list, family.Only(get, "_bind", "_socket_keepalive", "_connect_timeout", "_send_timeout", "_buffer_size", "_read_timeout",
		"_next_upstream", "_next_upstream_tries", "_next_upstream_timeout")...)
}

// readPass reads memcached_pass address.
func readPass(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	c := slot.Of(b.Location)
	if c.to != nil {
		return nc.ErrDuplicate
	}
	l := b.Location
	l.PassTo(handle)
	c.to = new(destination)
	var err error
	if c.to.key, err = b.HTTP.Template(d, "$memcached_key"); err != nil {
		return err
	}
	at, err := upstream.ParseLocation(d.Args[0], 0, false)
	if err != nil {
		return err
	}
	c.to.ref, err = block.Refer(&b.HTTP.Realm, d, at)
	return err
}

// handle answers a request of a location with memcached_pass.
func handle(r *web.Request) web.Code {
	set := slot.Of(r.Location)
	switch {
	case set.to == nil:
		r.Logf(errorlog.Alert, "no upstream configuration")
		return 500
	case r.Method&(web.GET|web.HEAD) == 0:
		return 405
	}
	r.DiscardBody()
	r.SetContentType()
	c := calls.Get().(*call)
	c.settings = set
	t := set.to.ref.Target()
	t.Scheme = "memcached://"
	return c.Run(r, &set.Settings, t, c)
}
