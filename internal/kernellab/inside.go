package kernellab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Where things are in the image.
const (
	binaries = "/tests"      // a file for each run
	sources  = "/src"        // the folders that tests run in
	binary   = "/bin/tandem" // the program itself
	plan     = "/plan"       // a line for each run: package, pattern
	channel  = "/dev/ttyS1"  // what tests print; the kernel has the first port
)

// markers of what is printed by whom.
const (
	markBegin = "\x01begin "
	markEnd   = "\x01end "
)

// Inside is the first call of the TestMain of a program that is the first process
// of the kernel's. There it runs the plan and never returns; elsewhere it does
// nothing.
func Inside() {
	if os.Getpid() != 1 || os.Getenv("TANDEM_LAB_OUTSIDE") != "" {
		return
	}
	if _, err := os.Stat(plan); err != nil {
		return
	}
	out, err := prepare()
	if err == nil {
		loadEarly()
		err = runPlan(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernellab:", err)
		if out != nil {
			fmt.Fprintln(out, "kernellab:", err)
		}
	}
	if out != nil {
		_ = out.Sync()
	}
	unix.Sync()
	// The emulator ends when the machine starts again.
	fmt.Fprintln(os.Stderr, "kernellab:", unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
	select {}
}

// prepare mounts what programs look for, and opens the channel.
func prepare() (*os.File, error) {
	for _, m := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"devtmpfs", "/dev", ""},
		{"tmpfs", "/tmp", "mode=1777"}, {"tmpfs", "/run", "mode=0755"}, {"tmpfs", "/var/tmp", "mode=1777"},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return nil, err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, m.options); err != nil && !errors.Is(err, unix.EBUSY) {
			return nil, fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	out, err := os.OpenFile(channel, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	// As it comes: no carriage returns.
	if t, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS); err == nil {
		t.Oflag &^= unix.OPOST
		_ = unix.IoctlSetTermios(int(out.Fd()), unix.TCSETS, t)
	}
	return out, nil
}

// early are modules that are loaded before anything else. A kernel that loads one
// of these for a new service, while a network namespace that has had IPVS goes,
// waits for itself: it holds IPVS's lock, which the end of the namespace needs, and
// the module waits for that end (register_pernet_subsys).
var early = []string{"ip_vs_lblc", "ip_vs_lblcr"}

func loadEarly() {
	if out, err := exec.Command("/sbin/modprobe", append([]string{"-a"}, early...)...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "kernellab: %v\n%s", err, out)
	}
}

// runPlan runs the lines of the plan, one after the other: some are about time.
func runPlan(out *os.File) error {
	lines, err := os.ReadFile(plan)
	if err != nil {
		return err
	}
	for number, line := range strings.Split(strings.TrimSpace(string(lines)), "\n") {
		pkg, pattern, _ := strings.Cut(line, " ")
		if _, err := out.Write(run(path.Join(binaries, fmt.Sprint(number)), pkg, pattern)); err != nil {
			return err
		}
	}
	return nil
}

// run runs a test binary, and returns what it has printed between its markers.
func run(program, pkg, pattern string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%s\n", markBegin, pkg)
	cmd := exec.Command(program, "-test.v", "-test.timeout="+runLimit, "-test.run="+pattern)
	cmd.Dir = path.Join(sources, pkg)
	cmd.Env = []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "USER=root", "TMPDIR=/tmp", "LANG=C.UTF-8", "TANDEM_BINARY=" + binary}
	cmd.Stdout, cmd.Stderr = &out, &out
	code := 0
	if err := cmd.Run(); err != nil {
		code = 1
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			fmt.Fprintln(&out, "kernellab:", err)
		}
	}
	fmt.Fprintf(&out, "\n%s%s %d\n", markEnd, pkg, code)
	return out.Bytes()
}

// runLimit is for one test binary.
const runLimit = "4m"
