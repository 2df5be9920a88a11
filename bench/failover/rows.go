package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// row is something that happens to the stand's subject, and what may come of it.
type row struct {
	key, title string
	setup
	kept bool // 32 requests at a time on kept connections, beside the client
	// act does it; from is the normal state unless before leads to another.
	before func(context.Context, *stand) error
	act    func(context.Context, *stand) error
	// master is who serves afterwards; -1: whoever, or nobody.
	master int
	// endless: the window is always waited for, since something may still
	// happen.
	endless bool
	undo    func(context.Context, *stand) error
	pairs   []string         // contests that it is for; nil: all
	limits  map[string]limit // by contest; none: only measured
}

// limit is what a row may cost. A negative number is no limit.
type limit struct {
	outage  time.Duration
	failed  int // requests of the client
	kept    int // requests on kept connections
	both    time.Duration
	changes int // of the VIP's place, in the window
	gap     time.Duration
	// answered is the longest time in which no request is answered at all,
	// not even with an error; 0: not looked at.
	answered time.Duration
}

// with returns the limit with more time.
func (l limit) with(slack time.Duration) *limit {
	for _, d := range []*time.Duration{&l.outage, &l.both, &l.gap} {
		if *d >= 0 {
			*d += slack
		}
	}
	return &l
}

const (
	tandemPair  = "tandem"
	mixedPair   = "mixed"
	classicPair = "classic"
	unlimited   = -1
)

// at is a limit on the outage and on the time on both nodes.
func at(outage, both time.Duration) limit {
	return limit{outage: outage, failed: unlimited, kept: unlimited, both: both, changes: unlimited, gap: unlimited}
}

// lossless is a limit that allows no failed request.
func lossless(outage time.Duration) limit {
	return limit{outage: outage, both: unlimited, changes: unlimited, gap: unlimited}
}

const ms = time.Millisecond

