package vserver

import (
	"fmt"
	"math"

	"tandem/health/check"
)

// State is what the virtual servers are at present. It has no clock and does
// nothing: its methods return what has happened, and Table what is to be served.
type State struct {
	options Options
	servers []*server
	events  []Event
}

// server is a virtual server.
type server struct {
	*Server
	quorum bool // there is one
	sorry  bool // the sorry server stands in
	real   []*real
}

// real is a real server.
type real struct {
	*Real
	alive  bool
	failed int // checks that say it is down
	weight int64
	checks []checked
}

// checked is what a check has come to.
type checked struct {
	up, ran bool
	weight  int
}

// Place is where a check belongs: indexes of the configuration.
type Place struct{ Server, Real, Check int }

// NewState returns the state of virtual servers before they are started.
func NewState(servers []*Server, o Options) *State {
	s := &State{options: o}
	for _, conf := range servers {
		v := &server{Server: conf}
		for _, r := range conf.Real {
			v.real = append(v.real, newReal(r))
		}
		s.servers = append(s.servers, v)
	}
	return s
}

func newReal(conf *Real) *real {
	r := &real{Real: conf, weight: int64(conf.Weight)}
	for _, c := range conf.Checks {
		one := checked{up: !c.Spec.Alpha}
		if !one.up {
			r.failed++
		}
		r.checks = append(r.checks, one)
	}
	return r
}

// Start puts in who is not known to fail. Real servers with a check in alpha mode
// are out until that has been good.
func (s *State) Start() []Event {
	for _, v := range s.servers {
		v.quorum = v.sum() >= int64(v.Quorum+v.Hysteresis)
		s.begin(v)
	}
	return s.told()
}

// begin is keepalived's init_service_vs.
func (s *State) begin(v *server) {
	for _, r := range v.real {
		if r.failed > 0 || r.alive {
			continue
		}
		r.alive = true
		if s.options.InitNotifies {
			s.tell(RealChange{Server: v.Server, Alive: v.alive(), Real: r.Real, Up: true})
		}
	}
	s.weigh(v, true)
}

// Found takes in what a check has found.
func (s *State) Found(at Place, f check.Finding) []Event {
	v := s.servers[at.Server]
	r := v.real[at.Real]
	c := &r.checks[at.Check]
	for _, line := range f.Logs {
		s.tell(Line{line})
	}
	if !f.Ran {
		return s.told()
	}
	was, alive := c.up, r.alive
	// A weight counts at once, but of who goes down only when that is told.
	if f.Up {
		s.reweigh(v, r, c, f.Weight)
	}
	s.checked(v, r, c, r.Checks[at.Check].Spec.Alpha, f.Up)
	if !f.Up {
		r.weight += int64(f.Weight - c.weight)
		c.weight = f.Weight
	}
	if f.Mail != "" && r.SMTPAlert && was != c.up && (alive != r.alive || !s.options.NoEmails) {
		s.tell(mailOfReal(v.Server, r.Real, r.alive, f.Mail))
	}
	return s.told()
}

// checked is keepalived's update_svr_checker_state.
func (s *State) checked(v *server, r *real, c *checked, alpha, up bool) {
	first := !c.ran
	c.ran = true
	if c.up == up {
		if first && (alpha || !up) {
			s.tell(RealChange{Server: v.Server, Alive: v.alive(), Real: r.Real, Up: r.alive})
		}
		return
	}
	if up && r.failed <= 1 || !up && r.failed == 0 {
		s.turn(v, r, up)
	}
	c.up = up
	if up {
		r.failed = max(0, r.failed-1)
	} else {
		r.failed++
	}
}

// turn is keepalived's perform_svr_state: it takes a real server in or out.
func (s *State) turn(v *server, r *real, up bool) {
	if r.alive == up {
		return
	}
	verb, preposition := "Remov", "from"
	switch {
	case r.Inhibit && up:
		verb, preposition = "Enabl", "of"
	case r.Inhibit:
		verb, preposition = "Disabl", "of"
	case up:
		verb, preposition = "Add", "to"
	}
	s.logf("%sing service %s %s VS %s", verb, r.Name, preposition, v.Name)
	r.alive = up
	s.tell(RealChange{Server: v.Server, Alive: v.alive(), Real: r.Real, Up: up})
	s.weigh(v, false)
}

