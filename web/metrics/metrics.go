// Package metrics shows what the process counts, for Prometheus.
//
//	metrics on | off;    in location
//
// In a location that has it every path is answered with the metrics: in the format
// of OpenMetrics if the client asks for that, otherwise in Prometheus' own. The
// names are in the reference; among them are those of nginx-prometheus-exporter and
// keepalived-exporter.
package metrics

import (
	"tandem/internal/openmetrics"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/message"
)

// Module is the module of the directive metrics.
var Module = &web.Module{
	Name: "metrics",
	Commands: []nc.Command{
		{Name: "metrics", In: nc.Location, Arity: nc.Flag, Set: func(s *nc.Scope, d *nc.Directive) error {
			on, err := nc.ParseFlag(d.Args[0])
			if err == nil && on {
				web.BlockOf(s).Location.Handler = serve
			}
			return err
		}},
	},
}

func serve(r *web.Request) web.Code {
	if r.Method&(web.GET|web.HEAD) == 0 {
		return 405
	}
	r.DiscardBody()
	node := r.Server.HTTP.Node
	if node == nil {
		return 503
	}
	f := openmetrics.Accepted(string(r.Header(message.Accept)))
	return r.SendBytes(200, []byte(f.ContentType()), node.Report().WriteMetrics(f))
}
