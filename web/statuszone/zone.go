package statuszone

import (
	"maps"
	"sync"
	"sync/atomic"
)

// zone is what status_zone directives of one name count in: its tally, and one for
// each value of the key.
type zone struct {
	name  string
	limit int // how many values are told apart
	*kept
}

// kept is what of a zone goes on with the next configuration.
type kept struct {
	tally  *tally
	values atomic.Pointer[map[string]*tally] // never changed: another takes its place
	mu     sync.Mutex                        // of who adds a value
}

// zones are the zones of servers, or of locations.
type zones struct {
	list []*zone
	old  *zones // of the configuration at work; nil: none
}

// zone returns the zone of that name, made if there is none yet.
func (all *zones) zone(name string) *zone {
	if z := all.find(name); z != nil {
		return z
	}
	z := &zone{name: name}
	if old := all.old.find(name); old != nil {
		z.kept = old.kept
	} else {
		z.kept = &kept{tally: newTally(processors())}
	}
	all.list = append(all.list, z)
	return z
}

// find returns the zone of that name, nil without one.
func (all *zones) find(name string) *zone {
	if all == nil {
		return nil
	}
	for _, z := range all.list {
		if z.name == name {
			return z
		}
	}
	return nil
}

// under returns the tally for a value of the key.
func (z *zone) under(value []byte) *tally {
	if len(value) > maxName {
		value = value[:maxName]
	}
	if known := z.values.Load(); known != nil {
		if t := (*known)[string(value)]; t != nil {
			return t
		}
		if len(*known) >= z.limit {
			return z.tally
		}
	}
	return z.add(string(value))
}

// add makes a tally for another value, if there is room.
func (z *zone) add(value string) *tally {
	z.mu.Lock()
	defer z.mu.Unlock()
	var known map[string]*tally
	if p := z.values.Load(); p != nil {
		known = *p
	}
	if t := known[value]; t != nil {
		return t
	}
	if value == z.name || value == "" || len(known) >= z.limit {
		return z.tally
	}
	more := make(map[string]*tally, len(known)+1)
	maps.Copy(more, known)
	more[value] = newTally(1)
	z.values.Store(&more)
	return more[value]
}
