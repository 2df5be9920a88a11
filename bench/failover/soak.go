package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"tandem/internal/scenario"
	"tandem/status"
)

// soakEvery is the time between two requests of the soak's client: 200 a second.
const soakEvery = 5 * time.Millisecond

// stallLimit is how long the machine may keep everything waiting before what is
// not met says nothing about the nodes any more.
const stallLimit = 100 * ms

// soaked is one fault of a soak and its end.
type soaked struct {
	name    string
	fault   seen
	undoing seen
}

// soak has random rows happen to a random node of a tandem pair for a long time,
// and looks at both ends of each: the fault, and the way back to normal.
func soak(ctx context.Context, o options) (code int, err error) {
	seed := o.seed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	dice := rand.New(rand.NewPCG(seed, 0))
	fmt.Printf("soak of %v, a fault every %v, seed %d\n", o.soak, o.every, seed)
	// All rows need nodes that pass to a back end.
	s, err := newStand(ctx, contests()[0].programs(), proxied, soakEvery)
	if err != nil {
		return 1, err
	}
	defer s.close()
	before, err := s.resources()
	if err != nil {
		return 1, err
	}
	fmt.Printf("at the beginning: %s\n", before)
	var faults []row
	for _, r := range rows() {
		if !r.kept && r.before == nil && r.pairs == nil && (r.undo != nil && r.master == 1 || r.key == "reload") {
			faults = append(faults, r)
		}
	}
	var list []soaked
	broken, stalled := 0, 0
	begun := time.Now()
	for n := 0; time.Since(begun) < o.soak; n++ {
		r := faults[dice.IntN(len(faults))]
		s.subject = dice.IntN(2)
		one, err := s.soakOne(ctx, r)
		if err != nil {
			return 1, fmt.Errorf("%s: %w", one.name, err)
		}
		list = append(list, one)
		wrong := append(prefixed("", one.fault.verdicts), prefixed("the way back: ", one.undoing.verdicts)...)
		fmt.Printf("%7s  %-22s %s; the way back: %s\n", time.Since(begun).Round(time.Second), one.name, one.fault.text(), one.undoing.text())
		for _, w := range wrong {
			fmt.Printf("%7s  NOT MET: %s\n", "", w)
		}
		switch {
		case len(wrong) == 0:
		case max(one.fault.stall, one.undoing.stall) > stallLimit:
			stalled++
		default:
			broken++
			if o.verbose {
				fmt.Println(s.Nodes[0].LastWords() + "\n" + s.Nodes[1].LastWords())
			}
		}
		if err := s.wait(ctx, time.Until(begun.Add(time.Duration(n+1)*o.every))); err != nil {
			return 1, err
		}
	}
	after, err := s.resources()
	if err != nil {
		return 1, err
	}
	fmt.Printf("\n%s\nat the beginning: %s\nat the end:       %s\n", summary(list), before, after)
	all := s.Probe.Summary(begun, time.Time{})
	fmt.Printf("%d faults in %v, %d requests, %d of them failed\n", len(list), time.Since(begun).Round(time.Second), all.Requests, all.Failed)
	if wrong := after.grown(before); wrong != nil {
		broken++
		fmt.Println("NOT MET: " + strings.Join(wrong, "; "))
	}
	if stalled > 0 {
		fmt.Printf("%d of the faults that were not met fell into times in which the machine stalled for more than %v\n", stalled, stallLimit)
	}
	if broken > 0 {
		return 1, fmt.Errorf("%d times something was not met", broken)
	}
	return 0, nil
}

func prefixed(prefix string, list []string) (out []string) {
	for _, one := range list {
		out = append(out, prefix+one)
	}
	return out
}

// untouched is what a fault of the backup may cost, and every way back: nothing.
func untouched() limit {
	l := lossless(unlimited)
	l.both = time.Second
	return l
}

