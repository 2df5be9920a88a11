package node

import (
	"fmt"
	"strings"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/status"
)

// statusInterval is how often the service manager is told how the node stands, if
// that has changed, where the watchdog asks for nothing more.
const statusInterval = 3 * time.Second

// tell tells the service manager, if there is one. That it cannot be told is
// logged: it may well end the process for it.
func (n *node) tell(assignments ...string) {
	var err error
	privilege.Raise(func() { err = n.supervisor.Tell(assignments...) })
	if err != nil {
		n.inForce.Load().configuration.Log.Printf(errorlog.Warn, "%v", err)
	}
}

// supervise tells the service manager how the node stands, and that it is alive,
// until done is closed.
func (n *node) supervise(done <-chan struct{}) {
	if n.supervisor == nil {
		return
	}
	interval := statusInterval
	watched := n.supervisor.Watchdog > 0
	if watched {
		interval = min(interval, n.supervisor.Watchdog/3)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	told, pulse := "", pulse{within: n.supervisor.Watchdog}
	for {
		r := n.report()
		var words []string
		if text := summary(r); text != told {
			told = text
			words = append(words, "STATUS="+text)
		}
		// Without an instance in the report the VRRP loop has not answered.
		stuck := n.inForce.Load().failover != nil && len(r.Instances) == 0 && !r.Stopping
		if watched && !stuck && pulse.alive(r, time.Now()) {
			words = append(words, "WATCHDOG=1")
		}
		if words != nil {
			n.tell(words...)
		}
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

// summary is a report in one line.
func summary(r *status.Report) string {
	state := "serving"
	if !r.Healthy && len(r.Problems) > 0 {
		state = r.Problems[0]
	}
	for _, i := range r.Instances {
		state += fmt.Sprintf("; %s %s", i.Name, i.State)
		if len(i.Held) > 0 {
			var list []string
			for _, a := range i.Held {
				list = append(list, a.String())
			}
			state += " " + strings.Join(list, " ")
		}
	}
	return strings.ReplaceAll(state, "\n", " ")
}

// pulse judges whether a process is alive, by what its own HTTP answers to the
// self-probe. What an answer says does not matter: a start anew mends what is stuck,
// not what is configured wrongly. So a listener counts from its first answer on.
type pulse struct {
	within time.Duration
	last   map[string]time.Time // of each instance's self-probe: its last answer
}

// alive reports whether each self-probe that was ever answered has been answered
// of late.
func (p *pulse) alive(r *status.Report, now time.Time) bool {
	if p.last == nil {
		p.last = map[string]time.Time{}
	}
	there := map[string]bool{}
	well := true
	for _, i := range r.Instances {
		if i.SelfProbe == nil {
			continue
		}
		there[i.Name] = true
		for _, a := range i.SelfProbe.Last {
			if a.Status != 0 && a.At.After(p.last[i.Name]) {
				p.last[i.Name] = a.At
			}
		}
		if at, ok := p.last[i.Name]; ok && now.Sub(at) > p.within {
			well = false
		}
	}
	for name := range p.last {
		if !there[name] {
			delete(p.last, name)
		}
	}
	return well
}
