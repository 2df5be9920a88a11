// Package alike holds what a client and the logs get to see against what nginx
// shows them: each table says what is right, for the server here and for an
// installed nginx alike.
package alike

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/internal/loopback"
	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/proxy/fastcgi"
	"tandem/proxy/scgi"
	"tandem/proxy/uwsgi"
	"tandem/session/accesslog"
	"tandem/session/vars"
	"tandem/static"
	"tandem/web"
	"tandem/web/charset"
	"tandem/web/compress"
	"tandem/web/headers"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{
	rewrite.Module, static.TryFiles, static.Index, static.AutoIndex, static.DAV, static.Module, static.EmptyGIF,
	exchange.Module, proxy.Module, fastcgi.Module, uwsgi.Module, scgi.Module,
	notmodified.Module, headers.Module, charset.Module, compress.Gzip, ranges.Module, web.Shared(vars.Map), web.Shared(accesslog.Module(accesslog.Combined, web.AppendRoot)),
}

// patience is how long anything may take that should take a moment.
const patience = 10 * time.Second

// exchangeCase is what one client sends, and what comes of it.
type exchangeCase struct {
	name string
	send string
	// rest is sent when something has come for the first part.
	rest string
	// logged is the line of the access log.
	logged string
	// answer matches what the client gets; nil: anything.
	answer *regexp.Regexp
	// errors matches the error log's lines about it; nil: anything.
	errors *regexp.Regexp
	// since is the version of nginx that first does so, "" for all.
	since string
	// stays: the connection is not closed by the server.
	stays bool
}

// side is one of the two servers.
type side struct {
	version         string // of nginx, "" here
	dir, addr       string
	access          string // file
	errorLog        func() string
	accessed, noted int // bytes of the logs that have been seen
}

// run has both servers answer the cases. What stands in http is the http block;
// LISTEN becomes the server's address, DIR its folder. setup makes
// the files there; the access log is DIR/access.log.
func run(t *testing.T, http string, setup func(t *testing.T, dir string), cases []exchangeCase) {
	t.Helper()
	t.Run("tandem", func(t *testing.T) {
		here(t, http, setup).check(t, cases)
	})
	t.Run("nginx", func(t *testing.T) {
		there(t, http, setup).check(t, cases)
	})
}

func expand(http, addr, dir string) string {
	return strings.NewReplacer("LISTEN", addr, "DIR", dir).Replace(http)
}

// here starts the server of this package's program.
func here(t *testing.T, http string, setup func(t *testing.T, dir string)) *side {
	t.Helper()
	dir := t.TempDir()
	if setup != nil {
		setup(t, dir)
	}
	s := webtest.Start(t, "events {}\nhttp { server_tokens off; error_log errors info;\n"+expand(http, "127.0.0.1:8080", dir)+"\n}", modules, nil)
	return &side{dir: dir, addr: s.Addr(t, "8080"), access: filepath.Join(dir, "access.log"), errorLog: s.Log}
}

// there starts the installed nginx.
func there(t *testing.T, http string, setup func(t *testing.T, dir string)) *side {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	said, err := exec.Command(binary, "-v").CombinedOutput()
	if err != nil {
		t.Skipf("nginx -v: %v", err)
	}
	dir := t.TempDir()
	if setup != nil {
		setup(t, dir)
	}
	errlog := filepath.Join(dir, "error.log")
	s := &side{dir: dir, addr: loopback.Addr(t), access: filepath.Join(dir, "access.log"), errorLog: func() string {
		b, _ := os.ReadFile(errlog)
		return string(b)
	}}
	_, s.version, _ = strings.Cut(strings.TrimSpace(string(said)), "nginx/")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	conf := user + "daemon off; master_process off; pid " + dir + "/pid; error_log " + errlog + " info;\nevents {}\nhttp { server_tokens off;\n"
	if !strings.Contains(http, "access_log") {
		conf += "access_log off;\n" // not where it is by default: that is root's
	}
	for _, folder := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		conf += folder + "_temp_path " + dir + "/" + folder + "_temp;\n"
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf+expand(http, s.addr, dir)+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-p", dir, "-e", errlog, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Skipf("nginx does not start: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for until := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp4", s.addr)
		if err == nil {
			_ = c.Close()
			return s
		}
		if time.Now().After(until) {
			log, _ := os.ReadFile(errlog)
			t.Fatalf("nginx does not answer: %v\n%s", err, log)
		}
	}
}

// errors returns what the error log has got since the last call.
func (s *side) errors() string {
	all := s.errorLog()
	added := all[s.noted:]
	s.noted = len(all)
	return added
}

// logged returns the next line of the access log, for which it waits.
func (s *side) logged(t *testing.T) string {
	t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		all, _ := os.ReadFile(s.access)
		if line, _, ok := strings.Cut(string(all[s.accessed:]), "\n"); ok {
			s.accessed += len(line) + 1
			return line
		}
		if time.Now().After(until) {
			t.Fatal("no line in the access log")
		}
	}
}

// ask sends what a case has to send and returns what comes back.
func (s *side) ask(t *testing.T, c *exchangeCase) string {
	t.Helper()
	conn, err := net.Dial("tcp4", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, c.send); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	buf := make([]byte, 64<<10)
	if c.rest != "" {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		answer = append(answer, buf[:n]...)
		if _, err := io.WriteString(conn, c.rest); err != nil {
			t.Fatal(err)
		}
	}
	if c.stays {
		// All is there when it is in the access log.
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		return string(append(answer, buf[:n]...))
	}
	for {
		n, err := conn.Read(buf)
		answer = append(answer, buf[:n]...)
		if err == io.EOF {
			return string(answer)
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: the connection stays open after %q", c.name, answer)
			}
			return string(answer)
		}
	}
}

func (s *side) check(t *testing.T, cases []exchangeCase) {
	t.Helper()
	for i := range cases {
		c := &cases[i]
		if s.version != "" && c.since != "" && older(s.version, c.since) {
			continue
		}
		s.errors()
		answer := s.ask(t, c)
		if c.answer != nil && !c.answer.MatchString(answer) {
			t.Errorf("%s: answer %.200q, want %v", c.name, answer, c.answer)
		}
		if c.logged != "" {
			if line := strings.ReplaceAll(s.logged(t), s.dir, "DIR"); line != c.logged {
				t.Errorf("%s: logged %.200s, want %.200s", c.name, line, c.logged)
			}
		}
		if got := s.errors(); c.errors != nil && !c.errors.MatchString(got) {
			t.Errorf("%s: error log %.300q, want %v", c.name, got, c.errors)
		}
	}
}

// older reports whether version a comes before b.
func older(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m < n
		}
	}
	return len(x) < len(y)
}
