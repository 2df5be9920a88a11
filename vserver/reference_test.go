package vserver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"tandem/health/check"
	"tandem/vserver/table"
)

// reference is keepalived's own way, order by order as ipwrapper.c gives them to the
// kernel: a dumb copy beside the State that computes what the table is.
type reference struct {
	quorum, hysteresis int
	up                 bool // quorum_state_up
	real               []*referenceReal
	sorry              *referenceReal
	kernel             map[string]int // weights of who is in
	log                []string
}

type referenceReal struct {
	name       string
	alive, set bool
	inhibit    bool
	weight     int
	failed     int
	checks     []checked
}

// command is ipvs_cmd.
func (f *reference) command(what string, r *referenceReal) {
	weight := max(r.weight, 0)
	switch {
	case what == "del" && r.inhibit:
		weight, what = 0, "edit"
	case what == "add" && r.inhibit && r.set:
		what = "edit"
	case what == "add" && !r.set:
		r.set = true
		if r.inhibit && r.failed > 0 {
			weight = 0
		}
	case what == "del" && r.set:
		r.set = false
	}
	if what == "del" {
		delete(f.kernel, r.name)
		return
	}
	f.kernel[r.name] = weight
}

func (f *reference) sum() (n int) {
	for _, r := range f.real {
		if r.alive {
			n += max(r.weight, 0)
		}
	}
	return n
}

// poolState is perform_quorum_state.
func (f *reference) poolState(what string) {
	for _, r := range f.real {
		if r.alive {
			f.command(what, r)
		}
	}
}

// weigh is update_quorum_state.
func (f *reference) weigh(init bool) {
	sum, threshold := f.sum(), f.quorum+f.hysteresis
	if f.up {
		threshold = f.quorum - f.hysteresis
	}
	if !f.up && sum >= threshold {
		f.up = true
		if f.sorry != nil && f.sorry.alive {
			f.command("del", f.sorry)
			f.sorry.alive = false
			f.poolState("add")
		}
		f.log = append(f.log, "UP")
	} else if f.up && (sum == 0 || sum < threshold) || init && !f.up && f.sorry != nil && !f.sorry.alive {
		f.up = false
		if f.sorry != nil && !f.sorry.alive {
			f.poolState("del")
			f.command("add", f.sorry)
			f.sorry.alive = true
		}
		f.log = append(f.log, "DOWN")
	}
}

// start is init_service_vs.
func (f *reference) start() {
	for _, r := range f.real {
		if r.failed == 0 && !r.alive || r.inhibit && !r.set {
			f.command("add", r)
			r.alive = r.failed == 0
		}
	}
	f.weigh(true)
	if s := f.sorry; s != nil && s.inhibit && !s.set {
		s.failed = 1
		f.command("add", s)
		s.failed = 0
	}
}

// found is update_svr_wgt and update_svr_checker_state.
func (f *reference) found(r *referenceReal, n int, up bool, weight int) {
	c := &r.checks[n]
	if up && weight != c.weight {
		old := max(r.weight, 0)
		r.weight += weight - c.weight
		c.weight = weight
		if max(r.weight, 0) != old {
			if r.set && r.alive && (f.up || f.sorry == nil || !f.sorry.alive) {
				f.command("edit", r)
			}
			f.weigh(false)
		}
	}
	if c.up != up {
		if up && r.failed <= 1 || !up && r.failed == 0 {
			f.turn(r, up)
		}
		c.up = up
		if up {
			r.failed--
		} else {
			r.failed++
		}
	}
	if !up {
		r.weight += weight - c.weight
		c.weight = weight
	}
}

// turn is perform_svr_state.
func (f *reference) turn(r *referenceReal, up bool) {
	if r.alive == up {
		return
	}
	if f.up || f.sorry == nil || !f.sorry.alive {
		what := "del"
		if up {
			what = "add"
		}
		f.command(what, r)
	}
	r.alive = up
	f.weigh(false)
}

// Whatever checks find, in any order, the table is what keepalived's orders would
// have made of the kernel's, and the quorum is told as often.
func TestAgainstKeepalivedsOrders(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 1))
		conf, f := randomServer(rng)
		s := NewState([]*Server{conf}, Options{})
		events := s.Start()
		f.start()
		for step := range 60 {
			if got, want := weights(s.Table(nil)), fmt.Sprint(f.kernel); got != want || quorums(events) != fmt.Sprint(f.log) {
				t.Fatalf("seed %d, step %d: table %s, quorum %s; keepalived has %s, %v (%+v)", seed, step, got, quorums(events), want, f.log, conf)
			}
			i := rng.IntN(len(f.real))
			n, up, weight := rng.IntN(len(f.real[i].checks)), rng.IntN(2) == 0, 0
			if up && rng.IntN(3) == 0 {
				weight = rng.IntN(9) - 4
			} else if up {
				weight = f.real[i].checks[n].weight
			}
			f.log = nil
			f.found(f.real[i], n, up, weight)
			events = s.Found(Place{0, i, n}, check.Finding{Ran: true, Up: up, Weight: weight})
		}
	}
}

func randomServer(rng *rand.Rand) (*Server, *reference) {
	conf := &Server{Name: "V", Quorum: 1 + rng.IntN(5), Services: []table.Service{{Key: table.Key{Protocol: table.TCP, Address: netip.MustParseAddrPort("192.0.2.1:80")}}}}
	conf.Hysteresis = rng.IntN(conf.Quorum)
	f := &reference{quorum: conf.Quorum, hysteresis: conf.Hysteresis, kernel: map[string]int{}}
	one := func(host int) (*Real, *referenceReal) {
		r := server1(fmt.Sprint(host), 1)
		r.Inhibit = rng.IntN(3) == 0
		return r, &referenceReal{name: r.Destination.Address.String(), inhibit: r.Inhibit, weight: 1}
	}
	for host := range 1 + rng.IntN(4) {
		r, ref := one(host + 1)
		r.Weight = 1 + rng.IntN(4)
		ref.weight = r.Weight
		for range 1 + rng.IntN(2) {
			c := &Check{Spec: check.Spec{Alpha: rng.IntN(3) == 0}}
			r.Checks = append(r.Checks, c)
			ref.checks = append(ref.checks, checked{up: !c.Spec.Alpha})
			if c.Spec.Alpha {
				ref.failed++
			}
		}
		conf.Real, f.real = append(conf.Real, r), append(f.real, ref)
	}
	if rng.IntN(2) == 0 {
		conf.Sorry, f.sorry = one(9)
	}
	return conf, f
}

// weights are those of who is in.
func weights(t table.Table) string {
	in := map[string]int{}
	for _, d := range t.Services[0].Destinations {
		in[d.Address.String()] = int(d.Weight)
	}
	return fmt.Sprint(in)
}

func quorums(events []Event) string {
	list := []string{}
	for _, e := range events {
		if q, ok := e.(QuorumChange); ok {
			list = append(list, upDown(q.Up))
		}
	}
	return fmt.Sprint(list)
}
