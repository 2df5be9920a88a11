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
	"sync/atomic"

	"tandem/internal/openmetrics"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/status"
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
	return r.SendBytes(200, []byte(f.ContentType()), written(&r.Server.HTTP.Realm, node.Report(), f))
}

// text is a report as metrics.
type text struct {
	of    *status.Report
	bytes []byte
}

// last has the text that was written last in each format.
var last = session.NewRealmSlot[[2]atomic.Pointer[text]]()

// written returns a report as metrics. Clients that come at about the same time are
// shown the same report, which is written once.
func written(realm *session.Realm, report *status.Report, f openmetrics.Format) []byte {
	at := &last.Of(realm)[f]
	if t := at.Load(); t != nil && t.of == report {
		return t.bytes
	}
	t := &text{report, report.WriteMetrics(f)}
	at.Store(t)
	return t.bytes
}
