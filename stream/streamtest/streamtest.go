// Package streamtest is the server of stream {} for tests, over loopback.
package streamtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/internal/logfile"
	"tandem/internal/loopback"
	nc "tandem/nginxconf"
	"tandem/stream"
)

// Server is a server at work.
type Server struct {
	Dir string // the prefix
	Gen *stream.Generation
	Set listen.Set

	log   Log
	logs  logfile.Set
	ports map[string]string
}

// Log is an error log in memory.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds a line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all lines.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Start runs a server on the text of a stream block. Addresses 127.0.0.1:80NN in
// it become free ports. The server ends with the test.
func Start(t testing.TB, text string, modules ...*stream.Module) *Server {
	t.Helper()
	s := &Server{Dir: t.TempDir() + "/", ports: make(map[string]string)}
	s.Use(t, text, modules...)
	t.Cleanup(func() {
		s.Set.Close()
		s.Gen.Retire()
		s.Gen.Abort()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Gen.Wait(ctx); err != nil {
			t.Errorf("sessions do not end: %v", err)
		}
		if t.Failed() {
			t.Logf("error log:\n%s", &s.log)
		}
	})
	return s
}

// Use puts a configuration to work on the sockets of the one before it, whose
// generation it returns; nil for the first.
func (s *Server) Use(t testing.TB, text string, modules ...*stream.Module) *stream.Generation {
	t.Helper()
	st, errs := s.load(s.Expand(t, text), modules)
	if errs.Failed() {
		t.Fatalf("configuration:\n%v", errs)
	}
	opened, err := s.Set.Open(st.Listening(), nil)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Gen
	s.Gen = stream.NewGeneration(st)
	s.Gen.Find = s.Set.Find
	opened.Use(s.Gen.Servers())
	if before != nil {
		before.Retire()
	}
	return before
}

// Load reads the text of a stream block; the caller looks at the errors.
func Load(t testing.TB, text string, modules ...*stream.Module) (*stream.Stream, nc.Errors) {
	t.Helper()
	s := &Server{Dir: t.TempDir() + "/"}
	return s.load(text, modules)
}

func (s *Server) load(text string, modules []*stream.Module) (*stream.Stream, nc.Errors) {
	st := new(stream.Stream)
	st.Prefix = s.Dir
	st.Log = errorlog.New(errorlog.Target{Level: errorlog.Info, To: &s.log})
	st.OpenAccessLog = func(name string, _ logfile.Options) (io.Writer, error) {
		return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	}
	st.OpenNamedLogs = s.logs.OpenNamed
	if s.Gen != nil {
		st.Previous = &s.Gen.Stream.Realm
	}
	file := filepath.Join(s.Dir, "nginx.conf")
	tree, errs := nc.Read(file, nc.Options{Prefix: s.Dir, ReadFile: func(name string) ([]byte, error) {
		if name == file {
			return []byte("stream {\n" + text + "\n}\n"), nil
		}
		return os.ReadFile(name)
	}})
	if errs.Failed() {
		return st, errs
	}
	return st, append(errs, nc.NewTable(st.Commands(modules)...).Bind(tree, nil, nc.BindOptions{})...)
}

// Log returns what the error log has.
func (s *Server) Log() string { return s.log.String() }

// AwaitLog waits until the error log has a text.
func (s *Server) AwaitLog(t testing.TB, want string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(s.Log(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log lacks %q", want)
		}
	}
}

var loopbackPort = regexp.MustCompile(`127\.0\.0\.1:80\d\d`)

// Expand replaces 127.0.0.1:80NN by an address with a free port, the same one each
// time, for back ends too.
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

// Dial connects to the server's port 80NN. The connection ends with the test, and
// no read or write of it takes longer than the test should.
func (s *Server) Dial(t testing.TB, network, port string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, s.Addr(t, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// Get connects to the server's port 80NN, sends something, and returns all that
// comes back.
func (s *Server) Get(t testing.TB, port, send string) string {
	t.Helper()
	c := s.Dial(t, "tcp", port)
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil && len(b) == 0 {
		t.Fatal(err)
	}
	return string(b)
}

// Listen has f serve connections to a back end at 127.0.0.1:80NN, one after the
// other; f need not close them.
func (s *Server) Listen(t testing.TB, port string, f func(net.Conn)) {
	t.Helper()
	l, err := net.Listen("tcp4", s.Addr(t, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
}

// Echo is a back end at 127.0.0.1:80NN that sends back what comes, by TCP and UDP.
func (s *Server) Echo(t testing.TB, port string) {
	t.Helper()
	s.Listen(t, port, func(c net.Conn) { _, _ = io.Copy(c, c) })
	u, err := net.ListenPacket("udp4", s.Addr(t, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = u.WriteTo(buf[:n], from)
		}
	}()
}

// File returns what a file below the prefix holds, once it has a whole line.
func (s *Server) File(t testing.TB, name string) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(s.Dir + name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.HasSuffix(b, []byte("\n")) {
			return string(b)
		}
	}
	t.Fatalf("nothing was written to %s", name)
	return ""
}
