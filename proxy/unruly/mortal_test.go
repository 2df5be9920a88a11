package unruly

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	mortalAddr = "UNRULY_ADDR" // makes the test binary a back end
	mortalFile = "UNRULY_FILE" // where it notes the POSTs that it got
)

// staleAfter is after how many requests a mortal closes a connection that it
// has not said it would close.
const staleAfter = 40

// runMortal is a back end that SIGTERM makes close everything with RST, and
// SIGINT in order.
func runMortal(addr string) {
	file, err := os.OpenFile(os.Getenv(mortalFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	all := make(map[*net.TCPConn]bool)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			all[c.(*net.TCPConn)] = true
			mu.Unlock()
			go serveMortal(c, file)
		}
	}()
	fmt.Println("ready")
	s := <-signals
	_ = l.Close()
	mu.Lock()
	for c := range all {
		if s == syscall.SIGTERM {
			_ = c.SetLinger(0)
		}
		_ = c.Close()
	}
}

// serveMortal answers requests, each with one write.
func serveMortal(c net.Conn, file *os.File) {
	defer func() { _ = c.Close() }()
	br := bufio.NewReader(c)
	for range staleAfter {
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		if req.Method == "POST" {
			if _, err := io.WriteString(file, req.URL.Path+"\n"); err != nil {
				panic(err)
			}
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(req.URL.Path), req.URL.Path); err != nil {
			return
		}
	}
}

// mortal is a back end in a process of its own.
type mortal struct {
	addr, file string
	cmd        *exec.Cmd
}

// newMortal prepares the back end with that number, at an address of its own:
// nothing else may get its port while it is dead.
func newMortal(t *testing.T, n int) *mortal {
	pid := os.Getpid()
	l, err := net.Listen("tcp4", fmt.Sprintf("127.%d.%d.%d:0", 100+n, pid>>8&255, pid&255))
	if err != nil {
		t.Fatal(err)
	}
	m := &mortal{addr: l.Addr().String(), file: filepath.Join(t.TempDir(), "posts")}
	_ = l.Close()
	t.Cleanup(func() { m.end(syscall.SIGKILL) })
	return m
}

// start gives it life, and waits until it listens.
func (m *mortal) start(t *testing.T) {
	m.cmd = exec.Command(os.Args[0])
	m.cmd.Env = append(os.Environ(), mortalAddr+"="+m.addr, mortalFile+"="+m.file)
	m.cmd.Stderr = os.Stderr
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("a back end does not start: %q %v", line, err)
	}
}

// end ends it, and waits until it has ended.
func (m *mortal) end(s syscall.Signal) {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Signal(s)
	_ = m.cmd.Wait()
	m.cmd = nil
}

// posts returns how often it got each POST, over all its lives.
func (m *mortal) posts(t *testing.T, into map[string]int) {
	b, err := os.ReadFile(m.file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		into[strings.TrimSpace(line)]++
	}
}

// await polls until something has happened.
func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !happened(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
