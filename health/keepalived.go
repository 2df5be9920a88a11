package health

import (
	"context"
	"path"
	"strings"

	"tandem/internal/child"
	"tandem/keepalivedconf"
)

// ScriptFromKeepalived returns what runs a vrrp_script. serves is whether this
// process serves now, for a script that asks for one whose place it takes; it may
// wait until the context ends.
func ScriptFromKeepalived(k *keepalivedconf.Config, s *keepalivedconf.Script, serves func(context.Context) bool) *Script {
	command := k.Program(s.Command)
	if command == nil {
		command = &child.Command{}
	}
	// A check is nothing without somebody who looks at its result.
	command.Bound = true
	run := &Script{
		Name: s.Name, Command: command, Unusable: s.Unusable,
		Interval: s.Interval, Timeout: s.Timeout, Fall: s.Fall, Rise: s.Rise, InitFail: s.InitFail,
	}
	if s.StandIn != nil {
		run.Prepare = func(ctx context.Context, c *child.Command) *child.Command {
			return s.StandIn.Command(c, serves(ctx))
		}
	}
	return run
}

// ProcessesFromKeepalived returns what looks for a vrrp_track_process. serves is
// asked if it is one whose place this process takes; it must not wait.
func ProcessesFromKeepalived(p *keepalivedconf.Process, serves func() Verdict) *Processes {
	if p.StandIn {
		return &Processes{Instead: func() Verdict {
			if path.Base(p.Path) == "keepalived" {
				return Verdict{Good: true, Reason: "this process"}
			}
			return serves()
		}, GainDelay: p.ForkDelay, LossDelay: p.TerminateDelay}
	}
	return &Processes{
		Match: func(command string, arguments []string) bool { return matchProcess(p, command, arguments) }, FullCommand: p.FullCommand,
		Quorum: p.Quorum, QuorumMax: p.QuorumMax, GainDelay: p.ForkDelay, LossDelay: p.TerminateDelay,
	}
}

// WeighFile returns what a file's number does (track_file): times the weight it is added to the
// priority, and -254 or less is a fault; without a weight anything but 0 is.
func WeighFile(value, weight int, reverse bool) (add int, fault bool) {
	if weight == 0 {
		return 0, (value != 0) != reverse
	}
	add = value * weight
	if reverse {
		add = -add
	}
	if add <= -254 {
		return 0, true
	}
	return min(add, 253), false
}

// commandLength is how much of a command's name the kernel keeps.
const commandLength = 15

// matchProcess reports whether a process is what a vrrp_track_process names.
func matchProcess(p *keepalivedconf.Process, command string, arguments []string) bool {
	if !p.FullCommand {
		return command == p.Path[:min(len(p.Path), commandLength)]
	}
	if len(arguments) == 0 || arguments[0] != p.Path {
		return false
	}
	// keepalived compares the words with the zero bytes between and after them.
	given, wanted := "", ""
	for _, a := range arguments[1:] {
		given += a + "\x00"
	}
	for _, w := range p.Params {
		wanted += w + "\x00"
	}
	switch p.Match {
	case keepalivedconf.MatchExact:
		return given == wanted
	case keepalivedconf.MatchPartial:
		return strings.HasPrefix(given, wanted)
	case keepalivedconf.MatchInitial:
		return len(given) >= len(wanted) && strings.HasPrefix(given, strings.TrimSuffix(wanted, "\x00"))
	}
	return true
}
