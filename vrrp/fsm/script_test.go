package fsm

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/internal/script"
	"tandem/vrrp/packet"
)

// TestScripts runs the scripts in testdata. A script is a list of commands; the indented lines under each are what
// came of it, with the time since the start of the script. Files are named after the behaviour that they fix.
func TestScripts(t *testing.T) {
	script.Test(t, runScript)
}

// player is the state of a script that is being played.
type player struct {
	t       *testing.T
	out     strings.Builder
	begin   time.Time
	now     time.Time
	configs []*Config
	groups  []Group
	router  *Router
}

func runScript(t *testing.T, text string) string {
	begin := time.Unix(1_000_000, 0)
	s := &player{t: t, begin: begin, now: begin}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "\t") {
			continue // the output of an earlier run
		}
		s.out.WriteString(line + "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		s.command(strings.Fields(line))
	}
	return s.out.String()
}

func (s *player) print(format string, args ...any) {
	fmt.Fprintf(&s.out, "\t%s\n", fmt.Sprintf(format, args...))
}

// command runs one line: "instance", "group" and "set" configure, "wait" and "stall" let time pass, "show" prints,
// and everything else is an event for the instance named last ("on NAME EVENT" names it).
func (s *player) command(f []string) {
	switch f[0] {
	case "instance":
		c := &Config{Name: f[1], VRID: 51, Version: packet.V2, Source: netip.MustParseAddr("192.0.2.1"), Priority: 100,
			Interval: time.Second, Announcements: Announcements{Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1}}
		s.set(c, f[2:])
		s.configs = append(s.configs, c)
	case "group":
		g := Group{Name: f[1]}
		for _, name := range f[2:] {
			g.Members = append(g.Members, s.find(name))
		}
		s.groups = append(s.groups, g)
	case "wait":
		s.wait(s.duration(f[1]))
	case "stall":
		s.now = s.now.Add(s.duration(f[1]))
		s.show(s.r().Tick(s.now))
	case "show":
		for i, c := range s.configs {
			st := s.r().State(i)
			line := fmt.Sprintf("%s %v priority %d", c.Name, st.Role, c.Effective(st))
			if st.Leaving() {
				line += " leaving"
			}
			if at, what, ok := st.Deadline(); ok {
				line += fmt.Sprintf(", %s in %v", what, at.Sub(s.now))
			}
			if len(st.Faults) > 0 {
				line += ", " + causes(st.Faults).String()
			}
			s.print("%s", line)
		}
	case "reconfigure":
		i := s.find(f[1])
		old := *s.configs[i]
		ev := Reconfigured{Old: &old}
		var rest []string
		for _, kv := range f[2:] {
			switch kv {
			case "changed":
				ev.Changed = true
			case "added":
				ev.Added = true
			default:
				rest = append(rest, kv)
			}
		}
		s.set(s.configs[i], rest)
		s.show(s.r().Step(i, ev, s.now))
	case "on":
		s.show(s.r().Step(s.find(f[1]), s.event(f[2:]), s.now))
	default:
		ev := s.event(f)
		for i := range s.configs {
			s.show(s.r().Step(i, ev, s.now))
		}
	}
}

// r is the router, made at the first event.
func (s *player) r() *Router {
	if s.router == nil {
		s.router = NewRouter(s.configs, s.groups, s.now)
	}
	return s.router
}

func (s *player) find(name string) int {
	for i, c := range s.configs {
		if c.Name == name {
			return i
		}
	}
	s.t.Fatalf("no instance %s", name)
	panic("unreachable")
}

// wait lets the timers fire until the time is over.
func (s *player) wait(d time.Duration) {
	end := s.now.Add(d)
	for {
		at, ok := s.r().Deadline()
		if !ok || at.After(end) {
			s.now = end
			return
		}
		if at.After(s.now) {
			s.now = at
		}
		s.show(s.r().Tick(s.now))
	}
}

func (s *player) show(effects []Effect) {
	for _, e := range effects {
		name := "group "
		if e.Instance >= 0 {
			name = s.configs[e.Instance].Name
		} else {
			name += s.groups[e.Group].Name
		}
		s.print("%7.3fs %s: %v", s.now.Sub(s.begin).Seconds(), name, e.Action)
	}
}

