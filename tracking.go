package main

import (
	"context"
	"slices"
	"sync"

	"tandem/health"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// tracking runs what the instances track, the scripts, files and processes, and
// tells the router what comes of it.
type tracking struct {
	router *vrrp.Router
	log    *eventLog

	mu       sync.Mutex
	end      context.CancelFunc        // of what runs for the configuration in force; may be nil
	verdicts map[string]health.Verdict // of scripts, by name
}

// configure runs what a configuration tracks, in place of what ran before. A
// script that was there already goes on from the verdict that it has.
func (t *tracking) configure(c *configuration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end != nil {
		t.end()
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.end = cancel
	k := c.keepalived
	before := t.verdicts
	t.verdicts = map[string]health.Verdict{}
	for _, s := range k.Scripts {
		users := usersOf(k, s.Name, trackedScripts)
		if len(users) == 0 || k.Script(s.Name) != s {
			continue
		}
		run := c.script(s)
		run.Before = before[s.Name]
		t.verdicts[s.Name] = run.Before
		run.Log = t.logLine
		run.Report = func(v health.Verdict) {
			t.tell(ctx, users, vrrp.Tracker{Kind: fsm.FaultScript, Name: s.Name, Text: v.Reason}, func(u use) (int, bool) {
				return vrrp.Weigh(v.Good, u.Weight, u.Reverse)
			}, func() { t.verdicts[s.Name] = v })
		}
		go run.Run(ctx)
	}
}

// stop ends everything that runs.
func (t *tracking) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
}

func (t *tracking) logLine(text string) { t.log.line("", text) }

// tell passes a result on to the instances that it concerns, unless what it is
// the result of was ended meanwhile. keep is called if it was not.
func (t *tracking) tell(ctx context.Context, users map[string][]use, r vrrp.Tracker, weigh func(use) (add int, fault bool), keep func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if keep != nil {
		keep()
	}
	for instance, uses := range users {
		one := r
		for _, u := range uses {
			add, fault := weigh(u)
			one.Weight += add
			one.Fault = one.Fault || fault
		}
		t.router.SetTracker(instance, one)
	}
}

// use is a line that says how something tracked counts.
type use = keepalivedconf.Track

// tracked returns the lines of an instance, and of its sync group, about one
// sort of what can be tracked.
type tracked func(i *keepalivedconf.Instance, g *keepalivedconf.SyncGroup) (own, group []use)

func trackedScripts(i *keepalivedconf.Instance, g *keepalivedconf.SyncGroup) (own, group []use) {
	return i.TrackScripts, g.TrackScripts
}

// usersOf returns how each instance counts the thing of that name; instances
// that do not track it are not in it.
func usersOf(k *keepalivedconf.Config, name string, lines tracked) map[string][]use {
	users := map[string][]use{}
	for _, i := range k.Instances {
		g := i.Group
		if g == nil {
			g = &keepalivedconf.SyncGroup{}
		}
		own, group := lines(i, g)
		for _, u := range slices.Concat(own, group) {
			if u.Name == name {
				users[i.Name] = append(users[i.Name], u)
			}
		}
	}
	return users
}

// script returns what runs a vrrp_script.
func (c *configuration) script(s *keepalivedconf.Script) *health.Script {
	command := c.command(s.Command)
	// A check is nothing without somebody who looks at its result.
	command.Bound = true
	return &health.Script{
		Name: s.Name, Command: command, Unusable: s.Unusable,
		Interval: s.Interval, Timeout: s.Timeout, Fall: s.Fall, Rise: s.Rise, InitFail: s.InitFail,
	}
}
