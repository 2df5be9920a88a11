package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem/internal/lab"
	"tandem/internal/lab/probe"
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

const (
	// patience is how long a step waits for the master that it expects. It is
	// longer than anything in the protocol: master-down is 3.8 s here.
	patience = 20 * time.Second

	// settled is how long the client goes on asking after the change, so
	// that what happens late is seen as well.
	settled = 700 * time.Millisecond
)

// steps is the story. The outages are what must hold on a busy machine; what
// is seen is usually far less.
func steps(s *stage) []step {
	one, two := s.nodes[0], s.nodes[1]
	var restore func() error
	return []step{
		{
			name: "start", title: "Both nodes start. node 1 has the higher priority.",
			act:    func(context.Context) error { return errors.Join(one.start(), two.start()) },
			master: 0,
		},
		{
			name: "planned-stop", title: "node 1 is stopped (tandem -s quit).",
			act:    one.stop,
			master: 1, outage: time.Second, both: time.Second,
			reference: "1.01 s without an answer",
		},
		{
			name: "return", title: "node 1 is started again, and takes the address back.",
			act:    func(context.Context) error { return one.start() },
			master: 0, outage: time.Second, both: time.Second,
		},
		{
			name: "web-failure", title: "node 1's web side falls silent: the process lives, but a fault swallows all that its port 80 sends.",
			act: func(context.Context) (err error) {
				restore, err = one.host.SwallowPort(httpPort)
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
			act:    one.kill,
			master: 1, outage: 5 * time.Second, both: 4 * time.Second,
			reference: "the address stays on both nodes for ever",
		},
		{
			name: "return-after-kill", title: "node 1 is started again.",
			act:    func(context.Context) error { return one.start() },
			master: 0, outage: time.Second, both: time.Second,
		},
	}
}

// tell takes the pair through the story.
func tell(ctx context.Context, s *stage, n *narrator) error {
	n.opening(s)
	var failed []error
	for _, st := range steps(s) {
		n.begin(st)
		r, err := s.play(ctx, st)
		if err != nil {
			return fmt.Errorf("%s: %w", st.name, err)
		}
		n.end(st, r)
		if !r.held() {
			failed = append(failed, fmt.Errorf("%s: %s", st.name, r.broken))
		}
	}
	if failed != nil {
		return errors.Join(failed...)
	}
	n.closing()
	return nil
}

// result is what was seen of a step.
type result struct {
	probe.Summary
	both   time.Duration
	broken string // what was not as it must be; "" if all was
}

func (r result) held() bool { return r.broken == "" }

// play lets a step happen, waits for its end, and measures.
func (s *stage) play(ctx context.Context, st step) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begun := time.Now()
	if err := st.act(ctx); err != nil {
		return result{}, err
	}
	master, other := s.nodes[st.master], s.nodes[1-st.master]
	if err := s.await(ctx, master, other); err != nil {
		return result{}, fmt.Errorf("%w\n  %s said last:\n  %s\n  %s said last:\n  %s",
			err, s.nodes[0].name(), s.nodes[0].lastWords(), s.nodes[1].name(), s.nodes[1].lastWords())
	}
	var r result
	r.both = lab.Together(s.nodes[0].holding.Spans(), s.nodes[1].holding.Spans(), begun)
	if st.outage == 0 {
		// Nobody was there to be asked before.
		for _, node := range s.nodes {
			if page, err := s.page(ctx, node); err != nil || page != node.Title {
				return result{}, fmt.Errorf("http://%s/ shows %q, not %q: %w", node.Address.Addr(), page, node.Title, err)
			}
		}
		return r, nil
	}
	r.Summary = s.probe.Summary(begun, time.Time{})
	switch {
	case r.Outage > st.outage:
		r.broken = fmt.Sprintf("no answer for %v, at most %v is right", round(r.Outage), st.outage)
	case r.both > st.both:
		r.broken = fmt.Sprintf("both nodes held the address for %v, at most %v is right", round(r.both), st.both)
	}
	return r, nil
}

// await waits until master, and only it, holds the address and serves.
func (s *stage) await(ctx context.Context, master, other *node) error {
	if err := master.holding.Wait(ctx, true); err != nil {
		return fmt.Errorf("%s: %w", master.name(), err)
	}
	if err := other.holding.Wait(ctx, false); err != nil {
		return fmt.Errorf("%s: %w", other.name(), err)
	}
	first, err := s.probe.Wait(ctx, time.Now(), func(r probe.Result) bool { return r.OK() && r.Server == master.Title })
	if err != nil {
		return fmt.Errorf("the client is not served by %s: %w", master.Title, err)
	}
	// Whatever is still to happen has happened by then.
	_, err = s.probe.Wait(ctx, first.Ended.Add(settled), probe.Result.OK)
	return err
}
