package ipvs

import (
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"tandem/vserver/table"
)

// Engine is the kernel's IPVS as a table.Engine.
type Engine struct {
	kernel kernel
	// own is what has been put into the kernel, by service.
	own map[table.Key]*applied
	// before are the time-outs that were found, if others were set.
	before *Timeouts
}

// applied is a service as it was put into the kernel.
type applied struct {
	options      table.Service // without destinations
	destinations map[netip.AddrPort]table.Destination
}

// Open connects to the kernel's IPVS in the network namespace of the calling
// thread. It loads the module if it is missing; without one the error is
// ErrAbsent.
func Open() (*Engine, error) {
	s, err := openSocket()
	if err != nil {
		return nil, err
	}
	return newEngine(s), nil
}

func newEngine(k kernel) *Engine { return &Engine{kernel: k, own: map[table.Key]*applied{}} }

// Set makes t what the kernel serves, beside what others have put there. See
// table.Engine. Two services with one key are one with the destinations of both,
// as they are in keepalived.
func (e *Engine) Set(t table.Table) error {
	wanted := merge(t)
	present, err := e.services()
	if err != nil {
		return err
	}
	var errs errorList
	stays := make(map[table.Key]bool, len(wanted))
	for _, s := range wanted {
		stays[s.Key] = true
		e.setService(s, present, &errs)
	}
	for _, k := range e.keys() {
		if stays[k] {
			continue
		}
		err := e.change(cmdDelService, table.Service{Key: k}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			errs.add("remove", k, netip.AddrPort{}, err)
			continue
		}
		delete(e.own, k)
	}
	return errors.Join(errs...)
}

// keys are the services that were put into the kernel, in order.
func (e *Engine) keys() []table.Key {
	var keys []table.Key
	for k := range e.own {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, table.Key.Compare)
	return keys
}

// merge puts t in order, with each key once.
func merge(t table.Table) []table.Service {
	var out []table.Service
	for _, s := range t.Sorted().Services {
		if n := len(out); n > 0 && out[n-1].Key == s.Key {
			last := &out[n-1]
			last.Known = append(last.Known, s.Known...)
			for _, d := range s.Destinations {
				if !has(last.Destinations, d.Address) {
					last.Destinations = append(last.Destinations, d)
				}
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

func has(list []table.Destination, a netip.AddrPort) bool {
	return slices.ContainsFunc(list, func(d table.Destination) bool { return d.Address == a })
}

// services returns the kernel's services without their destinations.
func (e *Engine) services() (map[table.Key]table.Service, error) {
	list, err := e.list()
	if err != nil {
		return nil, err
	}
	out := make(map[table.Key]table.Service, len(list))
	for _, s := range list {
		out[s.service.Key] = s.service
	}
	return out, nil
}

// Close lets go of the kernel; the time-outs are again what they were. The table
// stays.
func (e *Engine) Close() error {
	var err error
	if e.before != nil {
		err = e.SetTimeouts(Timeouts{})
	}
	e.kernel.close()
	return err
}

// Flush empties the kernel's table, of what others have put there too.
func (e *Engine) Flush() error {
	if _, err := e.kernel.execute(cmdFlush, false); err != nil {
		return explain("empty the table", err)
	}
	clear(e.own)
	return nil
}
