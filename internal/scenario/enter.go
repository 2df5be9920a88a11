package scenario

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"tandem/internal/lab"
)

// binaryEnv names the program under test, in the process that runs in the lab:
// it is built before.
const binaryEnv = "TANDEM_BINARY"

// Binary returns the name of the program under test, "" outside of the lab.
func Binary() string { return os.Getenv(binaryEnv) }

// Enter has the calling program run in the lab, as lab.Enter does, with the
// program under test: binary, or one built from this tree if that is empty.
func Enter(binary string) (code int, done bool, err error) {
	if Binary() == "" {
		dir, err := os.MkdirTemp("", "tandem-scenario-")
		if err != nil {
			return 1, false, err
		}
		defer os.RemoveAll(dir)
		if err := provide(dir, binary); err != nil {
			return 1, false, err
		}
	}
	return lab.Enter()
}

// provide builds the program if need be, and says where it is. Other users run
// it too.
func provide(dir, binary string) error {
	if binary == "" {
		binary = filepath.Join(dir, "tandem")
		cmd := exec.Command("go", "build", "-o", binary, "tandem")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	return os.Setenv(binaryEnv, binary)
}

// CanRunClassic says why nginx and keepalived cannot run in this lab.
func CanRunClassic() error {
	for _, name := range []string{"nginx", "keepalived"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	if lab.OneUser() {
		return errors.New("nginx needs more than one user")
	}
	return nginxFolders()
}

// nginxFolders gives the lab folders of its own where Debian's nginx logs
// before it has read its configuration, and where it keeps bodies.
var nginxFolders = sync.OnceValue(func() error {
	for _, dir := range []string{"/var/log/nginx", "/var/lib/nginx"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("an empty %s: %w", dir, err)
		}
	}
	return nil
})