// rows are what the pairs go through.
func rows() []row {
	one := func(s *stand) *scenario.Node { return s.Nodes[s.subject] }
	start := func(_ context.Context, s *stand) error { return one(s).Start() }
	stop := func(ctx context.Context, s *stand) error { return one(s).Stop(ctx) }
	stopped := func(ctx context.Context, s *stand) error {
		if err := one(s).Stop(ctx); err != nil {
			return err
		}
		return s.Await(ctx, s.Nodes[1])
	}
	counted := func(l limit) limit {
		l.failed, l.kept = unlimited, unlimited
		return l
	}
	list := []row{
		{key: "stop", title: "planned stop", act: stop, undo: start, master: 1,
			limits: map[string]limit{tandemPair: lossless(50 * ms), mixedPair: counted(lossless(100 * ms))}},
		{key: "stop-kept", title: "planned stop under 32 busy keep-alive connections", kept: true, act: stop, undo: start, master: 1,
			limits: map[string]limit{tandemPair: lossless(250 * ms), mixedPair: counted(lossless(250 * ms))}},
		{key: "demote", title: "demote: hand over, stay up as backup", act: demote, undo: promote, master: 1,
			limits: map[string]limit{tandemPair: lossless(100 * ms), mixedPair: counted(lossless(100 * ms))}},
		{key: "demote-kept", title: "demote under 32 busy keep-alive connections", kept: true, act: demote, undo: promote, master: 1,
			limits: map[string]limit{tandemPair: lossless(250 * ms), mixedPair: counted(lossless(250 * ms))}},
		{key: "return", title: "the old master returns with higher priority", before: stopped, act: start, master: 0,
			limits: map[string]limit{tandemPair: lossless(100 * ms), mixedPair: lossless(100 * ms)}},
		{key: "return-kept", title: "the old master returns under 32 busy keep-alive connections", kept: true, before: stopped, act: start, master: 0,
			limits: map[string]limit{tandemPair: lossless(250 * ms), mixedPair: counted(lossless(250 * ms))}},
		{key: "promote-kept", title: "promote under 32 busy keep-alive connections", kept: true,
			before: func(ctx context.Context, s *stand) error {
				if err := demote(ctx, s); err != nil {
					return err
				}
				return s.Await(ctx, s.Nodes[1])
			},
			act: promote, master: 0,
			limits: map[string]limit{tandemPair: lossless(250 * ms), mixedPair: counted(lossless(250 * ms))}},
		{key: "accept", title: "web side wedged: accepts no more", act: deaf, undo: hearing, master: 1,
			limits: map[string]limit{tandemPair: at(2*time.Second, unlimited), mixedPair: at(2500*ms, unlimited)}},
		{key: "swallow", title: "web side wedged: answers get lost", act: func(_ context.Context, s *stand) (err error) {
			s.restore, err = one(s).Host.SwallowPort(80)
			return err
		}, undo: func(_ context.Context, s *stand) error { return s.restore() }, master: 1,
			limits: map[string]limit{tandemPair: at(2*time.Second, unlimited), mixedPair: at(2500*ms, unlimited)}},
		{key: "fail", title: "web side wedged: answers 500", setup: proxied, master: 1,
			act:    backendIs(failing),
			undo:   backendIs(well),
			limits: map[string]limit{tandemPair: at(2*time.Second, unlimited), mixedPair: at(2500*ms, unlimited)}},
		{key: "slow", title: "web side wedged: answers too late", setup: proxied, master: 1,
			act:    backendIs(slow),
			undo:   backendIs(well),
			limits: map[string]limit{tandemPair: at(2*time.Second, unlimited), mixedPair: at(2500*ms, unlimited)}},
		{key: "backend", title: "the back end of the only proxied location dies", setup: proxied, master: 1,
			act:    func(_ context.Context, s *stand) error { s.backends[s.subject].stop(); return nil },
			undo:   func(_ context.Context, s *stand) error { return s.backends[s.subject].start() },
			limits: map[string]limit{tandemPair: at(2500*ms, unlimited), mixedPair: at(3500*ms, unlimited)}},
		{key: "kill", title: "kill -9", master: 1, endless: true,
			act:    func(ctx context.Context, s *stand) error { return one(s).Kill(ctx) },
			undo:   start,
			limits: map[string]limit{tandemPair: at(300*ms, 3*time.Second), mixedPair: at(3900*ms, 4*time.Second)}},
		{key: "suspend", title: "SIGSTOP of the whole process", master: 1, endless: true,
			act: signalled(syscall.SIGSTOP), undo: signalled(syscall.SIGCONT),
			limits: map[string]limit{tandemPair: at(3900*ms, 4*time.Second), mixedPair: at(3900*ms, 4*time.Second)}},
		{key: "resume", title: "SIGCONT after that", master: 0,
			before: func(ctx context.Context, s *stand) error {
				if err := signalled(syscall.SIGSTOP)(ctx, s); err != nil {
					return err
				}
				_, err := s.until(ctx, s.Nodes[1], 15*time.Second)
				return err
			},
			act: signalled(syscall.SIGCONT), limits: map[string]limit{tandemPair: at(250*ms, time.Second), mixedPair: at(1100*ms, time.Second)}},
		{key: "link", title: "link down", master: 1,
			act:    func(_ context.Context, s *stand) error { return one(s).Port.Unplug() },
			undo:   func(_ context.Context, s *stand) error { return one(s).Port.Plug() },
			limits: map[string]limit{tandemPair: at(3900*ms, unlimited), mixedPair: at(3900*ms, unlimited)}},
		{key: "reload", title: "reload of both files while serving, five times", act: reload, master: 0,
			limits: map[string]limit{
				tandemPair: {outage: 100 * ms, both: unlimited, changes: 0, gap: 1050 * ms},
				mixedPair:  {outage: 100 * ms, both: unlimited, changes: 0, gap: 1050 * ms}}},
		{key: "reload-kept", title: "the same under 32 busy keep-alive connections", kept: true, act: reload, master: 0,
			limits: map[string]limit{
				tandemPair: {outage: 250 * ms, both: unlimited, changes: 0, gap: 1050 * ms},
				mixedPair:  {outage: 250 * ms, both: unlimited, changes: 0, gap: 1050 * ms}}},
		{key: "both", title: "both nodes' web sides fail", setup: proxied, master: -1, endless: true,
			act: func(context.Context, *stand) error { return nil }, // see below
			limits: map[string]limit{
				tandemPair: {outage: unlimited, failed: unlimited, both: unlimited, changes: 6, gap: unlimited, answered: 250 * ms},
				mixedPair:  {outage: unlimited, failed: unlimited, both: unlimited, changes: 6, gap: unlimited, answered: 250 * ms}}},
	}
	both := &list[len(list)-1]
	both.act = func(_ context.Context, s *stand) error { s.backends[0].stop(); s.backends[1].stop(); return nil }
	both.undo = func(_ context.Context, s *stand) error {
		return errors.Join(s.backends[0].start(), s.backends[1].start())
	}
	return append(append(append(list, http2Rows(stop, start, stopped)...), relayedRows(stop, start, stopped)...), rareRows()...)
}

