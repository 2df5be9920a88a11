package notify

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/child"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// journal is a file that scripts write to, and what was logged.
type journal struct {
	name string
	mu   sync.Mutex
	log  []string
}

func newJournal(t *testing.T) *journal {
	return &journal{name: filepath.Join(t.TempDir(), "journal")}
}

func (j *journal) logged(_, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log = append(j.log, text)
}

// script returns a command that writes its begin, its arguments and its end.
func (j *journal) script(name, pause string) *child.Command {
	return &child.Command{Args: []string{"sh", "-c", `echo "` + name + `($*)" >> ` + j.name + `; sleep ` + pause + `; echo "/` + name + `" >> ` + j.name, "-"}}
}

func (j *journal) text(t *testing.T) string {
	data, err := os.ReadFile(j.name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", " ")
}

// await waits until the journal ends in a text.
func (j *journal) await(t *testing.T, end string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.HasSuffix(j.text(t), end); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("journal %q, log %q; want the end %q", j.text(t), j.log, end)
		}
	}
}

func moved(to fsm.Role, priority uint8) vrrp.Transition {
	return vrrp.Transition{Instance: "VI 1", To: to, Priority: priority}
}

// Scripts of one instance run in the order of its changes, one at a time, with
// keepalived's arguments.
func TestScripts(t *testing.T) {
	j := newJournal(t)
	n := New(j.logged)
	n.Configure(Config{
		Instances: map[string]Scripts{"VI 1": {
			Master: j.script("master", "0.2"), Backup: j.script("backup", "0.1"), Fault: j.script("fault", "0"), Stop: j.script("stop", "0.1"),
			LowerHeard: j.script("lower", "0"), Any: j.script("any", "0"),
		}},
	})
	n.Event(moved(fsm.Init, 100))
	n.Event(moved(fsm.Backup, 100))
	n.Event(moved(fsm.Master, 100))
	n.Event(vrrp.LowerHeard{Instance: "VI 1", Priority: 100})
	n.Event(vrrp.PriorityChange{Instance: "VI 1", Priority: 40})
	n.Event(moved(fsm.Fault, 40))
	n.Event(moved(fsm.Stopped, 40))
	n.Close()
	const want = "backup() /backup any(INSTANCE VI 1 BACKUP 100) /any master() /master any(INSTANCE VI 1 MASTER 100) /any " +
		"lower() /lower fault() /fault any(INSTANCE VI 1 FAULT 40) /any stop() /stop any(INSTANCE VI 1 STOP 40) /any"
	if got := j.text(t); got != want || len(j.log) > 0 {
		t.Errorf("journal\n%s\nwant\n%s\nlog %q", got, want, j.log)
	}
}

func TestGroup(t *testing.T) {
	j := newJournal(t)
	n := New(j.logged)
	n.Configure(Config{Groups: map[string]Scripts{"G": {Master: j.script("master", "0"), Any: j.script("any", "0")}}})
	n.Event(vrrp.GroupTransition{Group: "G", To: fsm.Master})
	n.Close()
	if got, want := j.text(t), "master() /master any(GROUP G MASTER 0) /any"; got != want {
		t.Errorf("journal %s, want %s", got, want)
	}
}

// An instance that a reload removes is told with the scripts that it had.
func TestDeleted(t *testing.T) {
	for _, event := range []bool{false, true} {
		j := newJournal(t)
		n := New(j.logged)
		n.Configure(Config{Instances: map[string]Scripts{"VI 1": {
			Fault: j.script("fault", "0"), Deleted: j.script("deleted", "0"), Any: j.script("any", "0"), DeletedEvent: event,
		}}})
		n.Configure(Config{})
		e := moved(fsm.Stopped, 100)
		e.Deleted = true
		n.Event(e)
		n.Close()
		want := "fault() /fault any(INSTANCE VI 1 FAULT 100) /any"
		if event {
			want = "deleted() /deleted any(INSTANCE VI 1 DELETED 100) /any"
		}
		if got := j.text(t); got != want {
			t.Errorf("journal %s, want %s", got, want)
		}
	}
}

// A script that hangs does not keep the next one waiting for ever; one that
// nothing waits for is let be.
func TestScriptLimit(t *testing.T) {
	j := newJournal(t)
	q := &queue{more: make(chan struct{}, 1), log: func(text string) { j.logged("", text) }, limit: 50 * time.Millisecond, end: make(chan struct{})}
	var running sync.WaitGroup
	q.put(j.script("slow", "0.5"), &running)
	running.Wait()
	q.put(j.script("hangs", "100"), &running)
	j.await(t, "hangs()")
	q.put(j.script("next", "0"), &running)
	j.await(t, "hangs() next() /next")
	running.Wait()
	if len(j.log) != 1 || !strings.Contains(j.log[0], "the next one is waiting") {
		t.Errorf("log %q", j.log)
	}
}

// The end of the process waits only so long.
func TestPatience(t *testing.T) {
	j := newJournal(t)
	n := New(j.logged)
	n.Configure(Config{Instances: map[string]Scripts{"VI 1": {Stop: j.script("stop", "100")}}, Patience: 50 * time.Millisecond})
	n.Event(moved(fsm.Stopped, 100))
	n.Close()
	if len(j.log) != 1 || !strings.Contains(j.log[0], "does not wait any longer") && !strings.Contains(j.log[0], "the process ends") {
		t.Errorf("log %q", j.log)
	}
}

