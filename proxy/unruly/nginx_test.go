package unruly

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/internal/loopback"
)

// nginx is a running nginx.
type nginx struct {
	addr, version string
	log           string // file
}

// nginxBinary is the nginx to compare with.
func nginxBinary(t testing.TB) string {
	if name := os.Getenv("NGINX_BINARY"); name != "" {
		return name
	}
	name, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	return name
}

// startNginx runs nginx with what stands in the http block; "LISTEN" becomes
// its address.
func startNginx(t testing.TB, http string) *nginx {
	t.Helper()
	binary := nginxBinary(t)
	said, err := exec.Command(binary, "-v").CombinedOutput()
	if err != nil {
		t.Skipf("nginx -v: %v", err)
	}
	n := new(nginx)
	_, n.version, _ = strings.Cut(strings.TrimSpace(string(said)), "nginx/")
	n.addr = loopback.Addr(t)
	dir := t.TempDir()
	n.log = filepath.Join(dir, "error.log")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	text := user + "daemon off; master_process off; pid " + dir + "/pid; error_log " + n.log + " info;\n" +
		"events { worker_connections 1000; }\nhttp {\naccess_log off;\n"
	for _, folder := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += folder + "_temp_path " + dir + "/" + folder + ";\n"
	}
	text += strings.ReplaceAll(http, "LISTEN", n.addr) + "}\n"
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-p", dir, "-e", n.log, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Skipf("nginx does not start: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp4", n.addr)
		if err == nil {
			_ = c.Close()
			return n
		}
		if time.Now().After(until) {
			log, _ := os.ReadFile(n.log)
			t.Fatalf("nginx does not answer: %v\n%s", err, log)
		}
	}
}

// logLine is a line of an error log about a request that went to a back end.
var logLine = regexp.MustCompile(`\[(warn|error|crit|alert|emerg)\] (?:\d+#\d+: )?(?:\*\d+ )?(.*), client: ([^,]*), server: ([^,]*), request: "([A-Z]+ [^"]*)"(.*)$`)

// logged returns what the log says of a request: level, message, and whose
// fault it was, with the back end's address left out.
func logged(log, request, backend string) []string {
	var lines []string
	of := "request: \"" + request
	for line := range strings.SplitSeq(log, "\n") {
		if !strings.Contains(line, of) {
			continue // the expression takes its time, above all under the race detector
		}
		m := logLine.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(m[5], request) {
			continue
		}
		lines = append(lines, m[1]+": "+m[2]+" ("+m[3]+strings.ReplaceAll(m[6], backend, "BACKEND")+")")
	}
	return lines
}
