package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tandem/internal/loopback"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tandem": main})
}

// TestScripts drives the real program: each script in testdata/script is a
// session of an operator.
func TestScripts(t *testing.T) {
	names := t.TempDir()
	own, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keepalived", "nginx"} {
		if err := os.Symlink(own, filepath.Join(names, name)); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", names+":"+env.Getenv("PATH"))
			for _, name := range []string{"PORT1", "PORT2"} {
				port, release, err := loopback.Claim()
				if err != nil {
					return err
				}
				env.Defer(release)
				env.Setenv(name, port)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serves": scriptServes,
			"signal": scriptSignal,
			"gone":   scriptGone,
			"listen": scriptListen,
			"expand": scriptExpand,
			"exits":  scriptExits,
			"says":   scriptSays,
		},
	})
}

// poll calls f until it is happy, at most for some seconds.
func poll(ts *testscript.TestScript, what string, f func() error) {
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	ts.Fatalf("%s: %v", what, err)
}

// serves URL TEXT waits until the page at URL holds TEXT.
func scriptServes(ts *testscript.TestScript, neg bool, args []string) {
	poll(ts, "serves", func() error {
		client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get(args[0])
		if neg {
			if err == nil {
				_ = resp.Body.Close()
				return fmt.Errorf("%s answers", args[0])
			}
			return nil
		}
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		body := make([]byte, 64<<10)
		n, _ := resp.Body.Read(body)
		if !strings.Contains(string(body[:n]), args[1]) {
			return fmt.Errorf("%s: %d %q", args[0], resp.StatusCode, body[:n])
		}
		return nil
	})
}

// signal NAME PIDFILE signals the process that the file names.
func scriptSignal(ts *testscript.TestScript, _ bool, args []string) {
	names := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "QUIT": syscall.SIGQUIT, "HUP": syscall.SIGHUP,
		"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "WINCH": syscall.SIGWINCH, "INT": syscall.SIGINT}
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, names[args[0]]))
}

// gone FILE waits until the file is no longer there; with !, until it is.
func scriptGone(ts *testscript.TestScript, neg bool, args []string) {
	poll(ts, "gone", func() error {
		_, err := os.Stat(ts.MkAbs(args[0]))
		if neg != os.IsNotExist(err) {
			return nil
		}
		return fmt.Errorf("%s: %v", args[0], err)
	})
}

// listen PORT occupies a port of the loopback until the script ends.
func scriptListen(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp4", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// expand FILE ... replaces $PORT1, $PORT2 and $WORK in files.
func scriptExpand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := ts.ReadFile(name)
		for _, v := range []string{"PORT1", "PORT2", "WORK"} {
			text = strings.ReplaceAll(text, "$"+v, ts.Getenv(v))
		}
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}

// exits CODE PROGRAM ARGS ... runs a program that must end with that exit
// code; its output is there for stdout and stderr.
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		code = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

// says TEXT PROGRAM ARGS ... runs a program again and again until it prints
// the text.
func scriptSays(ts *testscript.TestScript, _ bool, args []string) {
	poll(ts, "says", func() error {
		_ = ts.Exec(args[1], args[2:]...) // what it prints counts, not how it ends
		if out := ts.ReadFile("stdout"); !strings.Contains(out, args[0]) {
			return fmt.Errorf("%q", out)
		}
		return nil
	})
}