func TestNotExecutable(t *testing.T) {
	j := newJournal(t)
	n := New(j.logged)
	n.Configure(Config{Instances: map[string]Scripts{"VI 1": {Backup: &child.Command{Args: []string{"/nonexistent", "x"}}, Master: &child.Command{Args: []string{"false"}}}}})
	n.Event(moved(fsm.Backup, 100))
	n.Event(moved(fsm.Master, 100))
	n.Close()
	want := "notify script /nonexistent x: cannot be executed: no such file or directory|notify script false: exit status 1"
	if got := strings.Join(j.log, "|"); got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestFIFO(t *testing.T) {
	j := newJournal(t)
	name := filepath.Join(t.TempDir(), "fifo")
	n := New(j.logged)
	c := Config{
		Instances: map[string]Scripts{"VI 1": {Priorities: true}, "VI 2": {}}, FIFOs: []FIFO{{Name: name}}, StatesOnReload: true,
	}
	n.Configure(c)
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(f)
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if !lines.Scan() || lines.Text() != w {
				t.Fatalf("read %q (%v), want %q", lines.Text(), lines.Err(), w)
			}
		}
	}
	n.Event(moved(fsm.Init, 100))
	n.Event(moved(fsm.Backup, 100))
	n.Event(vrrp.PriorityChange{Instance: "VI 1", Role: fsm.Backup, Priority: 40})
	n.Event(vrrp.PriorityChange{Instance: "VI 2", Role: fsm.Backup, Priority: 40}) // not asked for
	n.Event(vrrp.PriorityChange{Instance: "VI 1", Role: fsm.Master, Priority: 100})
	n.Event(moved(fsm.Master, 100))
	n.Event(vrrp.LowerHeard{Instance: "VI 1", Priority: 100})
	n.Event(vrrp.GroupTransition{Group: "G", To: fsm.Master})
	expect(`INSTANCE "VI 1" BACKUP 100`, `INSTANCE "VI 1" BACKUP_PRIORITY 40`, `INSTANCE "VI 1" MASTER_PRIORITY 100`,
		`INSTANCE "VI 1" MASTER 100`, `INSTANCE "VI 1" MASTER_RX_LOWER_PRI 100`, `GROUP "G" MASTER 0`)
	n.Configure(c)
	n.Reloaded()
	expect(`INSTANCE "VI 1" MASTER 100`, `GROUP "G" MASTER 0`)
	n.Event(moved(fsm.Stopped, 100))
	n.Close()
	expect(`INSTANCE "VI 1" STOP 100`)
	if lines.Scan() {
		t.Errorf("read %q", lines.Text())
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("the FIFO is left behind: %v", err)
	}
}

// When nobody reads nothing waits, and it is told once.
func TestFIFOFull(t *testing.T) {
	j := newJournal(t)
	n := New(j.logged)
	n.Configure(Config{FIFOs: []FIFO{{Name: filepath.Join(t.TempDir(), "fifo")}}})
	for range 5000 {
		n.Event(moved(fsm.Backup, 100))
	}
	n.Close()
	if len(j.log) != 1 || !strings.Contains(j.log[0], "nobody reads it, lines are lost") {
		t.Errorf("log %q", j.log)
	}
}

func TestFIFOScript(t *testing.T) {
	j := newJournal(t)
	name := filepath.Join(t.TempDir(), "fifo")
	n := New(j.logged)
	script := &child.Command{Args: []string{"sh", "-c", `while read -r line; do echo "$line" >> ` + j.name + `; done < "$1"`, "-"}}
	n.Configure(Config{FIFOs: []FIFO{{Name: name, Script: script}}})
	n.Event(moved(fsm.Master, 100))
	j.await(t, `INSTANCE "VI 1" MASTER 100`)
	n.Event(moved(fsm.Stopped, 100))
	n.Close()
	if got, want := j.text(t), `INSTANCE "VI 1" MASTER 100 INSTANCE "VI 1" STOP 100`; got != want {
		t.Errorf("the script read %s, want %s", got, want)
	}
}

// What is there already and is no FIFO is left alone.
func TestNoFIFO(t *testing.T) {
	j := newJournal(t)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	n := New(j.logged)
	n.Configure(Config{FIFOs: []FIFO{{Name: name}}})
	n.Event(moved(fsm.Master, 100))
	n.Close()
	if data, _ := os.ReadFile(name); string(data) != "x" || len(j.log) != 1 || !strings.Contains(j.log[0], "is not a FIFO") {
		t.Errorf("file %q, log %q", data, j.log)
	}
}

// What others than VRRP have to tell runs in order, by name, and reaches the FIFOs.
func TestTell(t *testing.T) {
	j := newJournal(t)
	n := New(j.logged)
	fifo := filepath.Join(t.TempDir(), "fifo")
	n.Configure(Config{FIFOs: []FIFO{{Name: fifo}}})
	reader, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	n.Tell("VS", j.script("first", "0.1"), "VS V UP")
	n.Tell("VS", nil, "VS V DOWN")
	n.Tell("VS", j.script("second", "0"), "RS R V UP")
	j.await(t, "/second")
	if got := j.text(t); strings.Index(got, "/first") > strings.Index(got, "second") {
		t.Error(got)
	}
	buf := make([]byte, 100)
	if k, err := reader.Read(buf); string(buf[:k]) != "VS V UP\nVS V DOWN\nRS R V UP\n" {
		t.Errorf("%q, %v", buf[:k], err)
	}
	n.Close()
}
