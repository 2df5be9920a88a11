package vrrptest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/internal/script"
	"tandem/vrrp/fsm"
	"tandem/vrrp/packet"
)

// TestScenarios plays what several nodes do to each other, from the scripts in testdata. The indented lines under each
// command are what came of it.
func TestScenarios(t *testing.T) {
	script.Test(t, play)
}

// indent writes every line behind a tab.
type indent struct{ strings.Builder }

func (w *indent) Write(b []byte) (int, error) {
	w.WriteString("\t" + strings.TrimLeft(string(b), " "))
	return len(b), nil
}

// scenario is a script being played.
type scenario struct {
	t     *testing.T
	out   indent
	sim   *Sim
	nodes map[string]*Node
}

func play(t *testing.T, text string) string {
	s := &scenario{t: t, nodes: map[string]*Node{}}
	s.sim = NewSim(1, 1, &s.out)
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		s.out.WriteString(line + "\n")
		if line != "" && line[0] != '#' {
			s.command(strings.Fields(line))
		}
		if v := s.sim.Violation(); v != "" {
			t.Error(v)
		}
	}
	return s.out.String()
}

func (s *scenario) command(f []string) {
	if f[0] == "lans" {
		n, _ := strconv.Atoi(f[1])
		s.sim = NewSim(1, n, &s.out)
		return
	}
	if f[0] == "run" {
		s.sim.Run(s.duration(f[1]))
		return
	}
	if f[0] == "partition" {
		split := map[*Node]int{}
		part := 0
		for _, name := range f[1:] {
			if name == "|" {
				part++
			} else {
				split[s.node(name)] = part
			}
		}
		s.sim.Partition(split)
		return
	}
	if f[0] == "show" {
		for _, n := range s.sim.nodes {
			line := n.Name
			for lan, held := range n.holds {
				role := "down"
				if n.router != nil {
					role = n.router.State(lan).Role.String()
				}
				line += fmt.Sprintf(" %s", role)
				if held {
					line += "+"
				}
			}
			fmt.Fprintf(&s.out, "%s\n", line)
		}
		return
	}
	if f[0] == "node" {
		s.add(f[1], f[2:])
		return
	}
	n := s.node(f[1])
	switch f[0] {
	case "start":
		n.Start()
	case "stop":
		n.each(fsm.Stop{})
	case "kill":
		n.Kill()
	case "freeze":
		n.Freeze()
	case "thaw":
		n.Thaw()
	case "fault":
		n.Step(0, fsm.FaultSet{Cause: fsm.Cause{Kind: fsm.FaultInterface, Name: "eth0", Text: "is down"}})
	case "heal":
		n.heal()
	case "resign":
		n.each(fsm.Resign{Text: "connection refused"})
	case "selfok":
		n.each(fsm.SelfOK{})
	case "demote":
		n.Step(0, fsm.Demote{})
	case "promote":
		n.Step(0, fsm.Promote{})
	case "gone":
		n.Step(0, fsm.PeerGone{Source: s.node(f[2]).configs[0].Source, Best: len(f) > 3})
	default:
		s.t.Fatalf("no command %q", f)
	}
}

func (s *scenario) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *scenario) node(name string) *Node {
	n := s.nodes[name]
	if n == nil {
		s.t.Fatalf("no node %s", name)
	}
	return n
}

func (s *scenario) add(name string, settings []string) {
	c := fsm.Config{VRID: 51, Version: packet.V2, Priority: 100, Interval: time.Second, StartMaster: true}
	for _, kv := range settings {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "priority":
			p, _ := strconv.Atoi(v)
			c.Priority = uint8(p)
		case "nopreempt":
			c.NoPreempt, c.StartMaster = true, false
		case "preempt_delay":
			c.PreemptDelay, c.StartMaster = s.duration(v), false
		case "handover":
			c.Handover = fsm.DefaultHandover(c.Version, c.Interval)
		case "v3":
			c.Version, c.Interval = packet.V3, s.duration(v)
		default:
			s.t.Fatalf("no setting %q", kv)
		}
	}
	configs := make([]fsm.Config, s.sim.lans)
	for lan := range configs {
		configs[lan] = c
		configs[lan].Name = fmt.Sprintf("VI_%d", lan)
	}
	s.nodes[name] = s.sim.Node(name, 3*time.Second, configs...)
}
