package failover

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tandem/health"
	"tandem/internal/task"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// tracking runs what the instances track, the scripts, files and processes, and
// tells the router what comes of it and of BFD.
type tracking struct {
	router *vrrp.Router
	log    *eventLog
	// serves says whether the process serves, as far as that concerns any of the
	// instances; it waits for the first word about that until the context ends.
	serves func(ctx context.Context, instances map[string][]use) health.Verdict

	scripts, others *task.Group // what runs for the configuration in force

	mu       sync.Mutex
	verdicts map[string]health.Verdict // of scripts, by name
	running  bool                      // a configuration has been taken over before

	config   *keepalivedconf.Config // in force
	sessions map[string]bool        // BFD's, by name: it is up
}

// configure runs what a configuration tracks, in place of what ran before. A
// script that was there already goes on from the verdict that it has.
func (t *tracking) configure(k *keepalivedconf.Config) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scripts.Cancel()
	t.others.Cancel()
	scripts, others := task.NewGroup(t.scripts), task.NewGroup(t.others)
	t.scripts, t.others = scripts, others
	before := t.verdicts
	t.verdicts = map[string]health.Verdict{}
	for _, s := range k.Scripts {
		users := usersOf(k, s.Name, scriptLines)
		if len(users) == 0 || k.Script(s.Name) != s {
			continue
		}
		run := health.ScriptFromKeepalived(k, s, func(ctx context.Context) bool { return t.serves(ctx, users).Good })
		run.Before = before[s.Name]
		t.verdicts[s.Name] = run.Before
		run.Log = t.logLine
		run.Report = func(v health.Verdict) {
			t.tell(scripts, users, vrrp.Tracker{Kind: fsm.FaultScript, Name: s.Name, Text: v.Reason}, func(u use) (int, bool) {
				return vrrp.Weigh(v.Good, u.Weight, u.Reverse)
			}, func() { t.verdicts[s.Name] = v })
		}
		scripts.Go(run.Run)
	}
	t.followFiles(others, k)
	t.followProcesses(others, k)
	t.followBFD(k)
}

// followBFD tells how the sessions stand that are tracked. One that is not run is down.
func (t *tracking) followBFD(k *keepalivedconf.Config) {
	before := t.sessions
	t.config, t.sessions = k, map[string]bool{}
	for _, i := range k.BFD {
		t.sessions[i.Name] = before[i.Name]
	}
	told := map[string]bool{}
	for _, i := range k.Instances {
		for _, u := range tracked(i, bfdLines) {
			if !told[u.Name] {
				told[u.Name] = true
				t.tellBFD(u.Name, t.sessions[u.Name])
			}
		}
	}
}

// setBFD takes how a session stands.
func (t *tracking) setBFD(name string, up bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, runs := t.sessions[name]; !runs || before == up {
		return
	}
	t.sessions[name] = up
	for instance := range usersOf(t.config, name, bfdLines) {
		t.log.line(instance, fmt.Sprintf("Tracked BFD instance %s is %s", name, upOrDown(up)))
	}
	t.tellBFD(name, up)
}

func (t *tracking) tellBFD(name string, up bool) {
	pass(t.router, usersOf(t.config, name, bfdLines), vrrp.Tracker{Kind: fsm.FaultBFD, Name: name, Text: strings.ToLower(upOrDown(up))}, func(u use) (int, bool) {
		return vrrp.Weigh(up, u.Weight, u.Reverse)
	})
}

func upOrDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}

// followFiles follows the files that are tracked.
func (t *tracking) followFiles(others *task.Group, k *keepalivedconf.Config) {
	for n, f := range k.TrackFiles {
		users := usersOf(k, f.Name, fileLines)
		first := slices.IndexFunc(k.TrackFiles, func(o *keepalivedconf.TrackFile) bool { return o.Name == f.Name })
		if len(users) == 0 || first != n {
			continue
		}
		file := &health.File{Path: f.Path, Log: t.logLine}
		file.Report = func(value int) {
			t.tell(others, users, vrrp.Tracker{Kind: fsm.FaultFile, Name: f.Name, Text: strconv.Itoa(value)}, func(u use) (int, bool) {
				return health.WeighFile(value, u.Weight, u.Reverse)
			}, nil)
		}
		if f.Init {
			// A reload overwrites nothing.
			if err := file.Create(f.InitValue, f.Overwrite && !t.running); err != nil {
				t.logLine("track_file " + f.Name + ": " + err.Error())
			}
		}
		others.Go(file.Run)
	}
	t.running = true
}

// followProcesses looks for the processes that are tracked.
func (t *tracking) followProcesses(others *task.Group, k *keepalivedconf.Config) {
	for n, p := range k.Processes {
		users := usersOf(k, p.Name, processLines)
		first := slices.IndexFunc(k.Processes, func(o *keepalivedconf.Process) bool { return o.Name == p.Name })
		if len(users) == 0 || first != n {
			continue
		}
		look := health.ProcessesFromKeepalived(p, func() health.Verdict { return t.serves(others.Context(), users) })
		look.Report = func(v health.Verdict) {
			t.tell(others, users, vrrp.Tracker{Kind: fsm.FaultProcess, Name: p.Name, Text: v.Reason}, func(u use) (int, bool) {
				return vrrp.Weigh(v.Good, u.Weight, u.Reverse)
			}, nil)
		}
		others.Go(look.Run)
	}
}

// stop ends everything that runs.
func (t *tracking) stop() {
	t.scripts.End()
	t.others.End()
}

func (t *tracking) logLine(text string) { t.log.line("", text) }

// tell passes a result on to the instances that it concerns, unless what it is
// the result of was ended meanwhile. keep is called if it was not.
func (t *tracking) tell(from *task.Group, users map[string][]use, r vrrp.Tracker, weigh func(use) (add int, fault bool), keep func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from.Cancelled() {
		return
	}
	if keep != nil {
		keep()
	}
	pass(t.router, users, r, weigh)
}

// pass tells the router what a result is to each of its users.
func pass(router *vrrp.Router, users map[string][]use, r vrrp.Tracker, weigh func(use) (add int, fault bool)) {
	for instance, uses := range users {
		one := r
		for _, u := range uses {
			add, fault := weigh(u)
			one.Weight += add
			one.Fault = one.Fault || fault
		}
		router.SetTracker(instance, one)
	}
}

// use is a line that says how something tracked counts.
type use = keepalivedconf.Track

// lines returns those about one sort of what can be tracked.
type lines func(*keepalivedconf.Tracking) []use

func scriptLines(t *keepalivedconf.Tracking) []use  { return t.TrackScripts }
func fileLines(t *keepalivedconf.Tracking) []use    { return t.TrackFiles }
func processLines(t *keepalivedconf.Tracking) []use { return t.TrackProcesses }
func bfdLines(t *keepalivedconf.Tracking) []use     { return t.TrackBFD }

// tracked returns the lines that concern an instance: its own and its group's.
func tracked(i *keepalivedconf.Instance, of lines) []use {
	if i.Group == nil {
		return of(&i.Tracking)
	}
	return slices.Concat(of(&i.Tracking), of(&i.Group.Tracking))
}

// usersOf returns how each instance counts the thing of that name; instances
// that do not track it are not in it.
func usersOf(k *keepalivedconf.Config, name string, of lines) map[string][]use {
	users := map[string][]use{}
	for _, i := range k.Instances {
		for _, u := range tracked(i, of) {
			if u.Name == name {
				users[i.Name] = append(users[i.Name], u)
			}
		}
	}
	return users
}
