package health

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Processes looks for running programs (vrrp_track_process).
type Processes struct {
	// Match reports whether a process counts; command is its name as the kernel
	// has it, arguments its command line, which is read only if FullCommand.
	Match       func(command string, arguments []string) bool
	FullCommand bool

	Quorum    int // at least so many
	QuorumMax int // at most so many; -1: any number
	// GainDelay and LossDelay are how long there must be enough, or too few or
	// too many, until it counts (fork_delay, terminate_delay).
	GainDelay, LossDelay time.Duration
	// Instead, if not nil, is asked in place of the machine whether they are there:
	// for programs whose place this process takes.
	Instead func() Verdict
	// Report is called on each change of the verdict, the first one included,
	// from the goroutine of Run. It must not block.
	Report func(Verdict)

	root string // instead of /proc, for tests
}

// How often all processes are looked through, and how often those that counted
// the last time are looked at: to lose one is urgent, and quick to see.
const (
	processInterval = time.Second
	memberInterval  = 50 * time.Millisecond
)

// Run looks until the context ends.
func (p *Processes) Run(ctx context.Context) {
	if p.root == "" {
		p.root = "/proc"
	}
	ticker := time.NewTicker(memberInterval)
	defer ticker.Stop()
	var (
		members []string
		scanned time.Time
		verdict Verdict
		since   time.Time // since when it has been other than the verdict
	)
	for now := time.Now(); ; now = time.Now() {
		var good bool
		var reason string
		if p.Instead != nil {
			v := p.Instead()
			good, reason = v.Good, v.Reason
		} else {
			before := len(members)
			if members = p.keep(members); len(members) < before || now.Sub(scanned) >= processInterval {
				members, scanned = p.scan(), now
			}
			good, reason = len(members) >= p.Quorum && (p.QuorumMax < 0 || len(members) <= p.QuorumMax), p.count(len(members))
		}
		delay := p.LossDelay
		if good {
			delay = p.GainDelay
		}
		switch {
		case !verdict.Since.IsZero() && good == verdict.Good:
			since = time.Time{}
		case since.IsZero():
			since = now
		}
		// What is found first counts at once, as in keepalived.
		if verdict.Since.IsZero() || !since.IsZero() && now.Sub(since) >= delay {
			verdict = Verdict{Good: good, Reason: reason, Since: now}
			since = time.Time{}
			p.Report(verdict)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// count says how many there are, and how many there should be.
func (p *Processes) count(n int) string {
	wanted := fmt.Sprintf("at least %d", p.Quorum)
	switch {
	case p.QuorumMax >= 0 && p.QuorumMax == p.Quorum:
		wanted = strconv.Itoa(p.Quorum)
	case p.QuorumMax >= 0:
		wanted = fmt.Sprintf("%d to %d", p.Quorum, p.QuorumMax)
	}
	return fmt.Sprintf("%d running, %s wanted", n, wanted)
}

// keep returns the processes that still count.
func (p *Processes) keep(members []string) []string {
	kept := members[:0]
	for _, pid := range members {
		if p.counts(pid) {
			kept = append(kept, pid)
		}
	}
	return kept
}

// scan returns all processes that count.
func (p *Processes) scan() []string {
	dir, err := os.Open(p.root)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what could be read
	var members []string
	for _, name := range names {
		if name[0] >= '1' && name[0] <= '9' && p.counts(name) {
			members = append(members, name)
		}
	}
	return members
}

// counts reports whether a process is one that is looked for, and no zombie.
func (p *Processes) counts(pid string) bool {
	stat, err := os.ReadFile(p.root + "/" + pid + "/stat")
	if err != nil {
		return false
	}
	// "PID (COMMAND) STATE ...": the name may have brackets and spaces in it.
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end+2 >= len(stat) || stat[end+2] == 'Z' || stat[end+2] == 'X' {
		return false
	}
	command := string(stat[open+1 : end])
	if !p.FullCommand {
		return p.Match(command, nil)
	}
	line, err := os.ReadFile(p.root + "/" + pid + "/cmdline")
	if err != nil || len(line) == 0 {
		return false
	}
	return p.Match(command, strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"))
}
