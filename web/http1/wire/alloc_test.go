package wire

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"tandem/internal/flow"
	"tandem/internal/flow/flowtest"
	"tandem/internal/race"
	"tandem/web/message"
)

// typical is a request as a browser sends it.
const typical = "GET /static/app.js?v=3 HTTP/1.1\r\n" +
	"Host: www.example.com\r\n" +
	"Connection: keep-alive\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\n" +
	"Referer: https://www.example.com/index.html\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n" +
	"If-None-Match: \"5f3c-1a2b\"\r\n\r\n"

func TestNoAllocationPerRequest(t *testing.T) {
	client, server := flowtest.Pair(t)
	c := newConn(t, server)
	c.SetSendTimeout(time.Minute)
	c.SetReadTimeout(time.Minute)
	lim := &message.Limits{HeaderTimeout: time.Minute, IgnoreInvalidHeaders: true}
	file, err := os.Open("alloc_test.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var h message.Head
	var out []byte
	requests := []byte(typical + "POST /x HTTP/1.1\r\nHost: WWW.Example.com\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	tail := []byte("\r\n")
	buf, scratch := make([]byte, 4096), make([]byte, 100)
	bufs := make([][]byte, 2)
	run := func() {
		if _, err := client.Write(requests); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := c.WaitRequest(time.Minute); err != nil {
				t.Fatal(err)
			}
			if err := c.ReadHead(&h, lim); err != nil {
				t.Fatal(err)
			}
			if _, _, ok := message.NormalizePath(scratch[:0], h.Target, true); !ok {
				t.Fatal("bad path")
			}
			for {
				if _, err := c.ReadBody(scratch); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			out = AppendStatusLine(out[:0], 200)
			out = append(append(append(out, "Date: "...), message.CachedDateAt(784111777)...), "\r\n"...)
			bufs[0], bufs[1] = out, tail
			if _, err := c.WriteBuffers(bufs); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Writev(out, tail); err != nil {
				t.Fatal(err)
			}
			if _, err := c.WriteMore(tail); err != nil {
				t.Fatal(err)
			}
			if _, err := c.SendFile(file, 0, 5); err != nil {
				t.Fatal(err)
			}
			if c.ClientGone() {
				t.Fatal("client is here")
			}
		}
		if _, err := client.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(500, run); n != 0 {
		t.Errorf("%v allocations for two requests", n)
	}
}

// maxIdleBytes bounds what a waiting connection costs beside its net.Conn: the
// goroutine, whose stack is 4096 bytes once it has served a request (the runtime
// never shrinks one below that again in practice), the Conn, and no buffer.
const maxIdleBytes = 6144

// TestIdleConnectionMemory measures a waiting connection.
func TestIdleConnectionMemory(t *testing.T) {
	if testing.Short() || race.Enabled {
		t.Skip("opens many connections, and the race detector adds to each")
	}
	const count = 1000
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	clients, servers := make([]net.Conn, count), make([]net.Conn, count)
	for i := range clients {
		if clients[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
		if servers[i], err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		defer servers[i].Close()
	}
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := used()
	var served, done sync.WaitGroup
	served.Add(count)
	for _, s := range servers {
		done.Go(func() { serveOnce(s, &served) })
	}
	request := []byte(typical)
	for _, s := range clients {
		if _, err := s.Write(request); err != nil {
			t.Fatal(err)
		}
	}
	served.Wait()
	for _, s := range clients {
		if _, err := io.ReadFull(s, make([]byte, 19)); err != nil {
			t.Fatal(err)
		}
	}
	each := int64(used()-before) / count
	for _, s := range clients {
		s.Close()
	}
	done.Wait()
	t.Logf("%d bytes per idle connection", each)
	if each > maxIdleBytes {
		t.Errorf("%d bytes per idle connection, want at most %d", each, maxIdleBytes)
	}
}

var heads = sync.Pool{New: func() any { return new(message.Head) }}

// serveOnce answers requests until the client closes, and says when the first
// one has been answered.
func serveOnce(s net.Conn, served *sync.WaitGroup) {
	f := flow.NewConn(s)
	defer f.Release()
	c := NewConn(f)
	defer c.Release()
	lim := &message.Limits{HeaderTimeout: time.Minute}
	for first := true; c.WaitRequest(time.Minute) == nil; first = false {
		h := heads.Get().(*message.Head)
		err := c.ReadHead(h, lim)
		heads.Put(h)
		if err != nil {
			return
		}
		if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
			return
		}
		if first {
			served.Done()
		}
	}
}
