package kernellab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Inside()
	os.Exit(m.Run())
}

// runs are the tests that are run on the other kernel: by package, and which.
var runs = []struct{ pkg, pattern string }{
	{"vserver/ipvs", "^TestKernel"},
	{"vserver/interop", "^TestKernel"},
	{"vrrp/interop", "^TestKernel"},
}

// limit is for everything: two minutes on a machine that has nothing else to do.
const limit = 8 * time.Minute

// Every test of runs, on a kernel that has what they need.
func TestKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("booting a kernel takes a minute")
	}
	if _, err := exec.LookPath(emulator); err != nil {
		t.Skipf("%s is not installed", emulator)
	}
	k, err := findKernel()
	if err != nil {
		t.Skip(err)
	}
	scratch := t.TempDir()
	m, err := testImage(k, scratch)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	begin := time.Now()
	channel, console, err := boot(ctx, k, m, scratch)
	t.Logf("%s ran for %v", k.version, time.Since(begin).Round(time.Second))
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, channel, console)
	}
	results := parseRuns(string(channel))
	for _, r := range runs {
		t.Run(r.pkg, func(t *testing.T) {
			result := results[r.pkg]
			if result == nil {
				t.Fatalf("was not run:\n%s\n%s", channel, console)
			}
			result.show(t)
		})
	}
}

// testImage builds the tests, and puts together what they need.
func testImage(k *kernel, scratch string) (*image, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	m := newImage()
	if err := m.file("/init", "/proc/self/exe"); err != nil {
		return nil, err
	}
	var lines strings.Builder
	for n, r := range runs {
		tests := filepath.Join(scratch, strconv.Itoa(n)+".test")
		if err := build(root, "the tests of "+r.pkg, "test", "-c", "-o", tests, "./"+r.pkg); err != nil {
			return nil, err
		}
		if err := m.file(binaries+"/"+strconv.Itoa(n), tests); err != nil {
			return nil, err
		}
		m.folder(sources+"/"+r.pkg, 0o755)
		if err := m.tree(sources+"/"+r.pkg+"/testdata", filepath.Join(root, r.pkg, "testdata")); err != nil {
			return nil, err
		}
		lines.WriteString(r.pkg + " " + r.pattern + "\n")
	}
	program := filepath.Join(scratch, "tandem")
	if err := build(root, "the program", "build", "-o", program, "."); err != nil {
		return nil, err
	}
	if err := m.file(binary, program); err != nil {
		return nil, err
	}
	m.text(plan, lines.String())
	m.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
	m.text("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
	m.text("/etc/hosts", "127.0.0.1 localhost\n")
	m.folder("/root", 0o700)
	m.folder("/var/run", 0o755)
	for _, p := range [][]string{
		{"kmod", "/sbin/modprobe", "/bin/kmod"}, {"dash", "/bin/sh"}, {"ip", "/bin/ip"}, {"nft", "/sbin/nft"},
		{"keepalived", "/sbin/keepalived"}, {"ipvsadm", "/sbin/ipvsadm"}, {"true", "/bin/true"},
	} {
		if err := m.program(p[0], p[1:]...); err != nil {
			return nil, err
		}
	}
	if err := m.tree("/usr/share/doc/keepalived/samples", "/usr/share/doc/keepalived/samples"); err != nil {
		return nil, err
	}
	return m, k.addTo(m, scratch)
}

// build runs the go command at the root of the module.
func build(root, what string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, out)
	}
	return nil
}
