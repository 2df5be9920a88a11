package stream

import (
	"time"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
)

// core is what every server has.
type core struct {
	alpn        nc.Value[[]string]
	errorLog    nc.Value[*errorlog.Log] // nil: the main one
	noDelay     nc.Value[bool]
	prereadSize nc.Value[int64]
	prereadTime nc.Value[time.Duration]
	proxyTime   nc.Value[time.Duration] // for the PROXY header of the client
	handshake   nc.Value[time.Duration]
}

var coreSlot = session.NewLevelSlot(func(c, p *core) error {
	c.errorLog.Inherit(p.errorLog, nil)
	c.noDelay.Inherit(p.noDelay, true)
	c.prereadSize.Inherit(p.prereadSize, 16<<10)
	c.prereadTime.Inherit(p.prereadTime, 30*time.Second)
	c.proxyTime.Inherit(p.proxyTime, 30*time.Second)
	c.alpn.Inherit(p.alpn, nil)
	c.handshake.Inherit(p.handshake, time.Minute)
	return nil
})

const everywhere = nc.Stream | nc.StreamServer

// of gives setters the core settings of the level that is being read.
func of[V any](field func(*core) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return session.At(coreSlot, field)
}

var coreCommands = []nc.Command{
	{Name: "server", In: nc.Stream, Arity: nc.Block | nc.NoArgs, Set: readServer},
	{Name: "listen", In: nc.StreamServer, Arity: nc.OneMore, Set: readListen},
	{Name: "server_name", In: nc.StreamServer, Arity: nc.OneMore, Set: readServerName},
	{Name: "error_log", In: everywhere, Arity: nc.OneMore, Set: session.SetErrorLog(of(func(c *core) *nc.Value[*errorlog.Log] { return &c.errorLog }))},
	{Name: "tcp_nodelay", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(of(func(c *core) *nc.Value[bool] { return &c.noDelay }))},
	{Name: "preread_buffer_size", In: everywhere, Arity: nc.Take1, Set: nc.SetSize(of(func(c *core) *nc.Value[int64] { return &c.prereadSize }))},
	{Name: "preread_timeout", In: everywhere, Arity: nc.Take1, Set: nc.SetMsec(of(func(c *core) *nc.Value[time.Duration] { return &c.prereadTime }))},
	{Name: "proxy_protocol_timeout", In: everywhere, Arity: nc.Take1, Set: nc.SetMsec(of(func(c *core) *nc.Value[time.Duration] { return &c.proxyTime }))},
	{Name: "ssl_alpn", In: everywhere, Arity: nc.OneMore, Set: readALPN},
	{Name: "ssl_handshake_timeout", In: everywhere, Arity: nc.Take1, Set: nc.SetMsec(of(func(c *core) *nc.Value[time.Duration] { return &c.handshake }))},

	// Tables grow as they need to.
	{Name: "variables_hash_max_size", In: nc.Stream, Arity: nc.Take1},
	{Name: "variables_hash_bucket_size", In: nc.Stream, Arity: nc.Take1},
	{Name: "server_names_hash_max_size", In: nc.Stream, Arity: nc.Take1},
	{Name: "server_names_hash_bucket_size", In: nc.Stream, Arity: nc.Take1},
}

// readALPN reads ssl_alpn protocol ...
func readALPN(s *nc.Scope, d *nc.Directive) error {
	v := &coreSlot.Of(session.BlockOf(s).Level).alpn
	if v.Set {
		return nc.ErrDuplicate
	}
	for _, name := range d.Args {
		if len(name) > 255 {
			return nc.Complaint("protocol too long")
		}
	}
	*v = nc.Value[[]string]{V: d.Args, Set: true}
	return nil
}
