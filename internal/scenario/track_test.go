package scenario_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

var instanceStart = regexp.MustCompile(`vrrp_instance \w+ \{`)

// inInstance adds lines to global_defs' neighbourhood and to the instance of a
// keepalived.conf; @ stands for the node's prefix.
func inInstance(c scenario.Config, before, within string) scenario.Config {
	write := c.Write
	c.Write = func(prefix string) error {
		if err := write(prefix); err != nil {
			return err
		}
		file := filepath.Join(prefix, "keepalived.conf")
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fill := strings.NewReplacer("@", prefix)
		start := instanceStart.FindString(string(data))
		text := strings.Replace(string(data), start, fill.Replace(before)+"\n"+start+"\n"+fill.Replace(within), 1)
		return os.WriteFile(file, []byte(text), 0o644)
	}
	return c
}

// TestTrackScript has a tracked script fail on the master: as a fault, and as a
// weight that the other node's priority beats.
func TestTrackScript(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, weight, says string }{
		{"fault", "", "script check: exit status 1"},
		{"weight", "weight -60", "effective priority is 40 now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := seed
			nodes[0] = inInstance(nodes[0], "vrrp_script check {\n script \"/usr/bin/test ! -e @/ill\"\n interval 0.2\n fall 2\n rise 2\n "+c.weight+"\n}",
				"track_script {\n check\n}")
			p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
			one, two := p.Nodes[0], p.Nodes[1]
			ill := filepath.Join(one.Prefix, "ill")
			observe(t, p, "start", started(one, two), one)
			failed := observe(t, p, "script fails", func(context.Context) error { return os.WriteFile(ill, nil, 0o644) }, two)
			shows(t, p, two)
			atMost(t, "script fails", failed, 5*time.Second, time.Second)
			check(t, one.AwaitLog(within(t), c.says))
			back := observe(t, p, "script succeeds", func(context.Context) error { return os.Remove(ill) }, one)
			shows(t, p, one)
			atMost(t, "script succeeds", back, time.Second, time.Second)
		})
	}
}

// TestTrackScriptAtStart has a node wait for its script, which fails first.
func TestTrackScriptAtStart(t *testing.T) {
	nodes := seed
	nodes[0] = inInstance(nodes[0], "vrrp_script check {\n script \"/usr/bin/test -e @/well\"\n interval 0.2\n init_fail\n}", "track_script {\n check\n}")
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), two)
	observe(t, p, "script succeeds", func(context.Context) error {
		return os.WriteFile(filepath.Join(one.Prefix, "well"), nil, 0o644)
	}, one)
}

// TestChecksOfNginx has a pair track nginx as guides say: there is no such
// process, and the checks mean this one. They fail with the web side.
func TestChecksOfNginx(t *testing.T) {
	t.Parallel()
	const file = `#!/bin/bash
if [ $(ps -C nginx --no-header | wc -l) -eq 0 ]; then
    systemctl start nginx
    sleep 0.1
    if [ $(ps -C nginx --no-header | wc -l) -eq 0 ]; then
        killall keepalived
    fi
fi
`
	for _, c := range []struct{ name, before, within string }{
		{"killall", "vrrp_script chk_nginx {\n script \"killall -0 nginx\"\n interval 1\n}", "track_script {\n chk_nginx\n}"},
		{"file", "vrrp_script chk_nginx {\n script \"@/check_nginx.sh\"\n interval 1\n}", "track_script {\n chk_nginx\n}"},
		{"track_process", "vrrp_track_process web {\n process nginx\n}", "track_process {\n web\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := seed
			for i := range nodes {
				nodes[i] = inInstance(nodes[i], c.before, c.within)
				write := nodes[i].Write
				nodes[i].Write = func(prefix string) error {
					if err := write(prefix); err != nil {
						return err
					}
					return os.WriteFile(filepath.Join(prefix, "check_nginx.sh"), []byte(file), 0o755)
				}
			}
			p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
			one, two := p.Nodes[0], p.Nodes[1]
			observe(t, p, "start", started(one, two), one)
			check(t, one.AwaitLog(within(t), "whose place tandem takes: the answer is what its self-probe says"))
			var restore func() error
			observe(t, p, "web failure", func(context.Context) (err error) {
				restore, err = one.Host.SwallowPort(80)
				return err
			}, two)
			check(t, one.AwaitLog(within(t), "entering FAULT, priority 1: "))
			observe(t, p, "web return", func(context.Context) error { return restore() }, one)
		})
	}
}

// TestTrackFile has the number in a file lower the master's priority, and then
// be a fault.
func TestTrackFile(t *testing.T) {
	nodes := seed
	nodes[0] = inInstance(nodes[0], "track_file load {\n file @/load\n weight -1\n init_file 0\n}", "track_file {\n load\n}")
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	load := func(text string) func(context.Context) error {
		return func(context.Context) error {
			return os.WriteFile(filepath.Join(one.Prefix, "load"), []byte(text), 0o644)
		}
	}
	observe(t, p, "start", started(one, two), one)
	observe(t, p, "load 60", load("60\n"), two)
	check(t, one.AwaitLog(within(t), "effective priority is 40 now"))
	observe(t, p, "load 10", load("10\n"), one)
	check(t, one.AwaitLog(within(t), "effective priority is 90 now"))
	observe(t, p, "load 300", load("300\n"), two)
	check(t, one.AwaitLog(within(t), "entering FAULT"))
	observe(t, p, "no file", func(context.Context) error { return os.Remove(filepath.Join(one.Prefix, "load")) }, one)
}

// TestTrackProcess has the master lose a process that it tracks.
func TestTrackProcess(t *testing.T) {
	nodes := seed
	nodes[0] = inInstance(nodes[0], "vrrp_track_process watched {\n process @/watched 1000\n}", "track_process {\n watched\n}")
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	sleep, err := exec.LookPath("sleep")
	check(t, err)
	program := filepath.Join(one.Prefix, "watched")
	check(t, os.Symlink(sleep, program))
	start := func() *lab.Process {
		t.Helper()
		process, err := one.Host.Start(exec.Command(program, "1000"))
		check(t, err)
		return process
	}
	watched := start()
	observe(t, p, "start", started(one, two), one)
	lost := observe(t, p, "process ends", func(context.Context) error { return watched.Signal(syscall.SIGKILL) }, two)
	atMost(t, "process ends", lost, 5*time.Second, time.Second)
	check(t, one.AwaitLog(within(t), "process watched: 0 running, at least 1 wanted"))
	observe(t, p, "process starts", func(context.Context) error { start(); return nil }, one)
}
