package web

import "sync"

// departure is what follows when the client of a request leaves while it is
// watched: the request is then given up, though it has not ended yet.
type departure struct {
	mu      sync.Mutex
	gone    func()   // what WatchClient was given
	parting []func() // onLeave
	// Made once:
	left func() // clientLeft
	end  func() // over
}

func newDeparture() *departure {
	d := new(departure)
	d.left, d.end = d.clientLeft, d.over
	return d
}

// onLeave is Arrivals.OnLeave.
func (r *Request) onLeave(f func()) {
	d := r.Main.departure
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.parting) == 0 {
		r.OnEnd(d.end)
	}
	d.parting = append(d.parting, f)
}

func (d *departure) watch(c Carrier, gone func()) {
	d.mu.Lock()
	d.gone = gone
	d.mu.Unlock()
	c.Watch(d.left)
}

func (d *departure) clientLeft() {
	d.over()
	d.mu.Lock()
	gone := d.gone
	d.mu.Unlock()
	if gone != nil {
		gone()
	}
}

// over calls what onLeave was given.
func (d *departure) over() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, f := range d.parting {
		d.parting[i] = nil
		f()
	}
	d.parting = d.parting[:0]
}

// forget makes d ready for another request.
func (d *departure) forget() { d.gone = nil }
