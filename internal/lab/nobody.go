package lab

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// nobody is a user and group without any privilege.
const nobody = 65534

// AsNobody runs the calling test binary again with the given flags, as a user
// without privileges, and returns what it prints. It skips the test if this
// process may not become another user.
func AsNobody(t TB, flags ...string) (string, error) {
	t.Helper()
	// The binary may be where that user cannot reach it.
	dir, err := os.MkdirTemp("", "tandem-lab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary := filepath.Join(dir, "test")
	if err := copyProgram(binary); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, flags...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		t.Skipf("cannot become another user: %v", err)
	}
	return string(out), err
}

// copyProgram copies the running program to a file that everybody may run.
func copyProgram(to string) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, from); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