// relayedRows are planned switches and reloads under connections that are relayed and
// do not end by themselves, and under datagrams. The connections go on for drain_timeout,
// and then end at once: each loses one question. Of datagrams none is lost.
func relayedRows(stop, start, stopped func(context.Context, *stand) error) (list []row) {
	for _, with := range []struct {
		suffix, title string
		setup
		lost int
	}{
		{"tcp", "under 32 relayed connections that do not end", overTCP, 32},
		{"udp", "under 32 clients that ask over UDP, one question in a datagram", overUDP, 0},
	} {
		limits := map[string]limit{tandemPair: {outage: 250 * ms, kept: with.lost, both: unlimited, changes: unlimited, gap: unlimited}}
		reloads := map[string]limit{tandemPair: {outage: 250 * ms, both: unlimited, changes: 0, gap: 1050 * ms}}
		list = append(list,
			row{key: "stop-" + with.suffix, title: "planned stop " + with.title, setup: with.setup, kept: true, act: stop, undo: start, master: 1, limits: limits},
			row{key: "demote-" + with.suffix, title: "demote " + with.title, setup: with.setup, kept: true, act: demote, undo: promote, master: 1, limits: limits},
			row{key: "return-" + with.suffix, title: "the old master returns " + with.title, setup: with.setup, kept: true, before: stopped, act: start, master: 0, limits: limits,
				endless: with.setup == overTCP}, // until the other node has reset its connections
			row{key: "reload-" + with.suffix, title: "reload of both files five times " + with.title, setup: with.setup, kept: true, act: reload, master: 0, limits: reloads},
		)
	}
	return list
}

// http2Rows are planned switches under requests of HTTP/2 on kept connections, and
// under calls of gRPC.
func http2Rows(stop, start, stopped func(context.Context, *stand) error) (list []row) {
	for _, with := range []struct {
		suffix, title string
		setup
	}{
		{"h2", "under 4 connections of HTTP/2 with 8 busy streams each", overHTTP2},
		{"grpc", "under 32 gRPC streams on 4 connections", withCalls},
	} {
		lossless := map[string]limit{tandemPair: lossless(250 * ms)}
		reloads := map[string]limit{tandemPair: {outage: 250 * ms, both: unlimited, changes: 0, gap: 1050 * ms}}
		list = append(list,
			row{key: "stop-" + with.suffix, title: "planned stop " + with.title, setup: with.setup, kept: true, act: stop, undo: start, master: 1, limits: lossless},
			row{key: "demote-" + with.suffix, title: "demote " + with.title, setup: with.setup, kept: true, act: demote, undo: promote, master: 1, limits: lossless},
			row{key: "return-" + with.suffix, title: "the old master returns " + with.title, setup: with.setup, kept: true, before: stopped, act: start, master: 0, limits: lossless},
			row{key: "reload-" + with.suffix, title: "reload of both files five times " + with.title, setup: with.setup, kept: true, act: reload, master: 0, limits: reloads},
		)
	}
	return list
}

// demote is the operator's planned switch: with keepalived it takes an edit and
// a reload.
func demote(_ context.Context, s *stand) error {
	n := s.Nodes[s.subject]
	if n.Program.Name == "tandem" {
		return tandem(n, "-s", "demote")
	}
	if err := edit(filepath.Join(n.Prefix, "keepalived.conf"), "priority 100", "priority 40"); err != nil {
		return err
	}
	return n.Processes()[1].Signal(syscall.SIGHUP)
}

func promote(_ context.Context, s *stand) error {
	n := s.Nodes[s.subject]
	if n.Program.Name == "tandem" {
		return tandem(n, "-s", "promote")
	}
	if err := edit(filepath.Join(n.Prefix, "keepalived.conf"), "priority 40", "priority 100"); err != nil {
		return err
	}
	return n.Processes()[1].Signal(syscall.SIGHUP)
}

// tandem runs the program on a node, as its operator does.
func tandem(n *scenario.Node, args ...string) error {
	cmd := n.Program.Commands(n)[0]
	cmd.Args = append(cmd.Args, args...)
	_, err := n.Host.OutputOf(cmd)
	return err
}

// reload reads both files of the master again, five times.
func reload(ctx context.Context, s *stand) error {
	n := s.Nodes[s.subject]
	for range 5 {
		if n.Program.Name == "tandem" {
			if err := tandem(n, "-s", "reload"); err != nil {
				return err
			}
		} else {
			for _, p := range n.Processes() {
				if err := p.Signal(syscall.SIGHUP); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(700 * ms):
		}
	}
	return nil
}

// deaf makes a node's kernel drop what comes to port 80, its own questions
// too.
func deaf(_ context.Context, s *stand) error {
	_, err := s.Nodes[s.subject].Host.Output("nft", "add table inet fault; add chain inet fault in { type filter hook input priority 0; }; add rule inet fault in tcp dport 80 drop")
	return err
}

func hearing(_ context.Context, s *stand) error {
	_, err := s.Nodes[s.subject].Host.Output("nft", "delete table inet fault")
	return err
}

func backendIs(v behaviour) func(context.Context, *stand) error {
	return func(_ context.Context, s *stand) error {
		s.backends[s.subject].set(v)
		return nil
	}
}

// signalled sends a signal to all processes of the node.
func signalled(sig syscall.Signal) func(context.Context, *stand) error {
	return func(_ context.Context, s *stand) error {
		for _, p := range s.Nodes[s.subject].Processes() {
			if err := lab.SignalTree(p.Pid, sig); err != nil {
				return fmt.Errorf("signal %v: %w", sig, err)
			}
		}
		return nil
	}
}
