package vrrp

import (
	"net/netip"
	"sync/atomic"
	"time"

	"tandem/vrrp/packet"
)

// Speaker is another node of an instance, as its own VRRP packets tell: adverts, or the introductions by which backups
// with tandem make themselves known. What it says over any other way does not count here.
type Speaker struct {
	Addr netip.Addr
	// Priority is what it last gave as its own. That of a good-bye is no priority.
	Priority uint8
	Heard    time.Time
}

// maxSpeakers bounds the speakers that are remembered of an instance: who is not heard for the longest time is forgotten
// first.
const maxSpeakers = 32

// speakers are those of an instance. The loop writes, anybody reads, and nobody waits.
type speakers struct {
	list [maxSpeakers]atomic.Pointer[Speaker]
}

// heard notes a packet that has passed all checks.
func (s *speakers) heard(adv *packet.Advert, now time.Time) {
	priority, oldest := adv.Priority, 0
	for i := range s.list {
		p := s.list[i].Load()
		if p == nil || p.Addr == adv.Source {
			if oldest = i; p != nil && adv.Priority == packet.PriorityStop {
				priority = p.Priority
			}
			break
		}
		if q := s.list[oldest].Load(); p.Heard.Before(q.Heard) {
			oldest = i
		}
	}
	s.list[oldest].Store(&Speaker{adv.Source, priority, now})
}

func (s *speakers) find(a netip.Addr) (Speaker, bool) {
	for i := range s.list {
		if p := s.list[i].Load(); p != nil && p.Addr == a {
			return *p, true
		}
	}
	return Speaker{}, false
}

// Speaker returns what is known of a node that speaks for an instance. It does not wait for the loop.
func (r *Router) Speaker(instance string, a netip.Addr) (Speaker, bool) {
	if s := (*r.speakers.Load())[instance]; s != nil {
		return s.find(a)
	}
	return Speaker{}, false
}

// publish makes the speakers of the instances known by their names, and tells where each instance speaks from.
func (r *Router) publish() {
	byName := map[string]*speakers{}
	for _, in := range r.instances {
		byName[in.config.Name()] = &in.speakers
		r.tellSource(in)
	}
	r.speakers.Store(&byName)
}

// tellSource tells where the instance speaks from.
func (r *Router) tellSource(in *instance) {
	in.toldSource = in.source()
	r.tell(SourceChange{Instance: in.config.Name(), Interface: in.config.Interface, Source: in.source(), At: time.Now()})
}

// Introduce makes a backup known to the other nodes of its instance, with its present priority: backups are silent
// otherwise. Nodes that do not know introductions discard them.
func (r *Router) Introduce(name string) {
	r.each(name, func(i int, now time.Time) { r.introduce(i, now) })
}
