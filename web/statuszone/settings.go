package statuszone

import (
	"fmt"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// use is one status_zone directive.
type use struct {
	zone *zone
	key  *session.Template // nil: the zone itself
}

type serverSettings struct{ zone *use }

type locationSettings struct{ zone nc.Value[*use] } // nil: off

// realmSettings are the zones of an http block.
type realmSettings struct {
	servers, locations zones
	processing         bool // requests under way are counted for some server zone
}

var (
	realmSlot    = session.NewRealmSlot[realmSettings]()
	serverSlot   = web.NewServerSlot[serverSettings](nil)
	locationSlot = web.NewLocationSlot(func(c, p *locationSettings) error {
		c.zone.Inherit(p.zone, nil)
		return nil
	})
)

// zonesOf returns the zones of a block that is being read.
func zonesOf(r *session.Realm) *realmSettings {
	m := realmSlot.Of(r)
	if r.Previous != nil && m.servers.old == nil {
		old := realmSlot.Of(r.Previous)
		m.servers.old, m.locations.old = &old.servers, &old.locations
	}
	return m
}

func readServer(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	c := serverSlot.Of(b.Server)
	if c.zone != nil {
		return nc.ErrDuplicate
	}
	r := &b.HTTP.Realm
	var err error
	c.zone, err = readUse(r, d, &zonesOf(r).servers)
	return err
}

func readLocation(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	v := &locationSlot.Of(b.Location).zone
	if v.Set {
		return nc.ErrDuplicate
	}
	v.Set = true
	if d.Args[0] == "off" {
		return nil
	}
	r := &b.HTTP.Realm
	var err error
	v.V, err = readUse(r, d, &zonesOf(r).locations)
	return err
}

// maxName is the length of a zone's name, and of a value of a key, at most; as in
// Angie.
const maxName = 255

// readUse reads zone | key zone=zone[:count].
func readUse(r *session.Realm, d *nc.Directive, all *zones) (*use, error) {
	key, err := r.Template(d, d.Args[0])
	if err != nil {
		return nil, err
	}
	name, values := d.Args[0], 0
	if len(d.Args) == 2 {
		spec, ok := strings.CutPrefix(d.Args[1], "zone=")
		if !ok {
			return nil, fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
		var number string
		if name, number, ok = strings.Cut(spec, ":"); ok {
			if values, err = nc.ParseNumber(number); err != nil || values == 0 {
				return nil, fmt.Errorf("invalid number of values \"%s\"", number)
			}
		}
	}
	switch {
	case name == "":
		return nil, fmt.Errorf("invalid zone name \"%s\"", name)
	case len(name) > maxName:
		return nil, fmt.Errorf("zone name \"%s\" must be less than %d characters", name, maxName)
	}
	u := &use{zone: all.zone(name)}
	if len(d.Args) == 2 {
		u.key = key
		u.zone.limit = max(u.zone.limit, values)
	}
	return u, nil
}
