package status

import (
	"fmt"
	"strings"
)

// Judge fills in Healthy, Problems, Notes and Summary. A node is healthy when it does
// its part: as master its web side answers, as backup it knows who holds the
// addresses and could take over. What concerns other nodes is a note.
func (r *Report) Judge() {
	r.Problems, r.Notes = nil, nil
	problem := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	note := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	if r.Stopping {
		problem("the process is stopping")
	}
	if len(r.Web.Listeners) == 0 && len(r.VirtualServers) == 0 {
		problem("no port is open")
	}
	if r.Configuration.FailedReload != nil {
		note("the last reload failed: the configuration from before is in force")
	}
	switch {
	case r.Panics == 1:
		note("the process has survived a panic: see the error log")
	case r.Panics > 1:
		note("the process has survived %d panics: see the error log", r.Panics)
	}
	for i := range r.Upstreams {
		if u := &r.Upstreams[i]; !u.serves() {
			note("no peer of upstream %s gets requests", u.Name)
		}
	}
	for i := range r.Certificates {
		if text := r.Certificates[i].note(r.At); text != "" {
			note("%s", text)
		}
	}
	for i := range r.VirtualServers {
		r.VirtualServers[i].judge(problem, note)
	}
	r.judgeBFD(note)
	for i := range r.Instances {
		r.Instances[i].judge(problem, note)
	}
	r.Healthy = len(r.Problems) == 0
	r.Summary = r.summarize()
}

// Add adds a problem to those that Judge has found.
func (r *Report) Add(problem string) {
	r.Healthy = false
	r.Problems = append(r.Problems, problem)
	r.Summary = r.summarize()
}

func (i *Instance) judge(problem, note func(string, ...any)) {
	switch i.State {
	case "FAULT":
		problem("%s is faulty: %s", i.Name, strings.Join(i.Faults, "; "))
		return
	case "INIT":
		problem("%s has not started yet: %s", i.Name, strings.Join(i.Faults, "; "))
		return
	case "STOP":
		problem("%s has stopped", i.Name)
		return
	}
	if i.Resigned != "" {
		problem("%s has resigned: %s", i.Name, i.Resigned)
	} else if p := i.SelfProbe; p != nil && !p.Good {
		problem("%s: the self-probe has failed: %s", i.Name, p.Reason)
	}
	if i.Owner == nil {
		problem("%s: nobody is known to hold %s", i.Name, addresses(i.Addresses))
	}
	if i.State == "MASTER" && len(i.Held) == 0 && len(i.Addresses) > 0 {
		problem("%s is master without its addresses", i.Name)
	}
	if r := i.Rival; r != nil {
		problem("%s: %v is master too: %s", i.Name, r.Addr, r.Why)
	}
	if i.Demoted {
		note("%s was demoted and takes over only when the other node is gone; tandem -s promote ends that", i.Name)
	}
	for _, p := range i.Peers {
		if p.Health != "" {
			note("%s: the web side of %s does not serve: %s", i.Name, p.Node, p.Health)
		}
		if len(p.Drift) > 0 {
			note("%s: the configuration of %s differs from ours: %s", i.Name, p.Node, strings.Join(p.Drift, ", "))
		}
	}
}
