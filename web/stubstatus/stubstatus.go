// Package stubstatus is nginx's stub_status module: a page and variables with
// counters of connections and requests.
package stubstatus

import (
	"strconv"

	nc "tandem/nginxconf"
	"tandem/web"
)

// Module is the stub_status module.
var Module = &web.Module{
	Name: "stub_status",
	Commands: []nc.Command{
		{Name: "stub_status", In: nc.Server | nc.Location, Arity: nc.NoArgs | nc.Take1, Set: func(s *nc.Scope, _ *nc.Directive) error {
			web.BlockOf(s).Location.Handler = serve
			return nil
		}},
	},
	Variables: []web.Variable{
		{Name: "connections_active", Get: counter(func(c web.Counts) int64 { return c.Connections })},
		{Name: "connections_reading", Get: counter(func(c web.Counts) int64 { return c.Reading })},
		{Name: "connections_writing", Get: counter(func(c web.Counts) int64 { return c.Active })},
		{Name: "connections_waiting", Get: counter(func(c web.Counts) int64 { return c.Waiting })},
	},
}

func counter(f func(web.Counts) int64) web.Getter {
	return func(r *web.Request, dst []byte) ([]byte, bool) {
		return strconv.AppendInt(dst, f(r.Counts()), 10), true
	}
}

var plain = []byte("text/plain")

// serve answers with the page that monitoring knows from nginx.
func serve(r *web.Request) web.Code {
	if r.Method&(web.GET|web.HEAD) == 0 {
		return 405
	}
	r.DiscardBody()
	c := r.Counts()
	b := append(r.Scratch(), "Active connections: "...)
	b = strconv.AppendInt(b, c.Connections, 10)
	b = append(b, " \nserver accepts handled requests\n "...)
	b = append(strconv.AppendUint(b, c.Accepted, 10), ' ')
	b = append(strconv.AppendUint(b, c.Accepted, 10), ' ')
	b = append(strconv.AppendUint(b, c.Requests, 10), " \nReading: "...)
	b = append(strconv.AppendInt(b, c.Reading, 10), " Writing: "...)
	b = append(strconv.AppendInt(b, c.Active, 10), " Waiting: "...)
	b = append(strconv.AppendInt(b, c.Waiting, 10), " \n"...)
	defer func() { r.Unscratch(b) }()
	return r.SendBytes(200, plain, b)
}
