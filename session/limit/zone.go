package limit

import (
	"fmt"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
)

// zoneSettings are what limit_req_zone and limit_conn_zone say alike.
type zoneSettings struct {
	name string
	size int64 // bytes
	key  *session.Template
}

// smallestZone is the least size of a zone in bytes: eight pages.
const smallestZone = 8 * 4096

// readZone reads KEY zone=NAME:SIZE; other understands further words.
func readZone(s *nc.Scope, d *nc.Directive, other func(word string) error) (zoneSettings, error) {
	var z zoneSettings
	var err error
	if z.key, err = session.BlockOf(s).Realm.Template(d, d.Args[0]); err != nil {
		return z, err
	}
	for _, word := range d.Args[1:] {
		text, ok := strings.CutPrefix(word, "zone=")
		if !ok {
			if err := other(word); err != nil {
				return z, err
			}
			continue
		}
		name, size, ok := strings.Cut(text, ":")
		if ok {
			z.name = name
			z.size, err = nc.ParseSize(size)
		}
		if !ok || err != nil {
			return z, fmt.Errorf("invalid zone size \"%s\"", word)
		}
		if z.size < smallestZone {
			return z, fmt.Errorf("zone \"%s\" is too small", word)
		}
	}
	if z.name == "" {
		return z, fmt.Errorf("\"%s\" must have \"zone\" parameter", d.Name)
	}
	return z, nil
}

// declare declares the zone, which no other directive may have done.
func (z *zoneSettings) declare(s *nc.Scope, d *nc.Directive, kind string, open func(old any) (any, error)) error {
	zone, err := session.BlockOf(s).Realm.Zone(d, kind, z.name)
	if err != nil {
		return err
	}
	if zone.Declared() && zone.Size == z.size {
		return fmt.Errorf("%s \"%s\" is already bound to key \"%s\"", d.Name, z.name, zone.Key)
	}
	return zone.Declare(z.size, z.key.Text, open)
}

func invalidParameter(word string) error { return fmt.Errorf("invalid parameter \"%s\"", word) }

// changedKey reports that a reload would give a zone in use another key.
func changedKey(what, zone, now, before string) error {
	return fmt.Errorf("%s \"%s\" uses the \"%s\" key while previously it used the \"%s\" key", what, zone, now, before)
}
