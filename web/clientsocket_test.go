package web_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/webtest"
)

// socketModules answer by path: /body reads the request body, /flood sends more
// than the kernel's buffers take, /close does not answer, and /nodelay tells
// what the socket is set to.
var socketModules = []*web.Module{{
	Name: "socket",
	Init: func(h *web.HTTP) error {
		h.Handle(web.Content, func(r *web.Request) web.Code {
			body := []byte("hello")
			switch path := string(r.Path); {
			case path == "/body":
				if code := r.ReadBody(); code != web.OK {
					return code
				}
			case path == "/flood":
				body = make([]byte, 32<<20)
			case path == "/close":
				return web.StatusClose
			case strings.HasSuffix(path, "/nodelay"):
				on, err := r.NoDelay()
				body = fmt.Append(nil, on, err)
			}
			r.DiscardBody()
			r.Response.Status, r.Response.ContentLength = 200, int64(len(body))
			if code := r.SendHeader(); code != web.OK {
				return code
			}
			return r.SendBody(web.Chunk{Data: body, Last: true})
		})
		return nil
	},
}, web.Shared(ssl.Module)}

// A client that lets a time pass gets its connection reset with
// reset_timedout_connection, and an orderly end without; one that sends no other
// request always gets the latter.
func TestResetTimedoutConnection(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "front.example")
	server := func(port int, reset string) string {
		return fmt.Sprintf(`server { listen 127.0.0.1:%d sndbuf=16k; listen 127.0.0.1:%d sndbuf=16k ssl; ssl_certificate front.crt; ssl_certificate_key front.key;
			reset_timedout_connection %s; client_header_timeout 200ms; client_body_timeout 200ms; send_timeout 200ms; keepalive_timeout 200ms; lingering_timeout 200ms; }`,
			port, port+1, reset)
	}
	s := webtest.Start(t, header+server(8080, "on")+server(8082, "off")+"}", socketModules, map[string]string{"front.crt": cert, "front.key": key})
	const get = " HTTP/1.1\r\nHost: x\r\n"
	for _, c := range []struct {
		name, request string
		resets        bool
	}{
		{"head", "GET / HTT", true},
		{"body", "POST /body" + get + "Content-Length: 10\r\n\r\nabc", true},
		{"discarded body", "POST /" + get + "Content-Length: 10\r\n\r\nabc", true},
		{"sending", "GET /flood" + get + "\r\n", true},
		{"444", "GET /close" + get + "\r\n", true},
		{"keepalive", "GET /" + get + "\r\n", false},
		{"nothing", "", false},
	} {
		for _, port := range []string{"8080", "8081", "8082", "8083"} {
			on, secure := port == "8080" || port == "8081", port == "8081" || port == "8083"
			t.Run(c.name+" "+map[bool]string{true: "on", false: "off"}[on]+map[bool]string{true: " ssl"}[secure], func(t *testing.T) {
				t.Parallel()
				raw, err := net.Dial("tcp4", s.Addr(t, port))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = raw.Close() }()
				_ = raw.(*net.TCPConn).SetReadBuffer(8 << 10)
				end := raw
				if secure {
					end = tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
				}
				if _, err := io.WriteString(end, strings.Replace(c.request, "/flood", "/flood?"+port, 1)); err != nil {
					t.Fatal(err)
				}
				if c.name == "sending" {
					awaitLog(t, s, "while sending response to client", "GET /flood?"+port)
				}
				// What TLS makes of the end does not matter here.
				_, err = io.Copy(io.Discard, raw)
				if reset := errors.Is(err, syscall.ECONNRESET); reset != (on && c.resets) || err != nil && !reset {
					t.Errorf("the end: %v", err)
				}
			})
		}
	}
}

// tcp_nodelay of the location that answers holds, whatever the one before said.
func TestTCPNodelay(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080;
		location /off/ { tcp_nodelay off; } location /on/ { } } }`, socketModules, nil)
	c := s.Dial(t)
	br := bufio.NewReader(c)
	for _, want := range []string{"on", "off", "off", "on", "off"} {
		if _, err := fmt.Fprintf(c, "GET /%s/nodelay HTTP/1.1\r\nHost: x\r\n\r\n", want); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if got := string(body); err != nil || got != fmt.Sprint(want == "on", error(nil)) {
			t.Errorf("tcp_nodelay %s: %s %v", want, got, err)
		}
	}
}

// awaitLog waits for a line in the error log that has all of the parts.
func awaitLog(t *testing.T, s *webtest.Server, parts ...string) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(s.Log()) {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
				return
			}
		}
	}
	t.Fatalf("no line with %q in the log:\n%s", parts, s.Log())
}
