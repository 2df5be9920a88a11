// Package unruly holds tandem's reverse proxy against back ends that misbehave,
// and against nginx in front of the same ones.
package unruly

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long anything that must happen is waited for.
const patience = 30 * time.Second

// control is a step of a script that sends nothing.
type control int

const (
	shut    control = iota // closes the connection
	reset                  // closes it with RST
	fin                    // closes the sending half
	awaited                // reads until the other side closes it
	readOn                 // reads the request's body
	taken                  // waits until the client has a response
)

// script is what a back end does once it has read the head of a request, and
// the body too unless the script is early: strings are sent, durations are
// waited.
type script struct {
	steps []any
	early bool
	// closeReused: on a connection that has had a request before, it is closed.
	closeReused bool
}

// backend follows a script for requests to /NAME/..., and answers /NAME/next
// as it should be, telling how many requests the connection has had.
type backend struct {
	addr    string
	mu      sync.Mutex
	scripts map[string]script
	ended   map[string]chan struct{} // by X-Id
	took    map[string]chan struct{} // by X-Id: the client has its response
	starts  map[string]int           // how often a script was begun for an X-Id
}

func newBackend(t testing.TB) *backend {
	// A small buffer, so that it can be seen what is not read.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 32<<10) })
	}}
	l, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	b := &backend{addr: l.Addr().String(), scripts: make(map[string]script), ended: make(map[string]chan struct{}), took: make(map[string]chan struct{}), starts: make(map[string]int)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(c.(*net.TCPConn))
		}
	}()
	return b
}

// end returns what is closed when the script for a request has ended.
func (b *backend) end(id string) chan struct{} { return b.signal(b.ended, id) }

// take returns what is to be closed when the client has the response to a
// request.
func (b *backend) take(id string) chan struct{} { return b.signal(b.took, id) }

func (b *backend) signal(of map[string]chan struct{}, id string) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if of[id] == nil {
		of[id] = make(chan struct{})
	}
	return of[id]
}

// started returns how often a script was begun for a request.
func (b *backend) started(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.starts[id]
}

func (b *backend) serve(c *net.TCPConn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	br := bufio.NewReader(c)
	for n := 1; ; n++ {
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		name, what, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		if what == "next" {
			body := "clean"
			if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Use: %d\r\nX-For: %s\r\nContent-Length: %d\r\n\r\n%s",
				n, req.Header.Get("X-Id"), len(body), body); err != nil {
				return
			}
			continue
		}
		b.mu.Lock()
		s := b.scripts[name]
		b.starts[req.Header.Get("X-Id")]++
		b.mu.Unlock()
		if s.closeReused && n > 1 {
			return
		}
		if !s.early {
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
		}
		on := s.follow(c, req, b.take(req.Header.Get("X-Id")))
		end := b.end(req.Header.Get("X-Id"))
		b.mu.Lock()
		select {
		case <-end:
		default:
			close(end)
		}
		b.mu.Unlock()
		if !on {
			return
		}
	}
}

// follow does what the script says, and reports whether the connection is
// there afterwards.
func (s script) follow(c *net.TCPConn, req *http.Request, took <-chan struct{}) bool {
	for _, step := range s.steps {
		var err error
		switch step := step.(type) {
		case string:
			_, err = io.WriteString(c, step)
		case time.Duration:
			time.Sleep(step)
		case control:
			switch step {
			case shut:
				_ = c.Close()
				return false
			case reset:
				_ = c.SetLinger(0)
				_ = c.Close()
				return false
			case fin:
				_ = c.CloseWrite()
			case awaited:
				_, _ = io.Copy(io.Discard, c)
				return false
			case readOn:
				_, err = io.Copy(io.Discard, req.Body)
			case taken:
				select {
				case <-took:
				case <-time.After(patience):
				}
			}
		}
		if err != nil {
			return false
		}
	}
	return true
}

// bytewise makes steps that send text byte by byte.
func bytewise(text string, pause time.Duration) []any {
	var steps []any
	for i := range len(text) {
		steps = append(steps, text[i:i+1], pause)
	}
	return steps
}
