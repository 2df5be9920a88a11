package vserver

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"tandem/health/check"
	"tandem/internal/script"
	"tandem/vserver/table"
)

// TestScripts runs the scripts in testdata. A script is a list of commands; the
// indented lines under each are what came of it: what is told, and the table where
// it has changed, as ipvsadm prints it.
//
//	vs PORT [quorum=N] [hysteresis=N] [sorry=HOST] [sorry-inhibit] [omega] [mail]
//	rs HOST [weight=N] [inhibit] [alpha] [checks=N] [mail] [drop]
//	start | reload | stop        with what vs and rs have said since the last one
//	up HOST [N], down HOST [N]   check N of the real server has found it so
//	weight HOST N                the same, with what its first check adds
func TestScripts(t *testing.T) {
	script.Test(t, runScript)
}

type player struct {
	t       *testing.T
	out     strings.Builder
	servers []*Server
	state   *State
	table   string
}

func runScript(t *testing.T, text string) string {
	s := &player{t: t}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
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

func (s *player) command(words []string) {
	switch words[0] {
	case "vs":
		s.virtual(words[1], options(words[2:]))
	case "rs":
		s.realServer(words[1], options(words[2:]))
	case "start":
		s.state = NewState(s.servers, Options{})
		s.show(s.state.Start())
	case "reload":
		s.show(s.state.Reload(s.servers, Options{}))
	case "stop":
		s.show(s.state.Stop())
	case "up", "down":
		n := 0
		if len(words) > 2 {
			n = s.number(words[2])
		}
		s.found(words[1], n, words[0] == "up", nil)
	case "weight":
		n := s.number(words[2])
		s.found(words[1], 0, true, &n)
	default:
		s.t.Fatalf("unknown command %q", words)
	}
	if words[0] != "vs" && words[0] != "rs" {
		s.servers = nil
	}
}

// found has a check find something. Others that are up stay as they are.
func (s *player) found(host string, n int, up bool, weight *int) {
	done := false
	s.state.Places(func(at Place, v *Server, r *Real, c *Check) {
		if done || r.Name != host || at.Check != n {
			return
		}
		done = true
		f := check.Finding{Up: up, Ran: true, Logs: []string{fmt.Sprintf("check %d of %s: %s", n, host, upDown(up))}, Mail: "checked"}
		f.Weight = s.state.servers[at.Server].real[at.Real].checks[at.Check].weight
		if weight != nil {
			f.Weight = *weight
		}
		s.show(s.state.Found(at, f))
	})
	if !done {
		s.t.Fatalf("no check %d of %s", n, host)
	}
}

func (s *player) show(events []Event) {
	for _, e := range events {
		fmt.Fprintf(&s.out, "\t%s\n", e)
	}
	if now := s.state.Table(nil).String(); now != s.table {
		s.table = now
		for line := range strings.Lines(now) {
			s.out.WriteString("\t| " + line)
		}
		if now == "" {
			s.out.WriteString("\t| nothing\n")
		}
	}
}

func options(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		m[k] = v
	}
	return m
}

func (s *player) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// value is an option's number, or the default.
func (s *player) value(o map[string]string, name string, otherwise int) int {
	if text, ok := o[name]; ok {
		return s.number(text)
	}
	return otherwise
}

func has(o map[string]string, name string) bool { _, ok := o[name]; return ok }

func (s *player) virtual(port string, o map[string]string) {
	address := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(s.number(port)))
	v := &Server{
		Name: "VS" + port, Quorum: s.value(o, "quorum", 1), Hysteresis: s.value(o, "hysteresis", 0), Omega: has(o, "omega"), SMTPAlert: has(o, "mail"),
		Services: []table.Service{{Key: table.Key{Protocol: table.TCP, Address: address}, Scheduler: "wlc"}},
	}
	if host, ok := o["sorry"]; ok {
		v.Sorry = server1(host, 1)
		v.Sorry.Inhibit = has(o, "sorry-inhibit")
	}
	s.servers = append(s.servers, v)
}

func server1(host string, weight int) *Real {
	return &Real{
		Name: host, Weight: weight,
		Destination: table.Destination{Address: netip.AddrPortFrom(netip.MustParseAddr("10.0.0."+host), 80), Method: table.Masquerading},
	}
}

func (s *player) realServer(host string, o map[string]string) {
	r := server1(host, s.value(o, "weight", 1))
	r.Inhibit, r.SMTPAlert = has(o, "inhibit"), has(o, "mail")
	for n := range s.value(o, "checks", 1) {
		r.Checks = append(r.Checks, &Check{Key: fmt.Sprint(n), Spec: check.Spec{Alpha: has(o, "alpha")}})
	}
	v := s.servers[len(s.servers)-1]
	v.Real = append(v.Real, r)
}
