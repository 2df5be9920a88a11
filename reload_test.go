package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestReloadSaysHowItWent(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", conf("", "one"), 0o644)
	b.start()
	b.write("conf/nginx.conf", conf("", "two"), 0o644)
	if out, code := b.run("-s", "reload"); code != 0 || out != "" {
		t.Errorf("good reload: %d %q", code, out)
	}
	if _, body := b.get("/say"); body != "two" {
		t.Errorf("after the reload: %q", body)
	}

	// The files are right, but the address is taken: only the process itself
	// can find out.
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := conf("", "three") + fmt.Sprintf("# %s", taken.Addr())
	busy = strings.Replace(busy, "location = /say", fmt.Sprintf("listen %s; location = /say", taken.Addr()), 1)
	b.write("conf/nginx.conf", busy, 0o644)
	out, code := b.run("-s", "reload")
	if want := fmt.Sprintf("nginx: [emerg] bind() to %s failed (98: Address already in use)\n", taken.Addr()); code != 1 || out != want {
		t.Errorf("reload on a taken address: %d %q, want %q", code, out, want)
	}

	// The files are wrong.
	b.write("conf/nginx.conf", "bogus;", 0o644)
	out, code = b.run("-s", "reload")
	if code != 1 || !strings.Contains(out, `[emerg] unknown directive "bogus" in `+b.dir+`/conf/nginx.conf:1`) {
		t.Errorf("reload of nonsense: %d %q", code, out)
	}
	b.signal(syscall.SIGHUP)
	b.until("the complaint in the log", func() bool { return strings.Contains(b.read("logs/error.log"), `unknown directive "bogus"`) })
	if _, body := b.get("/say"); body != "two" {
		t.Errorf("after failed reloads: %q", body)
	}

	b.write("conf/nginx.conf", conf("", "four"), 0o644)
	if out, code := b.run("-s", "quit"); code != 0 || out != "" {
		t.Errorf("quit: %d %q", code, out)
	}
	if err := b.wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	for _, name := range []string{"nginx.pid", "nginx.control"} {
		if _, err := os.Stat(filepath.Join(b.dir, "logs", name)); !os.IsNotExist(err) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
	out, code = b.run("-s", "reload")
	if want := fmt.Sprintf("nginx: [error] open() \"%s/logs/nginx.pid\" failed (2: No such file or directory)\n", b.dir); code != 1 || out != want {
		t.Errorf("reload of nobody: %d %q, want %q", code, out, want)
	}
}

// A reload is for new requests: whatever a client has begun to ask is answered
// by the configuration that it began with, its connection goes on with the new
// one, and no attempt to connect fails.
func TestReloadLosesNothing(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", conf("", "generation 0"), 0o644)
	b.start()

	stop := make(chan struct{})
	var clients sync.WaitGroup
	var mu sync.Mutex
	asked := 0
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				answer, err := b.ask()
				mu.Lock()
				asked++
				if err != nil || !strings.HasPrefix(answer, "HTTP/1.1 200 ") || !strings.Contains(answer, "\r\n\r\ngeneration ") {
					t.Errorf("%q: %v", answer, err)
				}
				mu.Unlock()
			}
		})
	}

	const reloads = 20
	for i := range reloads {
		begun, err := net.Dial("tcp4", b.addr())
		if err != nil {
			t.Fatal(err)
		}
		silent, err := net.Dial("tcp4", b.addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(begun, "GET /say HTTP/1.1\r\nHost: "); err != nil {
			t.Fatal(err)
		}
		// An answer to a later connection shows that these have been accepted.
		if _, err := b.ask(); err != nil {
			t.Fatal(err)
		}
		b.write("conf/nginx.conf", conf("", fmt.Sprintf("generation %d", i+1)), 0o644)
		if out, code := b.run("-s", "reload"); code != 0 {
			t.Fatalf("reload: %s", out)
		}
		if _, body := b.get("/say"); body != fmt.Sprintf("generation %d", i+1) {
			t.Errorf("after reload %d: %q", i+1, body)
		}
		const request = "GET /say HTTP/1.1\r\nHost: localhost\r\n\r\n"
		for _, one := range []struct {
			c          net.Conn
			send       string
			generation int
		}{{begun, "localhost\r\n\r\n", i}, {silent, request, i + 1}} {
			_ = one.c.SetDeadline(time.Now().Add(10 * time.Second))
			r := bufio.NewReader(one.c)
			for _, generation := range []int{one.generation, i + 1} {
				_, _ = io.WriteString(one.c, one.send)
				answer, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatalf("connection from before reload %d, then %q: %v", i+1, one.send, err)
				}
				body, err := io.ReadAll(answer.Body)
				if err != nil || string(body) != fmt.Sprintf("generation %d", generation) || answer.Close {
					t.Errorf("connection from before reload %d, then %q: %q, close %t, %v; want generation %d", i+1, one.send, body, answer.Close, err, generation)
				}
				one.send = request
			}
			_ = one.c.Close()
		}
	}
	close(stop)
	clients.Wait()
	if asked < reloads {
		t.Errorf("only %d requests during the reloads", asked)
	}
}

func (b *box) addr() string { return "127.0.0.1:" + b.port }

// ask connects, asks, and returns all that comes back.
func (b *box) ask() (string, error) {
	c, err := net.Dial("tcp4", b.addr())
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "GET /say HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}
