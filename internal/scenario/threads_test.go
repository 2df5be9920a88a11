package scenario_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/lab"
	"tandem/internal/privilege"
	"tandem/internal/scenario"
)

// mayDo is a line of the table in docs/security.md.
type mayDo struct {
	uids                           [4]int
	effective, permitted, programs uint64
	noNewPrivs                     bool
}

// documented reads the lines of the table. What this process itself may not
// have, nobody has that it starts.
func documented(t *testing.T) map[string]mayDo {
	t.Helper()
	text, err := os.ReadFile("../../docs/security.md")
	check(t, err)
	own, err := lab.Threads(os.Getpid())
	check(t, err)
	set := func(words string) (bits uint64) {
		switch words {
		case "none":
			return 0
		case "all":
			return own[0].Bounding
		}
		for _, word := range strings.Fields(words) {
			known := false
			for c := privilege.Capability(0); c <= unix.CAP_LAST_CAP; c++ {
				if c.String() == "CAP_"+word {
					bits, known = bits|1<<c, true
				}
			}
			if !known {
				t.Errorf("docs/security.md: %s is no capability that the program has a name for", word)
			}
		}
		return bits & own[0].Bounding
	}
	user := map[string]int{"root": 0, "user": nobody}
	lines := map[string]mayDo{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), " | ")
		if len(f) != 7 || f[0] == "| process" {
			continue
		}
		m := mayDo{uids: [4]int{user[f[1]], user[f[1]], user[f[1]], user[f[2]]}, effective: set(f[3]), permitted: set(f[4]), noNewPrivs: f[6] == "yes |"}
		if m.programs = m.permitted; f[5] != "as permitted" {
			m.programs = set(f[5])
		}
		lines[strings.TrimPrefix(f[0], "| ")] = m
	}
	return lines
}

// nobody is the user of the user directives here.
const nobody = 65534

// compare watches the threads of a process for a while: each of them is at rest
// at some time, and none ever has more than may be woken.
func compare(t *testing.T, name string, pid int, want mayDo) {
	t.Helper()
	rested := map[int]bool{}
	ctx := within(t)
	for looks := 0; ; looks++ {
		threads, err := lab.Threads(pid)
		check(t, err)
		if len(threads) == 0 {
			t.Fatalf("%s: process %d has ended", name, pid)
		}
		busy := ""
		for _, th := range threads {
			if [3]int(th.UIDs[:]) != [3]int(want.uids[:]) || th.Permitted != want.permitted || th.Bounding != want.programs || th.NoNewPrivs != want.noNewPrivs {
				t.Fatalf("%s: thread %+v, documented is %+v", name, th, want)
			}
			if th.Effective == want.effective && th.UIDs == want.uids {
				rested[th.ID] = true
			} else if !rested[th.ID] {
				busy = fmt.Sprintf("%+v", th)
			}
		}
		if looks >= 50 && busy == "" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s: thread %s is never as documented: %+v", name, busy, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestThreads holds what threads may do against the table of docs/security.md.
func TestThreads(t *testing.T) {
	t.Parallel()
	want := documented(t)
	asNobody := func(c scenario.Config) scenario.Config {
		return edit(c, "conf/nginx.conf", func(conf string) string { return "user nobody nogroup;\nerror_log logs/error.log notice;\n" + conf })
	}
	t.Run("pair", func(t *testing.T) {
		nodes := [2]scenario.Config{asNobody(seed[0]), asNobody(withJournal(seed[1]))}
		p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
		if lab.OneUser() {
			t.Skip("the lab has no other users")
		}
		one, two := p.Nodes[0], p.Nodes[1]
		observe(t, p, "start", started(one, two), one)
		shows(t, p, one)
		compare(t, "node 1", one.Processes()[0].Pid, want["tandem, with a keepalived.conf"])
		compare(t, "node 2", two.Processes()[0].Pid, want["tandem, with scripts in it"])
		// The same after a reload and a take-over.
		for _, n := range p.Nodes {
			check(t, n.Processes()[0].Signal(unix.SIGHUP))
			check(t, n.AwaitLog(within(t), "reconfiguring"))
		}
		observe(t, p, "cable out", func(context.Context) error { return one.Port.Unplug() }, two)
		compare(t, "node 2 as master", two.Processes()[0].Pid, want["tandem, with scripts in it"])
	})
	t.Run("classic", func(t *testing.T) {
		nodes := seed
		nodes[0] = asNobody(nodes[0])
		p := newPair(t, [2]scenario.Program{classic(t), tandem()}, nodes)
		one, two := p.Nodes[0], p.Nodes[1]
		observe(t, p, "start", started(one, two), one)
		master := one.Processes()[0].Pid
		compare(t, "nginx", master, want["nginx: master"])
		compare(t, "keepalived", one.Processes()[1].Pid, want["keepalived"])
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", master, master))
		check(t, err)
		if len(strings.Fields(string(children))) == 0 {
			t.Fatal("nginx has no workers")
		}
		for _, child := range strings.Fields(string(children)) {
			pid, err := strconv.Atoi(child)
			check(t, err)
			compare(t, "worker", pid, want["nginx: worker"])
		}
	})
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		l := lab.New(t)
		if lab.OneUser() {
			t.Skip("the lab has no other users")
		}
		if _, err := os.Stat("/etc/keepalived/keepalived.conf"); err == nil {
			t.Skip("there is a keepalived.conf where the program looks for one")
		}
		dir := t.TempDir()
		for _, d := range []string{"conf", "logs"} {
			check(t, os.Mkdir(filepath.Join(dir, d), 0o755))
		}
		conf := "user nobody nogroup;\nevents {}\nhttp { server { listen unix:" + dir + "/socket; } }\n"
		check(t, os.WriteFile(filepath.Join(dir, "conf", "nginx.conf"), []byte(conf), 0o644))
		host, err := l.Host("alone")
		check(t, err)
		process, err := host.Start(exec.Command(scenario.Binary(), "-p", dir))
		check(t, err)
		for ctx := within(t); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(dir, "logs", "nginx.control")); err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatal("it does not start")
			}
		}
		// The socket is made before the rights are given up, by one thread after another.
		alone := want["tandem, nginx.conf alone"]
		for ctx := within(t); ; time.Sleep(5 * time.Millisecond) {
			threads, err := lab.Threads(process.Pid)
			check(t, err)
			if !slices.ContainsFunc(threads, func(th lab.Thread) bool { return !th.NoNewPrivs || th.Permitted != alone.permitted }) {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("its rights are never given up: %+v", threads)
			}
		}
		compare(t, "alone", process.Pid, alone)
	})
}
