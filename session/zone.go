package session

import (
	"fmt"

	nc "tandem/nginxconf"
)

// Zone is memory that sessions share under a name, as nginx's shared memory
// zones: what limit_req and the like remember of clients. It outlives the
// configuration that made it, if the next one has a zone of the same name, kind
// and size.
type Zone struct {
	Name string
	Size int64  // bytes
	Key  string // what entries are made by, as written

	kind string
	pos  nc.Pos // where it was named first
	open func(old any) (any, error)
	data any
}

// Data returns what the zone's opening function made.
func (z *Zone) Data() any { return z.data }

// Zone returns the zone of that name for a directive that uses it, which must
// be of one kind for all. It may be declared before or after.
func (r *Realm) Zone(d *nc.Directive, kind, name string) (*Zone, error) {
	z := r.zones[name]
	if z == nil {
		z = &Zone{Name: name, kind: kind, pos: d.Pos}
		if r.zones == nil {
			r.zones = make(map[string]*Zone)
		}
		r.zones[name] = z
	}
	if z.kind != kind {
		return nil, fmt.Errorf("the shared memory zone \"%s\" is already declared for a different use", name)
	}
	return z, nil
}

// Declare gives the zone its size and key. open makes what it holds, when the
// configuration has been read: old is what the zone held before, nil if there
// was none.
func (z *Zone) Declare(size int64, key string, open func(old any) (any, error)) error {
	if z.Size != 0 && z.Size != size {
		return fmt.Errorf("the size %d of shared memory zone \"%s\" conflicts with already declared size %d", size, z.Name, z.Size)
	}
	z.Size, z.Key, z.open = size, key, open
	return nil
}

// Declared reports whether Declare has been called.
func (z *Zone) Declared() bool { return z.open != nil }

// OpenZones makes what the zones hold, or takes it over from the configuration at
// work: when everything has been read and before the modules complete it.
func (r *Realm) OpenZones(s *nc.Scope) {
	for _, z := range r.zones {
		if !z.Declared() {
			s.ErrorAt(z.pos, "zero size shared memory zone \"%s\"", z.Name)
			continue
		}
		data, err := z.open(r.held(z))
		if err != nil {
			s.ErrorAt(z.pos, "%v", err)
			continue
		}
		z.data = data
	}
}

// held returns what a zone like z holds.
func (r *Realm) held(z *Zone) any {
	if r.Previous == nil {
		return nil
	}
	old := r.Previous.zones[z.Name]
	if old == nil || old.kind != z.kind || old.Size != z.Size {
		return nil
	}
	return old.data
}
