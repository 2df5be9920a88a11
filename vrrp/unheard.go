package vrrp

import (
	"net/netip"
	"slices"
	"time"

	"tandem/vrrp/fsm"
)

// A master whose firewall drops adverts never hears that there is another one, and nothing else would tell it.

// unheardEvery is the time between two looks whether adverts arrive that are not heard.
const unheardEvery = time.Minute

// lookForUnheard listens on a master's interface, before any firewall, for as long as another master needs to say something,
// and compares that with what was heard. It goes on with that for as long as the instance is master.
func (r *Router) lookForUnheard(in *instance) {
	if in.listening {
		return
	}
	in.listening = true
	config, heard := in.config.socket(), in.counters.heard()
	// keepalived puts its advert off for each one with AH that it takes for a replay, which ours are to it while both are master.
	window := 5*in.config.FSM.Interval + time.Second
	go func() {
		sources, err := in.ear.Listen(config, window)
		r.post(func() {
			in.listening = false
			i := r.index(in)
			if i < 0 || r.machine.State(i).Role != fsm.Master {
				return
			}
			// That one cannot listen is no reason to worry anybody: adverts are heard without it.
			if err == nil && in.counters.heard() == heard {
				r.tellUnheard(in, sources, time.Now())
			}
			time.AfterFunc(unheardEvery, func() {
				r.post(func() {
					if i := r.index(in); i >= 0 && r.machine.State(i).Role == fsm.Master {
						r.lookForUnheard(in)
					}
				})
			})
		})
	}()
}

// tellUnheard tells of each sender once.
func (r *Router) tellUnheard(in *instance, sources []netip.Addr, now time.Time) {
	for _, source := range sources {
		if source == in.fsm.Source {
			continue
		}
		in.rivalUnheard(source, now)
		if slices.Contains(in.unheard, source) {
			continue
		}
		in.unheard = append(in.unheard, source)
		r.tell(Unheard{Instance: in.config.Name(), Interface: in.config.advertInterface(), Source: source, Protocol: in.config.protocol(), At: now})
	}
}

// heard is how many packets have got to the process.
func (c *counters) heard() uint64 {
	n := c.received
	for _, d := range c.dropped {
		n += d
	}
	return n
}
