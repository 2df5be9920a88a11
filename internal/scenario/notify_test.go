package scenario_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// told waits until a node's journal has so many lines, and returns it with the
// two lines of each change in order: keepalived runs them at the same time.
func told(t *testing.T, n *scenario.Node, lines int) string {
	t.Helper()
	for ctx := within(t); ; time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(filepath.Join(n.Prefix, "journal"))
		if err == nil && strings.Count(string(data), "\n") >= lines {
			list := strings.SplitAfter(string(data), "\n")
			for i := 0; n.Program.Name != "tandem" && i+1 < len(list); i += 2 {
				slices.Sort(list[i : i+2])
				slices.Reverse(list[i : i+2])
			}
			return strings.Join(list, "")
		}
		if ctx.Err() != nil {
			t.Fatalf("%s was told:\n%s\n%s", n.Name, data, n.LastWords())
		}
	}
}

// withJournal has a node's notify scripts write down who runs them, and with
// which arguments.
func withJournal(c scenario.Config) scenario.Config {
	c = inInstance(c, "", "notify_backup \"@/note own backup\"\nnotify_master \"@/note own master\"\nnotify_fault \"@/note own fault\"\n"+
		"notify_stop \"@/note own stop\"\nnotify \"@/note 'any one'\"\n")
	write := c.Write
	c.Write = func(prefix string) error {
		text := "#!/bin/sh\nline=$(id -u)\nfor a; do line=\"$line [$a]\"; done\necho \"$line\" >> " + prefix + "/journal\n"
		if err := os.WriteFile(filepath.Join(prefix, "note"), []byte(text), 0o755); err != nil {
			return err
		}
		return write(prefix)
	}
	return c
}

// TestNotify holds the notify scripts against keepalived's: the same ones, with
// the same arguments, as the same user, and in order.
func TestNotify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		programs func(*testing.T) [2]scenario.Program
		user     bool // the process gives up root's rights
	}{
		{"tandem", func(*testing.T) [2]scenario.Program { return [2]scenario.Program{tandem(), tandem()} }, false},
		{"tandem as nobody", func(*testing.T) [2]scenario.Program { return [2]scenario.Program{tandem(), tandem()} }, true},
		{"classic", func(t *testing.T) [2]scenario.Program { return [2]scenario.Program{classic(t), tandem()} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := seed
			nodes[0] = withJournal(nodes[0])
			if c.user {
				if lab.OneUser() {
					t.Skip("the lab has no other users")
				}
				nodes[0] = edit(nodes[0], "conf/nginx.conf", func(conf string) string { return "user nobody nogroup;\n" + conf })
			}
			p := newPair(t, c.programs(t), nodes)
			one, two := p.Nodes[0], p.Nodes[1]
			observe(t, p, "start", started(one, two), one)
			told(t, one, 4)
			check(t, one.Port.Unplug())
			told(t, one, 6)
			check(t, one.Port.Plug())
			told(t, one, 10)
			check(t, one.Stop(within(t)))
			got := told(t, one, 12)
			want := ""
			for _, state := range []string{"BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP"} {
				want += "0 [own] [" + strings.ToLower(state) + "]\n0 [any one] [INSTANCE] [VI_7] [" + state + "] [100]\n"
			}
			if got != want {
				t.Errorf("it was told:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// withFIFO has a node write what happens into a FIFO, whose script keeps it as
// the journal.
func withFIFO(c scenario.Config) scenario.Config {
	c = inInstance(c, "global_defs {\nenable_script_security\nscript_user root\nvrrp_notify_fifo @/fifo\nvrrp_notify_fifo_script @/keep\nvrrp_notify_priority_changes true\n}\n"+
		"vrrp_track_file weight {\nfile @/weight\nweight 1\n}\nvrrp_sync_group G {\ngroup {\nVI_7\n}\nsync_group_tracking_weight\n}\n", "track_file {\nweight\n}\n")
	write := c.Write
	c.Write = func(prefix string) error {
		return errors.Join(
			os.WriteFile(filepath.Join(prefix, "weight"), []byte("0\n"), 0o644),
			os.WriteFile(filepath.Join(prefix, "keep"), []byte("#!/bin/sh\nexec cat \"$1\" >> "+prefix+"/journal\n"), 0o755),
			write(prefix))
	}
	return c
}

// TestNotifyFIFO holds what is written into a FIFO against what keepalived
// writes, for the same events.
func TestNotifyFIFO(t *testing.T) {
	classic(t) // or it is skipped
	t.Parallel()
	journal := func(t *testing.T, program scenario.Program) string {
		nodes := seed
		nodes[0] = withFIFO(nodes[0])
		p := newPair(t, [2]scenario.Program{program, tandem()}, nodes)
		one, two := p.Nodes[0], p.Nodes[1]
		until := func(line string, times int) {
			t.Helper()
			for ctx := within(t); ; time.Sleep(10 * time.Millisecond) {
				data, err := os.ReadFile(filepath.Join(one.Prefix, "journal"))
				if err == nil && strings.Count(string(data), line+"\n") >= times {
					return
				}
				if ctx.Err() != nil {
					t.Fatalf("the journal has no %q:\n%s\n%s", line, data, one.LastWords())
				}
			}
		}
		observe(t, p, "start", started(one, two), one)
		until(`INSTANCE "VI_7" MASTER 100`, 1)
		check(t, os.WriteFile(filepath.Join(one.Prefix, "weight"), []byte("3\n"), 0o644))
		until(`INSTANCE "VI_7" MASTER_PRIORITY 103`, 1)
		check(t, one.Port.Unplug())
		until(`INSTANCE "VI_7" FAULT 103`, 1)
		check(t, one.Port.Plug())
		until(`INSTANCE "VI_7" MASTER 103`, 1)
		until(`GROUP "G" MASTER 0`, 2)
		check(t, one.Stop(within(t)))
		data, err := os.ReadFile(filepath.Join(one.Prefix, "journal"))
		check(t, err)
		return string(data)
	}
	var theirs, ours string
	t.Run("both", func(t *testing.T) { // returns when the two have ended, which run at the same time
		t.Run("keepalived", func(t *testing.T) { theirs = journal(t, classic(t)) })
		t.Run("tandem", func(t *testing.T) { ours = journal(t, tandem()) })
	})
	if t.Failed() || theirs == "" || ours == "" { // one of them has been skipped
		return
	}
	const start, stop = "INSTANCE \"VI_7\" BACKUP 100\n", "INSTANCE \"VI_7\" STOP 103\nGROUP \"G\" STOP 0\n"
	// keepalived tells of the group first when it starts, and ends the script before that has read the last lines.
	theirs = strings.Replace(theirs, "GROUP \"G\" BACKUP 0\n"+start, start+"GROUP \"G\" BACKUP 0\n", 1)
	for _, line := range strings.SplitAfter(stop, "\n") {
		theirs = strings.Replace(theirs, line, "", 1)
	}
	if theirs+stop != ours {
		t.Errorf("keepalived wrote:\n%s\ntandem wrote:\n%s", theirs, ours)
	}
}