func (s *player) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *player) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// event reads an event: "advert ADDRESS PRIORITY [INTERVAL]", "fault KIND NAME TEXT", "clear KIND NAME TEXT", ...
func (s *player) event(f []string) Event {
	switch f[0] {
	case "start":
		return Start{}
	case "stop":
		return Stop{Now: len(f) > 1 && f[1] == "now"}
	case "advert":
		a := Advert{Source: netip.MustParseAddr(f[1]), Priority: uint8(s.number(f[2])), Interval: time.Second}
		if len(f) > 3 {
			a.Interval = s.duration(f[3])
		}
		return a
	case "weights":
		return PriorityChanged{Weights: s.number(f[1])}
	case "fault":
		return FaultSet{Cause: Cause{Kind: s.kind(f[1]), Name: f[2], Text: strings.Join(f[3:], " ")}}
	case "clear":
		return FaultCleared{Kind: s.kind(f[1]), Name: f[2], Text: strings.Join(f[3:], " ")}
	case "lost":
		return AddressLost{Address: netip.MustParseAddr(f[1])}
	case "resign":
		return Resign{Text: strings.Join(f[1:], " ")}
	case "resign-alone":
		return Resign{Text: strings.Join(f[1:], " "), Alone: true}
	case "selfok":
		return SelfOK{}
	case "demote":
		return Demote{}
	case "promote":
		return Promote{}
	case "linked":
		return Linked{Source: netip.MustParseAddr(f[1]), On: len(f) < 3 || f[2] != "off"}
	case "handover":
		return HandOver{}
	case "takeover":
		return TakeOver{Source: netip.MustParseAddr(f[1])}
	case "gone":
		return PeerGone{Source: netip.MustParseAddr(f[1]), Best: len(f) > 2 && f[2] == "best"}
	}
	s.t.Fatalf("no event %q", f)
	panic("unreachable")
}

func (s *player) kind(word string) FaultKind {
	kinds := map[string]FaultKind{"interface": FaultInterface, "script": FaultScript, "self-probe": FaultSelfProbe,
		"pending-script": PendingScript, "pending-self-probe": PendingSelfProbe}
	k, ok := kinds[word]
	if !ok {
		s.t.Fatalf("no fault kind %q", word)
	}
	return k
}

// set changes a configuration: key=value or a bare key for a flag.
func (s *player) set(c *Config, list []string) {
	a := &c.Announcements
	for _, kv := range list {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "priority":
			c.Priority = uint8(s.number(v))
		case "master":
			c.StartMaster = true
		case "v3":
			c.Version = packet.V3
		case "source":
			c.Source = netip.MustParseAddr(v)
		case "interval":
			c.Interval = s.duration(v)
		case "down":
			c.DownAdverts = s.number(v)
		case "nopreempt":
			c.NoPreempt = true
		case "preempt_delay":
			c.PreemptDelay = s.duration(v)
		case "startup_delay":
			c.StartupDelay = s.duration(v)
		case "higher_prio_send_advert":
			c.HigherSendsAdvert = true
		case "lower_prio_no_advert":
			c.LowerNoAdvert = true
		case "no_accept":
			c.NoAccept = true
		case "handover":
			c.Handover = s.duration(v)
		case "linger":
			c.Linger = s.duration(v)
		case "ask":
			c.AskHandover = s.duration(v)
		case "garp":
			a.Repeat = s.number(v)
		case "garp_delay":
			a.Delay = s.duration(v)
		case "garp_refresh":
			a.Refresh = s.duration(v)
		case "garp_refresh_repeat":
			a.RefreshRepeat = s.number(v)
		case "garp_extra":
			a.Extra = s.duration(v)
		case "garp_lower":
			a.LowerRepeat = s.number(v)
		case "garp_lower_delay":
			a.LowerDelay = s.duration(v)
		case "echoed":
			a.Echoed = s.duration(v)
		case "contested":
			a.Contested = s.duration(v)
		default:
			s.t.Fatalf("no setting %q", kv)
		}
	}
}
