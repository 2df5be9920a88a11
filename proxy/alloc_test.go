package proxy_test

import (
	"bytes"
	"net"
	"testing"

	"tandem/web/webtest"
)

// steadyBackend answers each request with the same bytes, and allocates nothing
// for it.
func steadyBackend(t *testing.T, answer []byte) string {
	return webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) {
		var buf [4096]byte
		for {
			n, err := c.Read(buf[:])
			if err != nil || !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
				return
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
}

// TestProxiedAllocations: a small response that is passed on over kept
// connections costs no allocation.
func TestProxiedAllocations(t *testing.T) {
	addr := steadyBackend(t, []byte("HTTP/1.1 200 OK\r\nServer: back\r\nContent-Type: text/plain\r\nX-More: value\r\nContent-Length: 5\r\n\r\nsmall"))
	s := webtest.Start(t, begin+`upstream back { server `+addr+`; keepalive 8; keepalive_requests 1000000; }
server { listen 127.0.0.1:8080; keepalive_requests 1000000;
location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`, modules, nil)
	s.NoAllocations(t, "/", "small")
}
