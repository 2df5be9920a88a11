package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem/internal/loopback"
)

// program is the name of the built program, made once for all tests: it has to
// be a process of its own, without cgo. It lies in the folder of the test's own
// program, which go test removes.
var program = sync.OnceValues(func() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	name := filepath.Join(filepath.Dir(self), "tandem-without-cgo")
	cmd := exec.Command("go", "build", "-o", name, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

// box is a folder with a configuration, and perhaps a process on it.
type box struct {
	t    *testing.T
	dir  string // prefix, with conf, logs and html; everybody may look in
	port string // PORT in configurations
	cmd  *exec.Cmd
	said bytes.Buffer // what the process wrote on stderr
	gone chan error
}

func newBox(t *testing.T) *box {
	b := &box{t: t, dir: t.TempDir(), port: loopback.Port(t)}
	for _, d := range []string{filepath.Dir(b.dir), b.dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"conf", "logs", "html"} {
		if err := os.Mkdir(filepath.Join(b.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// write writes a file below the folder; DIR and PORT in it are replaced.
func (b *box) write(name, text string, mode os.FileMode) {
	b.t.Helper()
	text = strings.NewReplacer("DIR", b.dir, "PORT", b.port).Replace(text)
	full := filepath.Join(b.dir, name)
	if err := os.WriteFile(full, []byte(text), mode); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chmod(full, mode); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(b.dir, name))
	return string(text)
}

// command returns the program with flags, on the folder. A keepalived.conf of
// the machine is not looked at.
func (b *box) command(flags ...string) *exec.Cmd {
	b.t.Helper()
	name, err := program()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(name, append([]string{"-p", b.dir, "-e", "stderr"}, flags...)...)
	cmd.Dir = b.dir
	return cmd
}

// run runs the program to its end.
func (b *box) run(flags ...string) (output string, code int) {
	b.t.Helper()
	out, err := b.command(flags...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return string(out), code
}

// start starts the process and waits until it serves.
func (b *box) start(flags ...string) {
	b.t.Helper()
	b.startAs(b.command(flags...))
}

// startAs is start by another command.
func (b *box) startAs(cmd *exec.Cmd) {
	b.t.Helper()
	cmd.Dir = b.dir
	b.cmd = cmd
	b.cmd.Stderr = &b.said
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.gone = make(chan error, 1)
	go func() { b.gone <- b.cmd.Wait() }()
	b.t.Cleanup(func() {
		_ = b.cmd.Process.Kill()
		<-b.gone
		if b.t.Failed() {
			b.t.Logf("stderr:\n%s\nerror log:\n%s", b.said.String(), b.read("logs/error.log"))
		}
	})
	b.until("the pid file", func() bool { return b.read("logs/nginx.pid") != "" })
}

// until waits for something to become true.
func (b *box) until(what string, is func() bool) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain for %s", what)
		}
		select {
		case err := <-b.gone:
			b.gone <- err
			b.t.Fatalf("process ended while waiting for %s: %v", what, err)
		default:
		}
	}
}

// wait waits for the process to end by itself.
func (b *box) wait() error {
	b.t.Helper()
	select {
	case err := <-b.gone:
		b.gone <- nil
		return err
	case <-time.After(20 * time.Second):
		b.t.Fatal("the process does not end")
		return nil
	}
}

func (b *box) signal(sig syscall.Signal) {
	b.t.Helper()
	if err := b.cmd.Process.Signal(sig); err != nil {
		b.t.Fatal(err)
	}
}

// get asks for a path and returns status and body.
func (b *box) get(path string) (int, string) {
	b.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%s%s", b.port, path))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// conf is a configuration with a server that says what it is told to.
func conf(top, text string) string {
	return top + `
pid logs/nginx.pid;
error_log logs/error.log info;
events {}
http {
    access_log logs/access.log;
    server {
        listen 127.0.0.1:PORT;
        location = /say { return 200 "` + text + `"; }
        location / { root html; }
    }
}
`
}