// reweigh is keepalived's update_svr_wgt: a check says what it adds to the weight.
func (s *State) reweigh(v *server, r *real, c *checked, weight int) {
	if weight == c.weight {
		return
	}
	before := inKernel(r.weight)
	r.weight += int64(weight - c.weight)
	c.weight = weight
	if now := inKernel(r.weight); now != before {
		in := "in"
		if r.alive {
			in = ""
		}
		s.logf("Changing weight from %d to %d for %sactive service %s of VS %s", before, now, in, r.Name, v.Name)
		s.weigh(v, false)
	}
}

// inKernel is an effective weight as it counts.
func inKernel(weight int64) int64 { return min(max(weight, 0), math.MaxInt32) }

// sum is the weight of the real servers that are up.
func (v *server) sum() (n int64) {
	for _, r := range v.real {
		if r.alive {
			n += inKernel(r.weight)
		}
	}
	return n
}

// alive is how many real servers are up.
func (v *server) alive() (n int) {
	for _, r := range v.real {
		if r != nil && r.alive {
			n++
		}
	}
	return n
}

// weigh is keepalived's update_quorum_state. start: nothing has been told yet.
func (s *State) weigh(v *server, start bool) {
	sum, threshold := v.sum(), int64(v.Quorum+v.Hysteresis)
	if v.quorum {
		threshold = int64(v.Quorum - v.Hysteresis)
	}
	switch {
	case !v.quorum && sum >= threshold:
		v.quorum = true
		s.logf("Gained quorum %d+%d=%d <= %d for VS %s", v.Quorum, v.Hysteresis, threshold, sum, v.Name)
		if v.sorry {
			v.sorry = false
			s.logf("%s sorry server %s from VS %s", either(v.Sorry.Inhibit, "Disabling", "Removing"), v.Sorry.Name, v.Name)
			s.logf("Adding alive servers to the pool for VS %s", v.Name)
		}
		s.quorum(v, either(start, "Starting with quorum up", "Gained quorum"), threshold, sum)
	case v.quorum && (sum == 0 || sum < threshold), start && !v.quorum && v.Sorry != nil && !v.sorry:
		v.quorum = false
		s.logf("%s %d-%d=%d > %d for VS %s", either(start, "Starting with quorum down", "Lost quorum"), v.Quorum, v.Hysteresis, threshold, sum, v.Name)
		if v.Sorry != nil && !v.sorry {
			v.sorry = true
			s.logf("%s sorry server %s to VS %s", either(v.Sorry.Inhibit, "Enabling", "Adding"), v.Sorry.Name, v.Name)
			s.logf("Removing alive servers from the pool for VS %s", v.Name)
		}
		s.quorum(v, either(start, "Starting with quorum down", "Lost quorum"), threshold, sum)
	}
}

// quorum tells that there is a quorum, or that there is none.
func (s *State) quorum(v *server, how string, threshold, sum int64) {
	s.tell(QuorumChange{Server: v.Server, Alive: v.alive(), Up: v.quorum})
	if v.SMTPAlert {
		s.tell(mailOfServer(v.Server, v.quorum, fmt.Sprintf("=> %s %d+%d=%d <= %d <=", how, v.Quorum, v.Hysteresis, threshold, sum)))
	}
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// Serves reports whether a virtual server has a quorum; ok is false if there is
// none of that name.
func (s *State) Serves(name string) (quorum, ok bool) {
	for _, v := range s.servers {
		if v.Name == name {
			return v.quorum, true
		}
	}
	return false, false
}

func (s *State) tell(e Event) { s.events = append(s.events, e) }

func (s *State) logf(format string, args ...any) { s.tell(Line{fmt.Sprintf(format, args...)}) }

// told returns what has happened since the last time.
func (s *State) told() []Event {
	events := s.events
	s.events = nil
	return events
}
