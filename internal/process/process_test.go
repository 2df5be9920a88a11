package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func content(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// A pid file is one process's at a time, and one that gives it up leaves it as it
// was.
func TestPIDFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "run", "nginx.pid")
	if _, err := OpenPIDFile(name, false); err == nil || !strings.Contains(err.Error(), "failed (2: No such file or directory)") {
		t.Errorf("in a folder that is not there: %v", err)
	}
	p, err := OpenPIDFile(name, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPIDFile(name, true); err == nil || !strings.Contains(err.Error(), "another tandem") {
		t.Errorf("a second process: %v", err)
	}
	if err := p.Write(); err != nil {
		t.Fatal(err)
	}
	if pid, err := ReadPID(name); pid != os.Getpid() || err != nil || !PIDFileHeld(name) {
		t.Errorf("written: %d %v, held %v", pid, err, PIDFileHeld(name))
	}
	if _, err := LockPIDFile(name); err == nil {
		t.Error("the place of a process that lives is taken")
	}
	p.GiveUp()
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("given up: %v", err)
	}

	// Of a process that has died.
	if err := os.WriteFile(name, []byte("123456789\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, written := range []bool{false, true} {
		if p, err = OpenPIDFile(name, true); err != nil {
			t.Fatal(err)
		}
		if written {
			if err := p.Write(); err != nil {
				t.Fatal(err)
			}
			if got := content(t, name); got != fmt.Sprintln(os.Getpid()) {
				t.Errorf("written: %q", got)
			}
		}
		p.GiveUp()
		if got := content(t, name); got != "123456789\n" {
			t.Errorf("given up, written before: %v: %q", written, got)
		}
	}
	unlock, err := LockPIDFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !PIDFileHeld(name) {
		t.Error("somebody else may start")
	}
	unlock()
	if p, err = OpenPIDFile(name, true); err != nil {
		t.Fatal(err)
	}
	p.Remove()
	if _, err := os.Stat(name); !os.IsNotExist(err) || PIDFileHeld(name) {
		t.Errorf("removed: %v", err)
	}
	for _, text := range []string{"", "x\n", "-1\n", "0\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPID(name); err == nil || !strings.HasPrefix(err.Error(), "invalid PID number ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The working directory changes when it is entered, whatever has become of the
// folder's name meanwhile.
func TestDir(t *testing.T) {
	start := t.TempDir()
	t.Chdir(start)
	if _, err := OpenDir("none"); !os.IsNotExist(err) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if err := os.WriteFile("file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir("file"); err == nil {
		t.Error("a file is entered")
	}
	if err := os.Mkdir("folder", 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir("folder")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("folder", "renamed"); err != nil {
		t.Fatal(err)
	}
	if cwd, _ := os.Getwd(); cwd != start {
		t.Errorf("opened: %s", cwd)
	}
	if err := d.Enter(); err != nil {
		t.Fatal(err)
	}
	if cwd, err := filepath.EvalSymlinks("/proc/self/cwd"); cwd != start+"/renamed" || err != nil {
		t.Errorf("entered: %s %v", cwd, err)
	}
	var none *Dir
	none.Close()
	if err := none.Enter(); err != nil {
		t.Errorf("the folder that it has: %v", err)
	}
}
