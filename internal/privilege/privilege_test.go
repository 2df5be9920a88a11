package privilege

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// childOf is the folder that the test's second process works in: rights are
// given up for good, so another process has to do it.
const childOf = "TANDEM_TEST_PRIVILEGE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childOf); dir != "" {
		for _, complaint := range asNobody(dir) {
			fmt.Println(complaint)
		}
		return
	}
	os.Exit(m.Run())
}

func TestConfine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has rights to give up")
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); errno == syscall.ENOTSUP {
		t.Skip("this test binary was built with cgo, which changes credentials through the C library")
	}
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childOf+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
}

// field returns a line of /proc/PID/status, with single spaces.
func field(status, name string) string {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	return ""
}

// asNobody drops root's rights and returns what is wrong afterwards.
func asNobody(dir string) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	// Threads that are there before must be changed as well.
	held := make(chan struct{})
	var ready sync.WaitGroup
	for range 4 {
		ready.Add(1)
		go func() {
			lock, err := os.OpenFile(filepath.Join(dir, "secret"), os.O_RDONLY, 0)
			if err == nil {
				_ = lock.Close()
			}
			ready.Done()
			<-held
		}()
	}
	ready.Wait()
	defer close(held)

	ran := false
	Raise(func() { ran = true })
	if !ran || Dropped() {
		complain("Raise before Confine did not just call its function")
	}
	const nobody = 65534
	keep := Of(DACOverride, Chown, SetUID, SetGID, NetAdmin)
	if err := Confine(Confinement{Account: &Account{Name: "nobody", UID: nobody, GID: nobody}, Keep: keep}); err != nil {
		complain("Confine: %v", err)
		return wrong
	}
	if !Dropped() {
		complain("Dropped is false")
	}
	tasks, _ := filepath.Glob("/proc/self/task/*/status")
	for _, task := range tasks {
		status, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended meanwhile
		}
		for name, want := range map[string]string{
			"Uid": "0 0 0 65534", "Gid": "0 0 0 65534", "Groups": "65534", "CapEff": "0000000000000000", "CapInh": "0000000000000000",
			"CapPrm": fmt.Sprintf("%016x", uint64(keep)), "CapBnd": fmt.Sprintf("%016x", uint64(keep)), "NoNewPrivs": "1",
		} {
			if got := field(string(status), name); got != want {
				complain("%s: %s is %q, want %q", task, name, got, want)
			}
		}
	}

	secret := filepath.Join(dir, "secret")
	refused := func(where string) {
		if _, err := os.ReadFile(secret); !errors.Is(err, os.ErrPermission) {
			complain("%s: reading root's file: %v", where, err)
		}
	}
	refused("after Confine")
	With(keep, func() {
		if effective, _, _ := ofThread(); effective != keep {
			complain("in With: effective %#x", effective)
		}
		With(Of(NetRaw), func() {
			if effective, _, _ := ofThread(); effective != keep {
				complain("in With of what was given up: effective %#x", effective)
			}
		})
	})
	With(Of(NetAdmin), func() { refused("in With of another right") })
	Raise(func() {
		if text, err := os.ReadFile(secret); err != nil || string(text) != "key" {
			complain("in Raise: %q %v", text, err)
		}
		Raise(func() {
			if err := os.WriteFile(filepath.Join(dir, "made"), nil, 0o600); err != nil {
				complain("in Raise within Raise: %v", err)
			}
		})
		if err := os.Chown(filepath.Join(dir, "made"), nobody, 0); err != nil {
			complain("after Raise within Raise: %v", err)
		}
		if err := os.Mkdir(filepath.Join(dir, "of-root"), 0o755); err != nil {
			complain("in Raise: %v", err)
		}
		if info, err := os.Stat(filepath.Join(dir, "of-root")); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
			complain("what is made in Raise: %v %v", info, err)
		}
		Lower(func() {
			refused("in Lower within Raise")
			Raise(func() {
				if _, err := os.ReadFile(secret); err != nil {
					complain("in Raise within Lower: %v", err)
				}
			})
			refused("after Raise within Lower")
		})
		if _, err := os.ReadFile(secret); err != nil {
			complain("after Lower within Raise: %v", err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			refused("on another goroutine during Raise")
		}()
		<-done
	})
	refused("after Raise")
	if err := os.WriteFile(filepath.Join(dir, "made"), nil, 0); err != nil {
		complain("its own file after Raise: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		Raise(func() { panic("in Raise") })
	}()
	refused("after a panic in Raise")
	return wrong
}
