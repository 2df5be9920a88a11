package http2_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tandem/web/webtest"
)

// idleClient makes a connection, with TLS or without, has one request answered on
// it, and returns its socket: all that is left on the client's side.
func idleClient(t *testing.T, addr string, config *tls.Config) *os.File {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	file, err := nc.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	conn := nc
	if config != nil {
		conn = tls.Client(nc, config)
	}
	var block, sent bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: "localhost"}, {Name: "user-agent", Value: "one that waits"}} {
		_ = e.WriteField(f)
	}
	sent.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&sent, conn)
	_ = f.WriteSettings()
	_ = f.WriteSettingsAck()
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
	if _, err := conn.Write(sent.Bytes()); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := frame.(*http2.DataFrame); ok && data.StreamEnded() {
			return file
		}
	}
}

// occupied is what the process holds, in bytes.
func occupied() int64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied in two steps
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// An idle connection costs little: what crypto/tls keeps, with it, and the state of
// the protocol. Of HTTP/2 that is some 2 KB, of TLS 5 to 6 KB with a client hello as
// long as those with ML-KEM are.
func TestIdleMemory(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "localhost")
	s := webtest.Start(t, header+`http2 on;
	server { listen 127.0.0.1:8080; say "hello"; }
	server { listen 127.0.0.1:8081 ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; say "hello"; }
	}`, modules, map[string]string{"cert.pem": cert, "key.pem": key})
	for _, c := range []struct {
		name, port string
		config     *tls.Config
		most       int64 // bytes
	}{
		{"in clear", "8080", nil, 6 << 10},
		{"with TLS", "8081", &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}, 12 << 10},
	} {
		const n = 300
		open := func() (files []*os.File) {
			for range n {
				files = append(files, idleClient(t, s.Addr(t, c.port), c.config))
			}
			return files
		}
		for _, f := range open() { // what they have in common stays: goroutines that wait for work, for one
			_ = f.Close()
		}
		for end := time.Now().Add(20 * time.Second); s.Gen.Connections() > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		before := occupied()
		files := open()
		var each int64
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			// Parked connections have no goroutine; those for requests wait for more.
			if each = (occupied() - before) / n; each <= c.most {
				break
			}
			if time.Now().After(end) {
				t.Errorf("an idle connection %s costs %d bytes, want %d at most", c.name, each, c.most)
				break
			}
		}
		t.Logf("an idle connection %s: %d bytes", c.name, each)
		for _, f := range files {
			_ = f.Close()
		}
	}
}
