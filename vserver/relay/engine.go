package relay

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"tandem/internal/listen"
	"tandem/vserver/table"
)

// Options are what holds for all virtual servers.
type Options struct {
	// TCP and UDP are how long nothing may come until a connection, or a client's
	// datagrams, are over; 0: 15 and 5 minutes, which are the kernel's.
	TCP, UDP time.Duration
	// Connect is how long a connection to a real server may take to come to stand;
	// 0: 3 s.
	Connect time.Duration
	// Share has this process's own sockets for all addresses of a port leave one of
	// them to a virtual server. It reports whether there are any; nil: there are none.
	Share func(listen.Address) bool
	// Log is told once what of a virtual server is not as the kernel has it, and of
	// failures.
	Log func(text string)
}

// Engine is a table.Engine.
type Engine struct {
	options Options

	mu       sync.Mutex
	services map[table.Key]*service
	told     map[string]bool // what Log has been told of services
}

// New returns an engine that serves nothing yet.
func New(o Options) *Engine {
	if o.TCP == 0 {
		o.TCP = 15 * time.Minute
	}
	if o.UDP == 0 {
		o.UDP = 5 * time.Minute
	}
	if o.Connect == 0 {
		o.Connect = 3 * time.Second
	}
	return &Engine{options: o, services: map[table.Key]*service{}, told: map[string]bool{}}
}

// Errors of services that only a kernel can have.
var (
	errMark   = errors.New("firewall marks need the kernel's IP Virtual Server")
	errSCTP   = errors.New("SCTP needs the kernel's IP Virtual Server")
	errTwice  = errors.New("it is configured twice")
	errCircle = errors.New("it leads back to the virtual server")
	errPort   = errors.New("a service of all ports needs the kernel's IP Virtual Server")
)

// Cannot returns why this engine cannot have a service, nil if it can.
func Cannot(k table.Key) error {
	switch {
	case k.Mark != 0:
		return errMark
	case k.Protocol == table.SCTP:
		return errSCTP
	case k.Address.Port() == 0:
		return errPort
	}
	return nil
}

// Set implements table.Engine. Connections of destinations that are not in the
// table any more are reset; those of a destination without weight go on.
func (e *Engine) Set(t table.Table) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	wanted, back := map[table.Key]bool{}, circles(t)
	for _, conf := range t.Services {
		s, err := e.service(conf.Key)
		if wanted[conf.Key] {
			err = errTwice
		}
		if err != nil {
			errs = append(errs, &table.RuleError{Doing: "add", Service: conf.Key, Err: err})
			continue
		}
		wanted[conf.Key] = true
		e.explain(&conf)
		conf.Destinations = slices.DeleteFunc(slices.Clone(conf.Destinations), func(d table.Destination) bool {
			if back[conf.Key][d.Address] {
				errs = append(errs, &table.RuleError{Doing: "add", Service: conf.Key, Destination: d.Address, Err: errCircle})
				return true
			}
			return false
		})
		s.set(&conf)
		s.serve()
	}
	for k, s := range e.services {
		if !wanted[k] {
			s.close()
			delete(e.services, k)
		}
	}
	return errors.Join(errs...)
}

// circles returns the destinations through which services of the table lead back to
// themselves: a connection there would make others without end.
func circles(t table.Table) map[table.Key]map[netip.AddrPort]bool {
	next := map[table.Key][]table.Key{}
	at := func(k table.Key, d table.Destination) table.Key {
		return table.Key{Protocol: k.Protocol, Address: d.Address}
	}
	for _, s := range t.Services {
		for _, d := range s.Destinations {
			next[s.Key] = append(next[s.Key], at(s.Key, d))
		}
	}
	var leads func(from, to table.Key, seen map[table.Key]bool) bool
	leads = func(from, to table.Key, seen map[table.Key]bool) bool {
		if from == to {
			return true
		}
		if seen[from] {
			return false
		}
		seen[from] = true
		return slices.ContainsFunc(next[from], func(k table.Key) bool { return leads(k, to, seen) })
	}
	found := map[table.Key]map[netip.AddrPort]bool{}
	for _, s := range t.Services {
		for _, d := range s.Destinations {
			first := at(s.Key, d)
			if first != s.Key && next[first] == nil {
				continue // nearly always
			}
			if leads(first, s.Key, map[table.Key]bool{}) {
				if found[s.Key] == nil {
					found[s.Key] = map[netip.AddrPort]bool{}
				}
				found[s.Key][d.Address] = true
			}
		}
	}
	return found
}

// Cut resets the connections to addresses that this host gives up.
func (e *Engine) Cut(addrs []netip.Addr) {
	e.mu.Lock()
	var list []*service
	for k, s := range e.services {
		if slices.Contains(addrs, k.Address.Addr()) {
			list = append(list, s)
		}
	}
	e.mu.Unlock()
	for _, s := range list {
		s.cut()
	}
}

// service returns the one that is there already, or listens for a new one.
func (e *Engine) service(k table.Key) (*service, error) {
	if s := e.services[k]; s != nil {
		return s, nil
	}
	if err := Cannot(k); err != nil {
		return nil, err
	}
	s := &service{engine: e, key: k}
	if err := s.open(); err != nil {
		return nil, err
	}
	e.services[k] = s
	return s, nil
}

// explain tells, once, what of a service is not as the kernel has it.
func (e *Engine) explain(s *table.Service) {
	if e.options.Log == nil {
		return
	}
	tell := func(text string) {
		if text = fmt.Sprintf("virtual server %s: %s", s.Key, text); !e.told[text] {
			e.told[text] = true
			e.options.Log(text)
		}
	}
	if _, instead := pickers(s.Scheduler); instead != "" {
		tell(fmt.Sprintf("the scheduler %s is the kernel's, %s takes its place", s.Scheduler, instead))
	}
	if s.PersistenceEngine != "" {
		tell(fmt.Sprintf("the persistence engine %s is the kernel's, clients are told apart by their address", s.PersistenceEngine))
	}
	i := slices.IndexFunc(s.Destinations, func(d table.Destination) bool { return d.Method != table.Masquerading })
	if i >= 0 {
		tell("real servers are connected to from an address of this host, whatever the forwarding method: they see that address and not the client's, and answer this host")
	}
}

// Stats implements table.Engine. Packets are not counted.
func (e *Engine) Stats() ([]table.ServiceStats, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []table.ServiceStats
	now := time.Now()
	for _, s := range e.services {
		list = append(list, s.stats(now))
	}
	slices.SortFunc(list, func(a, b table.ServiceStats) int { return a.Service.Compare(b.Service) })
	return list, nil
}

// Close implements table.Engine: the sockets are closed, too, since nobody serves
// them any more.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, s := range e.services {
		s.close()
		delete(e.services, k)
	}
	return nil
}
