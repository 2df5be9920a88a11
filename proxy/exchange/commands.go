package exchange

import (
	"io/fs"
	"slices"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/proxy/secure"
	"tandem/session"
)

// in is where these directives stand.
const in = nc.HTTP | nc.Server | nc.Location

// Commands returns the directives that all protocols have, as one of the family
// has them; get returns the settings of the level being read.
func (f *Family) Commands(get func(*nc.Scope) *Settings) []nc.Command {
	prefix := f.Prefix
	flag := func(name string, f func(*Settings) *nc.Value[bool]) nc.Command {
		return nc.Command{Name: prefix + name, In: in, Arity: nc.Flag, Set: nc.SetFlag(of(get, f))}
	}
	size := func(name string, f func(*Settings) *nc.Value[int64]) nc.Command {
		return nc.Command{Name: prefix + name, In: in, Arity: nc.Take1, Set: nc.SetSize(of(get, f))}
	}
	msec := func(name string, f func(*Settings) *nc.Value[time.Duration]) nc.Command {
		return nc.Command{Name: prefix + name, In: in, Arity: nc.Take1, Set: nc.SetMsec(of(get, f))}
	}
	answers := answer.Commands(prefix, func(s *nc.Scope) *answer.Settings { return &get(s).Answers })
	return slices.Concat(f.cacheCommands(get), answers, []nc.Command{
		{Name: prefix + "_bind", In: in, Arity: nc.Take12, Set: secure.ReadBind(of(get, func(c *Settings) *nc.Value[*secure.Bind] { return &c.Bind }))},
		flag("_socket_keepalive", func(c *Settings) *nc.Value[bool] { return &c.SocketKeepalive }),
		size("_socket_rcvbuf", func(c *Settings) *nc.Value[int64] { return &c.SocketRcvbuf }),
		size("_socket_sndbuf", func(c *Settings) *nc.Value[int64] { return &c.SocketSndbuf }),
		msec("_connect_timeout", func(c *Settings) *nc.Value[time.Duration] { return &c.ConnectTimeout }),
		msec("_send_timeout", func(c *Settings) *nc.Value[time.Duration] { return &c.SendTimeout }),
		msec("_read_timeout", func(c *Settings) *nc.Value[time.Duration] { return &c.ReadTimeout }),
		{Name: prefix + "_next_upstream", In: in, Arity: nc.OneMore,
			Set: nc.SetBitmask(of(get, func(c *Settings) *nc.Value[Condition] { return &c.NextUpstream }), f.NextUpstream...)},
		{Name: prefix + "_next_upstream_tries", In: in, Arity: nc.Take1,
			Set: nc.SetNumber(of(get, func(c *Settings) *nc.Value[int] { return &c.NextUpstreamTries }))},
		msec("_next_upstream_timeout", func(c *Settings) *nc.Value[time.Duration] { return &c.NextUpstreamTimeout }),
		flag("_buffering", func(c *Settings) *nc.Value[bool] { return &c.Buffering }),
		size("_buffer_size", func(c *Settings) *nc.Value[int64] { return &c.BufferSize }),
		{Name: prefix + "_buffers", In: in, Arity: nc.Take2,
			Set: nc.SetBufs(of(get, func(c *Settings) *nc.Value[nc.Bufs] { return &c.Buffers }))},
		size("_busy_buffers_size", func(c *Settings) *nc.Value[int64] { return &c.BusyBuffersSize }),
		size("_max_temp_file_size", func(c *Settings) *nc.Value[int64] { return &c.MaxTempFileSize }),
		size("_temp_file_write_size", func(c *Settings) *nc.Value[int64] { return &c.TempFileWrite }),
		{Name: prefix + "_temp_path", In: in, Arity: nc.Take1234,
			Set: session.SetTempPath(of(get, func(c *Settings) *nc.Value[string] { return &c.TempPath }))},
		{Name: prefix + "_limit_rate", In: in, Arity: nc.Take1, Set: session.SetRate(of(get, func(c *Settings) *nc.Value[*session.Template] { return &c.LimitRate }))},
		flag("_request_buffering", func(c *Settings) *nc.Value[bool] { return &c.RequestBuffering }),
		flag("_pass_request_headers", func(c *Settings) *nc.Value[bool] { return &c.PassRequestHeaders }),
		flag("_pass_request_body", func(c *Settings) *nc.Value[bool] { return &c.PassRequestBody }),
		flag("_ignore_client_abort", func(c *Settings) *nc.Value[bool] { return &c.IgnoreClientAbort }),
		{Name: prefix + "_store", In: in, Arity: nc.Take1, Set: readStore(prefix, get)},
		{Name: prefix + "_store_access", In: in, Arity: nc.Take123,
			Set: nc.SetAccess(of(get, func(c *Settings) *nc.Value[fs.FileMode] { return &c.StoreAccess }))},
	})
}

// TLSCommands returns the directives for TLS to back ends, as one of the family
// has them.
func (f *Family) TLSCommands(get func(*nc.Scope) *Settings) []nc.Command {
	return secure.Commands(f.Prefix, in, func(s *nc.Scope) *secure.Settings { return &get(s).TLS })
}

func of[V any](get func(*nc.Scope) *Settings, field func(*Settings) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return func(s *nc.Scope) *nc.Value[V] { return field(get(s)) }
}
