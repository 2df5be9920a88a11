package http2

import nc "tandem/nginxconf"

// obsolete are directives of older versions of nginx, which it still reads, with a
// warning, and makes nothing of; instead names what took their place, "" for
// nothing (ngx_http_v2_obsolete).
var obsolete = []struct {
	name, instead string
	arity         nc.Arity
	in            nc.Context
}{
	{"http2_recv_timeout", "client_header_timeout", nc.Take1, nc.HTTP | nc.Server},
	{"http2_idle_timeout", "keepalive_timeout", nc.Take1, nc.HTTP | nc.Server},
	{"http2_max_requests", "keepalive_requests", nc.Take1, nc.HTTP | nc.Server},
	{"http2_max_field_size", "large_client_header_buffers", nc.Take1, nc.HTTP | nc.Server},
	{"http2_max_header_size", "large_client_header_buffers", nc.Take1, nc.HTTP | nc.Server},
	{"http2_max_concurrent_pushes", "", nc.Take1, nc.HTTP | nc.Server},
	{"http2_push_preload", "", nc.Flag, nc.HTTP | nc.Server | nc.Location},
	{"http2_push", "", nc.Take1, nc.HTTP | nc.Server | nc.Location},
}

func obsoleteCommands() []nc.Command {
	var list []nc.Command
	for _, o := range obsolete {
		list = append(list, nc.Command{Name: o.name, In: o.in, Arity: o.arity, Set: func(s *nc.Scope, d *nc.Directive) error {
			if o.instead == "" {
				s.Warnf(d, "the \"%s\" directive is obsolete, ignored", o.name)
			} else {
				s.Warnf(d, "the \"%s\" directive is obsolete, use the \"%s\" directive instead", o.name, o.instead)
			}
			return nil
		}})
	}
	return list
}
