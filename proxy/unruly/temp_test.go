package unruly

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"tandem/web/webtest"
)

// TestNoRoomForTemporaryFiles has a client be slower than its back end where no
// temporary file can be made: what memory holds is sent, and then the response
// is broken off, so that the client can tell.
func TestNoRoomForTemporaryFiles(t *testing.T) {
	t.Parallel()
	addr := wireBackend(t, func(string) string {
		return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", ok200, 16<<20, strings.Repeat("x", 16<<20))
	})
	s := webtest.Start(t, `events {}
		http { server { listen 127.0.0.1:8080 sndbuf=16k; proxy_temp_path occupied/temp; location / { proxy_pass http://`+addr+`; } } }`,
		modules, map[string]string{"occupied": "a file"})
	c := s.Dial(t)
	_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if r := readReply(bufio.NewReader(c), "GET"); r.end != "cut" || !strings.HasPrefix(r.status, "HTTP/1.1 200 ") || strings.Trim(r.body, "x") != "" {
		t.Errorf("got %q, %d bytes, %s", r.status, len(r.body), r.end)
	}
	if log := s.Log(); !strings.Contains(log, "[crit]") || !strings.Contains(log, "(20: Not a directory) while reading upstream, client: 127.0.0.1") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}
