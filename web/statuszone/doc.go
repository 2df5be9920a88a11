// Package statuszone counts requests, as Angie's status_zone does: how many, with
// which statuses, how many bytes, and how long they took.
//
//	status_zone zone | key zone=zone[:count];    in server
//	status_zone zone | key zone=zone[:count] | off;    in location and in if in it
//
// A request counts for the zone of its server and for that of its location, if
// they have one. With a key, which may have variables, it counts under the key's
// value, for up to count values and then under the zone's name. Requests to servers
// without status_zone count under no name, so that the sum of all server zones is
// what the process has answered.
//
// Zones of the same name go on counting when the configuration is loaded again.
package statuszone

import (
	nc "tandem/nginxconf"
	"tandem/web"
)

// Module counts requests. Its handler of the log phase stands before that of the
// access log in the list of modules.
var Module = &web.Module{
	Name: "status_zone",
	Commands: []nc.Command{
		{Name: "status_zone", In: nc.Server, Arity: nc.Take12, Set: readServer},
		{Name: "status_zone", In: nc.Location | nc.LocationIf, Arity: nc.Take12, Set: readLocation},
	},
	Init: initModule,
}

func initModule(h *web.HTTP) error {
	m := zonesOf(&h.Realm)
	for _, srv := range h.Servers {
		c := serverSlot.Of(srv)
		if c.zone == nil {
			c.zone = &use{zone: m.servers.zone("")}
		} else if !m.processing {
			m.processing = true
			h.Handle(web.PostRead, begin)
		}
	}
	m.servers.old, m.locations.old = nil, nil // not to keep all configurations in memory
	h.Handle(web.Log, count)
	h.OnHandshake(countHandshake)
	return nil
}
