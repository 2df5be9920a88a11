package child

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// write makes an executable file.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// within waits for the end of a program.
func within(t *testing.T, p *Process) Result {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	return p.Result()
}

func TestResult(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"true"}, "exit status 0"},
		{[]string{"sh", "-c", "exit 3"}, "exit status 3"},
		{[]string{"sh", "-c", "kill -9 $$"}, "killed by signal SIGKILL"},
		{[]string{"sh", "-c", `test "$0 $1" = "a  b c"`, "a ", "b c"}, "exit status 0"},
		{[]string{"</dev/null"}, "exit status 0"},
		{[]string{"</nonexistent"}, "exit status 2"},
		{[]string{"/nonexistent"}, "cannot be executed: no such file or directory"},
		{[]string{"no-such-program-anywhere"}, "cannot be executed: executable file not found in $PATH"},
		{[]string{write(t, "exit 0\n")}, "cannot be executed: exec format error: a script needs a first line such as #!/bin/sh"},
		{[]string{write(t, "#!/nonexistent\n")}, "cannot be executed: no such file or directory"},
	} {
		p, err := Start(&Command{Args: c.args})
		r := Result{Err: err}
		if err == nil {
			r = within(t, p)
		}
		if r.String() != c.want || r.OK() != (c.want == "exit status 0") {
			t.Errorf("%q: %v, OK %v, want %s", c.args, r, r.OK(), c.want)
		}
	}
}

// A program has no descriptors of ours, its own process group, and nothing in
// its environment that changes how programs are loaded.
func TestApart(t *testing.T) {
	t.Setenv("LD_PRELOAD", "")
	t.Setenv("KEPT", "yes")
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := filepath.Join(t.TempDir(), "out")
	p, err := Start(&Command{Args: []string{"sh", "-c", `(echo /proc/$$/fd/*; cut -d' ' -f5 /proc/$$/stat; echo $$; env) > ` + out}})
	if err != nil {
		t.Fatal(err)
	}
	within(t, p)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for _, fd := range strings.Fields(lines[0]) {
		// The shell keeps its own copy of its output at 10.
		if n, _ := strconv.Atoi(filepath.Base(fd)); n > 2 && n < 10 {
			t.Errorf("descriptor %s", fd)
		}
	}
	if lines[1] != lines[2] {
		t.Errorf("process group %s of %s", lines[1], lines[2])
	}
	if env := strings.Join(lines[3:], "\n"); strings.Contains(env, "LD_PRELOAD") || !strings.Contains(env, "KEPT=yes") {
		t.Errorf("environment:\n%s", env)
	}
}

// Terminate ends what a program has started as well, and is not deterred by a
// program that ignores TERM.
func TestTerminate(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		trap := ""
		if deaf {
			trap = "trap '' TERM; "
		}
		file := filepath.Join(t.TempDir(), "pid")
		p, err := Start(&Command{Args: []string{"sh", "-c", trap + "sleep 100 & echo $! > " + file + ".new; mv " + file + ".new " + file + "; wait; sleep 100"}})
		if err != nil {
			t.Fatal(err)
		}
		var data []byte
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			if data, err = os.ReadFile(file); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		p.Terminate()
		took := time.Since(begun)
		if deaf != (took >= killAfter) {
			t.Errorf("deaf %v: took %v", deaf, took)
		}
		if r := within(t, p); r.OK() || r.Signal == 0 {
			t.Errorf("deaf %v: %v", deaf, r)
		}
		pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
		for deadline := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("deaf %v: its child lives", deaf)
			}
		}
	}
}

// alive reports whether a process is there and no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestAccount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become others")
	}
	p, err := Start(&Command{Args: []string{"sh", "-c", `test "$(id -u) $(id -g) $(id -G)" = "65534 65533 65533 7"`}, Account: &Account{UID: 65534, GID: 65533, Groups: []int{7}}})
	if err != nil {
		t.Skip(err) // a user namespace without that user
	}
	if r := within(t, p); !r.OK() {
		t.Error(r)
	}
	if _, err := Start(&Command{Args: []string{"true"}, Account: &Account{UID: -1, GID: -1}}); err == nil {
		t.Error("it ran as nobody at all")
	}
}
