package ipvs

import (
	"errors"

	"golang.org/x/sys/unix"

	"tandem/vserver/table"
)

// countedService is one of the kernel's services with its counters.
type countedService struct {
	service  table.Service
	counters table.Counters
}

// countedDestination is one of the kernel's destinations with its counters.
type countedDestination struct {
	destination table.Destination
	stats       table.DestinationStats
}

// list returns the kernel's services without their destinations.
func (e *Engine) list() ([]countedService, error) {
	answers, err := e.kernel.execute(cmdGetService, true)
	if err != nil {
		return nil, explain("list the services", err)
	}
	var out []countedService
	seen := map[table.Key]bool{}
	for _, message := range answers {
		s, c, err := decodeService(message)
		if err != nil {
			return nil, explain("list the services", err)
		}
		// The kernel counts its way through the services of every network namespace: what changes in another one
		// meanwhile has it list some twice.
		if seen[s.Key] {
			continue
		}
		seen[s.Key] = true
		out = append(out, countedService{s, c})
	}
	return out, nil
}

// destinations returns the kernel's destinations of a service.
func (e *Engine) destinations(k table.Key) ([]countedDestination, error) {
	answers, err := e.kernel.execute(cmdGetDest, true, serviceAttr(table.Service{Key: k}, false))
	if err != nil {
		return nil, err
	}
	var out []countedDestination
	for _, message := range answers {
		d, c, err := decodeDest(message, k)
		if err != nil {
			return nil, err
		}
		out = append(out, countedDestination{d, c})
	}
	return out, nil
}

// Table returns what the kernel serves, of others too.
func (e *Engine) Table() (table.Table, error) {
	list, err := e.list()
	if err != nil {
		return table.Table{}, err
	}
	var t table.Table
	for _, s := range list {
		destinations, err := e.destinations(s.service.Key)
		if errors.Is(err, unix.ESRCH) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return table.Table{}, explain("list the destinations", err)
		}
		for _, d := range destinations {
			s.service.Destinations = append(s.service.Destinations, d.destination)
		}
		t.Services = append(t.Services, s.service)
	}
	return t, nil
}

// Stats returns the counters of the services that Set has put into the kernel,
// with every destination that they have. A service that others have removed is
// not among them.
func (e *Engine) Stats() ([]table.ServiceStats, error) {
	list, err := e.list()
	if err != nil {
		return nil, err
	}
	var out []table.ServiceStats
	for _, s := range list {
		k := s.service.Key
		if e.own[k] == nil {
			continue
		}
		destinations, err := e.destinations(k)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return nil, explain("list the destinations", err)
		}
		one := table.ServiceStats{Service: k, Counters: s.counters}
		for _, d := range destinations {
			one.Destinations = append(one.Destinations, d.stats)
		}
		out = append(out, one)
	}
	return out, nil
}
