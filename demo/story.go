package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem/internal/scenario"
)

// step is something that happens to the pair, and what must come of it.
type step struct {
	name  string // for machines
	title string // for people
	act   func(context.Context) error

	master int           // index of the node that must hold the address afterwards
	outage time.Duration // longest outage that the client may see; 0: not measured
	both   time.Duration // longest time that both nodes may hold the address

	// reference is what nginx and keepalived do with the same files.
	reference string
}

// patience is how long a step waits for the master that it expects. It is
// longer than anything in the protocol: master-down is 3.8 s here.
const patience = 20 * time.Second

// steps is the story. The outages are what must hold on a busy machine; what
// is seen is usually far less.
func steps(p *scenario.Pair) []step {
	one, two := p.Nodes[0], p.Nodes[1]
	var restore func() error
	return []step{
		{
			name: "start", title: "Both nodes start. node 1 has the higher priority.",
			act:    func(context.Context) error { return errors.Join(one.Start(), two.Start()) },
			master: 0,
		},
		{
			name: "planned-stop", title: "node 1 is stopped (SIGQUIT, as tandem -s quit sends it).",
			act:    one.Stop,
			master: 1, outage: time.Second, both: time.Second,
			reference: "1.01 s without an answer",
		},
		{
			name: "return", title: "node 1 is started again, and takes the address back.",
			act:    func(context.Context) error { return one.Start() },
			master: 0, outage: time.Second, both: time.Second,
		},
		{
			name: "web-failure", title: "node 1's web side falls silent: the process lives, but a fault swallows all that its port 80 sends.",
			act: func(context.Context) (err error) {
				restore, err = one.Host.SwallowPort(httpPort)
				return err
			},
			master: 1, outage: 5 * time.Second, both: time.Second,
			reference: "no answer for ever, the address stays on node 1",
		},
		{
			name: "web-return", title: "The fault on node 1 ends.",
			act:    func(context.Context) error { return restore() },
			master: 0, outage: time.Second, both: time.Second,
		},
		{
			name: "kill", title: "node 1's process is killed (kill -9).",
			act:    one.Kill,
			master: 1, outage: 5 * time.Second, both: 4 * time.Second,
			reference: "the address stays on both nodes for ever",
		},
		{
			name: "return-after-kill", title: "node 1 is started again.",
			act:    func(context.Context) error { return one.Start() },
			master: 0, outage: time.Second, both: time.Second,
		},
	}
}

// tell takes the pair through the story.
func tell(ctx context.Context, p *scenario.Pair, n *narrator) error {
	n.opening(p)
	var failed []error
	for _, st := range steps(p) {
		n.begin(st)
		r, err := play(ctx, p, st)
		if err != nil {
			return fmt.Errorf("%s: %w", st.name, err)
		}
		n.end(st, r)
		if !r.held() {
			failed = append(failed, fmt.Errorf("%s: %s", st.name, r.broken))
		}
	}
	return errors.Join(failed...)
}

// result is what was seen of a step.
type result struct {
	scenario.Seen
	broken string // what was not as it must be; "" if all was
}

func (r result) held() bool { return r.broken == "" }

// play lets a step happen, waits for its end, and measures.
func play(ctx context.Context, p *scenario.Pair, st step) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seen, err := p.Observe(ctx, st.act, p.Nodes[st.master])
	if err != nil {
		return result{}, err
	}
	r := result{Seen: seen}
	switch {
	case st.outage == 0:
		// Nobody was there to be asked before.
		for _, node := range p.Nodes {
			if err := p.OwnPage(ctx, node); err != nil {
				return result{}, err
			}
		}
	case r.Outage > st.outage:
		r.broken = fmt.Sprintf("no answer for %v, at most %v is right", round(r.Outage), st.outage)
	case r.Both > st.both:
		r.broken = fmt.Sprintf("both nodes held the address for %v, at most %v is right", round(r.Both), st.both)
	}
	return r, nil
}
