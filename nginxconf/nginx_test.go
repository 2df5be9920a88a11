package nginxconf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// peer is the nginx installed on this machine, in a folder of its own.
type peer struct {
	program string
	dir     string
}

// newPeer skips the test where nginx is not installed.
func newPeer(t *testing.T) *peer {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Skip("nginx is not installed")
		}
	}
	return &peer{program, t.TempDir()}
}

// write makes a file in the peer's folder and returns its full name.
func (p *peer) write(t *testing.T, name, text string) string {
	t.Helper()
	full := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return full
}

var (
	logPrefix = regexp.MustCompile(`^[0-9/]+ [0-9:]+ \[[a-z]+\] [0-9#]+: `)
	warnings  = regexp.MustCompile(`(?m)^[0-9/]+ [0-9:]+ \[warn\] [^\n]*\n`)
	verdict   = regexp.MustCompile(`(^|\n)nginx: (the )?configuration file (.|\n)*$`)
)

// complaint returns the message with which nginx refuses a configuration, ""
// if it finds nothing wrong with its syntax.
func (p *peer) complaint(t *testing.T, conf, globals string) string {
	t.Helper()
	args := []string{"-t", "-p", p.dir, "-c", conf, "-e", "stderr"}
	if globals != "" {
		args = append(args, "-g", globals)
	}
	out, err := exec.Command(p.program, args...).CombinedOutput()
	if err == nil || bytes.Contains(out, []byte("syntax is ok")) {
		return ""
	}
	msg := verdict.ReplaceAllString(string(out), "")
	msg = warnings.ReplaceAllString(msg, "")
	return logPrefix.ReplaceAllString(strings.TrimSuffix(msg, "\n"), "")
}

// dump returns what nginx prints with -T.
func (p *peer) dump(t *testing.T, conf string) string {
	t.Helper()
	cmd := exec.Command(p.program, "-T", "-p", p.dir, "-c", conf, "-e", "stderr", "-g", "pid "+p.dir+"/pid;")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("nginx -T: %v\n%s", err, &stderr)
	}
	return string(out)
}
