// Package check asks back ends how they are, as nginx Plus' module
// ngx_http_upstream_hc_module does:
//
//	location / { proxy_pass http://NAME; health_check [parameters]; }
//	match NAME { status ...; header ...; body ...; require ...; }
//
// Every peer of the upstream block is asked at intervals, through the settings
// of the location. What it answers is judged by a match block; who fails gets
// no requests until it is well again.
package check

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/web"
)

// Module is health_check and match. It stands behind the protocols in the list
// of modules.
var Module = &web.Module{
	Name: "upstream_hc",
	Commands: []nc.Command{
		{Name: "health_check", In: nc.Location, Arity: nc.Any, Set: readCheck},
		{Name: "match", In: nc.HTTP, Arity: nc.Block | nc.Take1, Set: readMatch},
	},
	Init: complete,
}

// slot holds the check of a location; it is not inherited.
var slot = web.NewLocationSlot[located](nil)

type located struct{ check *healthCheck } // nil: none

// matchesSlot holds the match blocks by name.
var matchesSlot = session.NewRealmSlot[map[string]*match]()

// complete has the checks of all locations run.
func complete(h *web.HTTP) error {
	var errs nc.Errors
	h.Each(func(l *web.Location) {
		c := slot.Of(l).check
		if c == nil {
			return
		}
		if err := c.complete(h, l); err != nil {
			errs = append(errs, &nc.Error{Pos: c.pos, Msg: err.Error(), Err: err})
			return
		}
		h.Background(c.run)
	})
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// complete finds what the check is for.
func (c *healthCheck) complete(h *web.HTTP, l *web.Location) error {
	c.location, c.passer = l, exchange.PasserOf(l)
	if c.passer == nil || !c.passer.Ref.Declared() {
		return errors.New("\"health_check\" needs a location that passes requests to an upstream block")
	}
	if grpc := strings.HasPrefix(strings.ToLower(c.passer.Scheme), "grpc"); grpc != (c.grpc != nil) && !c.connect {
		return errors.New("\"type=grpc\" is for locations with \"grpc_pass\", which have no other checks but \"type=tcp\"")
	}
	if c.MatchName != "" {
		if c.match = (*matchesSlot.Of(&h.Realm))[c.MatchName]; c.match == nil {
			return fmt.Errorf("unknown match \"%s\"", c.MatchName)
		}
	}
	t := c.passer.Ref.Target()
	c.Upstream, c.Group = t.Name, t.Group
	settings := c.passer.Settings
	// Each step has its own limit; together they have one for back ends that do a
	// little at a time.
	c.Limit = settings.ConnectTimeout.V + settings.SendTimeout.V + settings.ReadTimeout.V
	c.Ask, c.Log = c.ask, func() *errorlog.Log { return cmp.Or(l.Core.ErrorLog.V, h.Log) }
	c.Check.Name = c.name()
	c.Check.Key = fmt.Sprintf("%q %q %q %q %d %v", l.Server.Name(), l.Name, c.uri, c.MatchName, c.Port, c.connect)
	if c.grpc != nil {
		c.Check.Key += fmt.Sprintf(" grpc %q", c.grpc.service)
	}
	var before *upstream.Group
	if h.Previous != nil {
		before = block.Find(h.Previous, t.Name)
	}
	c.Group.AddCheck(&c.Check, before)
	return nil
}
