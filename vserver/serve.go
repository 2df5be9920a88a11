package vserver

import (
	"net/netip"

	"tandem/vserver/table"
)

// Table returns what is to be served of the virtual servers that are wanted; nil:
// all.
func (s *State) Table(wanted func(*Server) bool) table.Table {
	var t table.Table
	for _, v := range s.servers {
		if wanted != nil && !wanted(v.Server) {
			continue
		}
		for _, service := range v.Services {
			service.Destinations, service.Known = v.destinations(service.Key), v.known(service.Key)
			t.Services = append(t.Services, service)
		}
	}
	return t
}

// destinations returns who is in, and with which weight: real servers that are up
// while there is no sorry server, or whom inhibit_on_failure keeps in without
// weight.
func (v *server) destinations(k table.Key) (list []table.Destination) {
	put := func(r *Real, weight int64) {
		d := r.Destination
		d.Weight = uint32(inKernel(weight))
		d.Address = reached(k, d)
		for i := range list {
			if list[i].Address == d.Address {
				list[i] = d // the sorry server is one of the real ones
				return
			}
		}
		list = append(list, d)
	}
	for _, r := range v.real {
		switch {
		case r.alive && !v.sorry:
			put(r.Real, r.weight)
		case r.Inhibit:
			put(r.Real, 0)
		}
	}
	switch {
	case v.sorry:
		put(v.Sorry, int64(v.Sorry.Weight))
	case v.Sorry != nil && v.Sorry.Inhibit && !v.isReal(v.Sorry):
		put(v.Sorry, 0)
	}
	return list
}

// reached is where a destination of a service is: its port is the service's unless
// the address is translated.
func reached(k table.Key, d table.Destination) netip.AddrPort {
	if d.Method == table.Masquerading && d.Address.Port() != 0 {
		return d.Address
	}
	return netip.AddrPortFrom(d.Address.Addr(), k.Address.Port())
}

// isReal reports whether the sorry server is one of the real servers.
func (v *server) isReal(sorry *Real) bool {
	for _, r := range v.real {
		if r.Destination.Address == sorry.Destination.Address {
			return true
		}
	}
	return false
}

// known returns everybody whom the configuration has.
func (v *server) known(k table.Key) (list []netip.AddrPort) {
	for _, r := range v.real {
		list = append(list, reached(k, r.Destination))
	}
	if v.Sorry != nil {
		list = append(list, reached(k, v.Sorry.Destination))
	}
	return list
}
