// Package webtest runs the HTTP server for tests: from the text of a
// configuration to answers over a loopback connection.
package webtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/internal/logfile"
	"tandem/internal/loopback"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/http1"
	"tandem/web/http2"
)

// Server is a running server.
type Server struct {
	Dir  string // the prefix: relative names of the configuration are below it
	HTTP *web.HTTP
	Gen  *web.Generation
	Logs *logfile.Set // of access logs with variables in the name

	log   *syncBuffer
	set   *listen.Set
	stats *web.Stats
	ports map[string]string // "8080" in the configuration -> the port it became
}

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var loopbackPort = regexp.MustCompile(`127\.0\.0\.1:(80[0-9][0-9])\b`)

// Load reads a configuration; the caller looks at the errors. The server speaks
// HTTP/1, and what the modules bring besides.
func Load(dir, conf string, modules []*web.Module) (*web.HTTP, *syncBuffer, nc.Errors) {
	return load(dir, conf, modules, new(logfile.Set), nil)
}

// LoadAfter is Load for a reload: previous is the configuration at work.
func LoadAfter(previous *web.HTTP, dir, conf string, modules []*web.Module) (*web.HTTP, nc.Errors) {
	h, _, errs := load(dir, conf, modules, new(logfile.Set), previous)
	return h, errs
}

func load(dir, conf string, modules []*web.Module, logs *logfile.Set, previous *web.HTTP) (*web.HTTP, *syncBuffer, nc.Errors) {
	if !strings.HasSuffix(dir, "/") {
		dir += "/"
	}
	log := new(syncBuffer)
	logs.Report = func(level errorlog.Level, err error) { fmt.Fprintf(log, "[%s] %v\n", level, err) }
	h := &web.HTTP{Realm: session.Realm{
		Prefix: dir,
		Log:    errorlog.New(errorlog.Target{Level: errorlog.Debug, To: log}),
		OpenLog: func(*nc.Scope, *nc.Directive) (errorlog.Target, error) {
			return errorlog.Target{Level: errorlog.Debug, To: log}, nil
		},
	}}
	if previous != nil {
		h.Previous = &previous.Realm
	}
	h.OpenNamedLogs = logs.OpenNamed
	h.OpenAccessLog = func(name string, _ logfile.Options) (io.Writer, error) {
		if name == "" {
			return io.Discard, nil
		}
		return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	}
	file := filepath.Join(dir, "nginx.conf")
	tree, errs := nc.Read(file, nc.Options{
		Prefix: dir,
		ReadFile: func(name string) ([]byte, error) {
			if name == file && overHTTP2 {
				return []byte(withHTTP2(conf)), nil
			}
			if name == file {
				return []byte(conf), nil
			}
			return os.ReadFile(name)
		},
	})
	if tree == nil || errs.Failed() {
		return h, log, errs
	}
	if !slices.Contains(modules, http1.Module) {
		modules = append(slices.Clip(modules), http1.Module)
	}
	if overHTTP2 && !slices.Contains(modules, http2.Module) {
		modules = append([]*web.Module{http2.Module}, modules...)
	}
	table := nc.NewTable(append(h.Commands(modules), []nc.Command{
		{Name: "events", In: nc.Main, Arity: nc.Block | nc.NoArgs},
	})...)
	return h, log, append(errs, table.Bind(tree, nil, nc.BindOptions{})...)
}

// Start runs a server on the configuration, in a folder of its own that holds
// the files. Addresses 127.0.0.1:80NN in the configuration become free ports.
// The server ends with the test.
func Start(t testing.TB, conf string, modules []*web.Module, files map[string]string) *Server {
	t.Helper()
	s := newServer(t, files)
	s.read(t, s.Expand(t, conf), modules)
	s.set = new(listen.Set)
	s.use(t)
	t.Cleanup(func() {
		s.set.Close()
		s.Gen.Retire(nil)
		s.Gen.Abort()
		ctx, cancel := context.WithTimeout(context.Background(), endLimit)
		defer cancel()
		_ = s.Gen.Wait(ctx) // what runs in the background may write to the folder
	})
	return s
}

