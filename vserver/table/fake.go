package table

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
)

// Fake is an engine for tests. Its String is the table in force as
// "ipvsadm -Sn" would print it.
type Fake struct {
	// Fail, if set, is asked for each rule that is not in force yet, given as its
	// line; an error refuses it. A service that is refused has no destinations.
	Fail func(line string) error

	mu     sync.Mutex
	now    Table
	sets   int
	counts map[Key]map[netip.AddrPort]DestinationStats
}

// Set makes t the table in force, but for what Fail refuses.
func (f *Fake) Set(t Table) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets++
	before := map[string]bool{}
	for _, s := range f.now.Services {
		before[s.Rule()] = true
		for _, d := range s.Destinations {
			before[d.Rule(s.Key)] = true
		}
	}
	refused := func(line string) error {
		if f.Fail == nil || before[line] {
			return nil
		}
		return f.Fail(line)
	}
	var errs []error
	f.now = Table{}
	for _, s := range t.Sorted().Services {
		if err := refused(s.Rule()); err != nil {
			errs = append(errs, &RuleError{Doing: "add", Service: s.Key, Err: err})
			continue
		}
		s.Destinations = slices.DeleteFunc(s.Destinations, func(d Destination) bool {
			err := refused(d.Rule(s.Key))
			if err != nil {
				errs = append(errs, &RuleError{Doing: "add", Service: s.Key, Destination: d.Address, Err: err})
			}
			return err != nil
		})
		f.now.Services = append(f.now.Services, s)
	}
	return errors.Join(errs...)
}

// Count says what Stats is to tell of a destination.
func (f *Fake) Count(k Key, d DestinationStats) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = map[Key]map[netip.AddrPort]DestinationStats{}
	}
	if f.counts[k] == nil {
		f.counts[k] = map[netip.AddrPort]DestinationStats{}
	}
	f.counts[k][d.Address] = d
}

// Stats returns what Count has been told, for what is in force.
func (f *Fake) Stats() ([]ServiceStats, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []ServiceStats
	for _, s := range f.now.Services {
		one := ServiceStats{Service: s.Key}
		for _, d := range s.Destinations {
			c := f.counts[s.Key][d.Address]
			c.Address, c.Weight = d.Address, d.Weight
			one.Destinations = append(one.Destinations, c)
		}
		out = append(out, one)
	}
	return out, nil
}

// Close does nothing.
func (f *Fake) Close() error { return nil }

// Sets returns how often Set was called.
func (f *Fake) Sets() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sets
}

// String returns the table in force.
func (f *Fake) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.String()
}