// soakOne has a row happen to the subject, and ends it.
func (s *stand) soakOne(ctx context.Context, r row) (one soaked, err error) {
	one.name = s.Nodes[s.subject].Name + " " + r.key
	l, back := r.limits[tandemPair], untouched()
	l.changes = unlimited
	if l.both < 0 {
		l.both = time.Second
	}
	if l.failed == 0 {
		l.outage = unlimited // no request is lost: that is enough to ask for here
	}
	if s.subject == 1 {
		// It happens to the backup.
		r.master, l = 0, untouched()
		l.changes = 0
	}
	if r.key == "suspend" {
		// It wakes up with the address, and sees that it is late.
		back = at(250*ms, time.Second)
	}
	r.endless = false // the next fault is not long in coming
	if one.fault, err = s.play(ctx, r, &l); err != nil || r.undo == nil {
		return one, err
	}
	undo := row{key: r.key, act: r.undo, master: 0}
	if one.undoing, err = s.observe(ctx, undo, &back); err != nil {
		return one, err
	}
	return one, s.normal(ctx)
}

// summary is a line for each fault: how often, and the worst of it.
func summary(list []soaked) string {
	type worst struct {
		times, failed, undoFailed int
		outage, both, undo        time.Duration
	}
	by := map[string]*worst{}
	for _, one := range list {
		w := by[one.name]
		if w == nil {
			w = &worst{}
			by[one.name] = w
		}
		w.times++
		w.failed += one.fault.Failed
		w.undoFailed += one.undoing.Failed
		w.outage = max(w.outage, one.fault.Outage)
		w.undo = max(w.undo, one.undoing.Outage)
		w.both = max(w.both, one.fault.both, one.undoing.both)
	}
	var b strings.Builder
	b.WriteString("| fault | times | longest outage | failed requests | VIP on both | the way back: longest outage | failed requests |\n|---|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(by)) {
		w := by[name]
		fmt.Fprintf(&b, "| %s | %d | %v | %d | %v | %v | %d |\n", name, w.times, round(w.outage), w.failed, round(w.both), round(w.undo), w.undoFailed)
	}
	return b.String()
}

// resources are what the nodes' processes use.
type resources [2]status.Resources

func (s *stand) resources() (r resources, err error) {
	for i, n := range s.Nodes {
		if r[i], err = resourcesOf(n); err != nil {
			return r, err
		}
	}
	return r, nil
}

func resourcesOf(n *scenario.Node) (status.Resources, error) {
	cmd := n.Program.Commands(n)[0]
	cmd.Args = []string{cmd.Args[0], "status", "--json", "-p", n.Prefix, "-c", "conf/nginx.conf"}
	out, err := n.Host.OutputOf(cmd)
	var r status.Report
	if e := json.Unmarshal([]byte(out), &r); e != nil {
		return r.Resources, fmt.Errorf("status of %s: %w", n.Name, errors.Join(err, e))
	}
	return r.Resources, nil
}

func (r resources) String() string {
	var list []string
	for _, one := range r {
		list = append(list, fmt.Sprintf("%.1f MB, %d goroutines, %d files", float64(one.Resident)/1e6, one.Goroutines, one.Files))
	}
	return strings.Join(list, " and ")
}

// grown says what is more than at the beginning, apart from what comes and goes
// with requests.
func (r resources) grown(from resources) (wrong []string) {
	for i, one := range r {
		if most := from[i].Goroutines + 8; one.Goroutines > most {
			wrong = append(wrong, fmt.Sprintf("node %d has %d goroutines, at most %d", i+1, one.Goroutines, most))
		}
		if most := from[i].Files + 16; one.Files > most {
			wrong = append(wrong, fmt.Sprintf("node %d has %d open files, at most %d", i+1, one.Files, most))
		}
		if most := from[i].Resident*3/2 + 16<<20; one.Resident > most {
			wrong = append(wrong, fmt.Sprintf("node %d has %d bytes of memory, at most %d", i+1, one.Resident, most))
		}
	}
	return wrong
}