// endLimit is how long the end of a test waits for what its server does besides.
const endLimit = 10 * time.Second

// newServer makes a server that has nothing but its folder yet.
func newServer(t testing.TB, files map[string]string) *Server {
	t.Helper()
	s := &Server{Dir: t.TempDir(), ports: make(map[string]string), Logs: new(logfile.Set), stats: new(web.Stats)}
	for name, content := range files {
		s.Write(t, name, content)
	}
	return s
}

// read reads the configuration of a server.
func (s *Server) read(t testing.TB, conf string, modules []*web.Module) {
	t.Helper()
	h, log, errs := load(s.Dir, conf, modules, s.Logs, nil)
	if errs.Failed() {
		t.Fatalf("configuration:\n%v", errs)
	}
	s.HTTP, s.log = h, log
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("error log:\n%s", log)
		}
	})
}

// use puts s.HTTP to work.
func (s *Server) use(t testing.TB) {
	t.Helper()
	opened, err := s.set.Open(s.HTTP.Listening(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Gen = web.NewGeneration(s.HTTP, s.stats)
	s.Gen.Drain = new(web.Drain)
	opened.Use(s.Gen.Servers())
}

// Reload puts another configuration to work on the same sockets. The generation
// before it is the caller's to retire.
func (s *Server) Reload(t testing.TB, conf string, modules []*web.Module) {
	t.Helper()
	h, _, errs := load(s.Dir, s.Expand(t, conf), modules, s.Logs, s.HTTP)
	if errs.Failed() {
		t.Fatalf("configuration:\n%v", errs)
	}
	s.HTTP = h
	s.use(t)
}

// Counts returns the server's counters.
func (s *Server) Counts() web.Counts { return s.stats.Counts() }

// Expand replaces 127.0.0.1:80NN by an address with a free port, the same one
// each time, for back ends too.
func (s *Server) Expand(t testing.TB, text string) string {
	return loopbackPort.ReplaceAllStringFunc(text, func(addr string) string {
		return s.Addr(t, strings.TrimPrefix(addr, "127.0.0.1:"))
	})
}

// Addr returns the address that stands for 127.0.0.1:port.
func (s *Server) Addr(t testing.TB, port string) string {
	if s.ports[port] == "" {
		s.ports[port] = loopback.Port(t)
	}
	return "127.0.0.1:" + s.ports[port]
}

// Write writes a file below the prefix.
func (s *Server) Write(t testing.TB, name, content string) {
	t.Helper()
	full := filepath.Join(s.Dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Dial connects to the server's port 8080.
func (s *Server) Dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp4", s.Addr(t, "8080"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// Raw sends bytes to port 8080 and returns all that comes back until the
// server closes.
func (s *Server) Raw(t testing.TB, request string) string {
	t.Helper()
	c := s.Dial(t)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil && len(answer) == 0 {
		t.Fatalf("%q: %v", request, err)
	}
	return string(answer)
}

// Get asks for a path, with further header lines, on a connection of its own.
func (s *Server) Get(t testing.TB, path string, headers ...string) *Answer {
	t.Helper()
	return s.Do(t, "GET", path, headers...)
}

// Do asks with any method.
func (s *Server) Do(t testing.TB, method, path string, headers ...string) *Answer {
	t.Helper()
	if overHTTP2 {
		return ParseAnswer(t, method, s.askHTTP2(t, method, path, headers))
	}
	req := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path)
	for _, h := range headers {
		req += h + "\r\n"
	}
	raw := s.Raw(t, req+"\r\n")
	return ParseAnswer(t, method, raw)
}

// Answer is a response as the client got it.
type Answer struct {
	Status int
	Header http.Header
	Body   string // decoded from chunks
	Raw    string
}

// ParseAnswer reads a response.
func ParseAnswer(t testing.TB, method, raw string) *Answer {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("answer %q: %v", raw, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("answer %q: %v", raw, err)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body), Raw: raw}
}

// Log returns what has been written to the error log.
func (s *Server) Log() string { return s.log.String() }
