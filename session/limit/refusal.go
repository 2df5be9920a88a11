package limit

import (
	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
)

// refusal is what limit_req_* and limit_conn_* say alike of requests that are
// over a limit.
type refusal struct {
	status nc.Value[int]
	level  nc.Value[errorlog.Level]
	dryRun nc.Value[bool]
}

func (c *refusal) inherit(p *refusal) {
	c.status.Inherit(p.status, 503)
	c.level.Inherit(p.level, errorlog.Error)
	c.dryRun.Inherit(p.dryRun, false)
}

// refusalCommands are the directives that set the refusal of a module's
// settings.
func refusalCommands[T any](in nc.Context, prefix string, slot session.LevelSlot[T], of func(*T) *refusal) []nc.Command {
	return []nc.Command{
		{Name: prefix + "_status", In: in &^ (nc.Stream | nc.StreamServer), Arity: nc.Take1, // stream has no status to answer
			Set: nc.SetNumber(session.At(slot, func(c *T) *nc.Value[int] { return &of(c).status }), nc.Bounds(400, 599))},
		{Name: prefix + "_log_level", In: in, Arity: nc.Take1,
			Set: nc.SetEnum(session.At(slot, func(c *T) *nc.Value[errorlog.Level] { return &of(c).level }), logLevels...)},
		{Name: prefix + "_dry_run", In: in, Arity: nc.Flag,
			Set: nc.SetFlag(session.At(slot, func(c *T) *nc.Value[bool] { return &of(c).dryRun }))},
	}
}
