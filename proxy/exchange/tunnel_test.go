package exchange_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem/web/webtest"
)

func TestTunnel(t *testing.T) {
	s := webtest.Start(t, "events {}\nhttp {"+`
	server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:8081; proxy_read_timeout 1s;
		proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } } }`, modules, nil)
	l, err := net.Listen("tcp4", s.Addr(t, "8081"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ended := make(chan error, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			br := bufio.NewReader(c)
			if _, _, err := webtest.ReadHead(br); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello")
			_, err = io.Copy(c, br)
			ended <- err
			_ = c.Close()
		}
	}()
	c := s.Dial(t)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nearly"); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	head, _, err := webtest.ReadHead(br)
	if err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 Switching Protocols\r\n") || !strings.Contains(head, "Connection: upgrade\r\nUpgrade: echo\r\n") {
		t.Fatalf("head %q %v", head, err)
	}
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(br, got); err != nil || string(got) != want {
			t.Fatalf("got %.40q %v, want %.40q", got, err, want)
		}
	}
	expect("helloearly")
	big := strings.Repeat("0123456789", 100_000)
	go func() { _, _ = io.WriteString(c, big) }()
	expect(big)
	_ = c.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the back end does not see that the client has left")
	}

	// Silence ends it.
	idle := s.Dial(t)
	if _, err := io.WriteString(idle, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(idle); err != nil || !strings.HasSuffix(string(b), "hello") {
		t.Errorf("got %q %v", b, err)
	}
	if want := "upstream timed out (110: Connection timed out) while proxying upgraded connection"; !strings.Contains(s.Log(), want) {
		t.Errorf("the log does not say %q:\n%s", want, s.Log())
	}

	// Who does not ask for an upgrade gets none.
	if got := s.Raw(t, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); strings.Contains(got, "hello") {
		t.Errorf("got %q", got)
	}
}

func TestEarlyHints(t *testing.T) {
	s := webtest.Start(t, "events {}\nhttp {"+`
	server { listen 127.0.0.1:8080; early_hints $http_hints; location / { proxy_pass http://127.0.0.1:8081; proxy_hide_header X-No; } } }`, modules, nil)
	serveAt(t, s.Addr(t, "8081"), func(net.Conn, *http.Request) (string, bool) {
		return "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-No: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n" + ok, false
	})
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\nHTTP/1.1 200 OK\r\n"
	if got := s.Raw(t, "GET / HTTP/1.1\r\nHost: x\r\nHints: 1\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, hints) || !strings.HasSuffix(got, "ok") {
		t.Errorf("got %q", got)
	}
	for _, request := range []string{"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\nHints: 1\r\n\r\n"} {
		if got := s.Raw(t, request); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
			t.Errorf("%q: got %q", request, got)
		}
	}
}
