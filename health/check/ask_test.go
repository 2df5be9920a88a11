package check

import (
	"bufio"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/child"
	"tandem/internal/regex"
)

// serve accepts connections and has each served.
func serve(t *testing.T, l net.Listener, f func(net.Conn)) netip.AddrPort {
	t.Helper()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); f(c) }()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// closedPort is one where nobody listens.
func closedPort(t *testing.T) netip.AddrPort {
	l := listenTCP(t)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// patience is how long a step of a check may take where the server answers.
const patience = 10 * time.Second

// came is what asking came to, with a text of the log for the server RS.
func came(t *testing.T, m Method) string {
	t.Helper()
	a := m.ask(t.Context(), 0)
	if a.Unasked != "" {
		return "unasked: " + a.Unasked
	}
	if strings.Contains(a.Text, "%s") {
		a = a.about(&Spec{Name: "RS"})
	}
	return strings.TrimSpace(fmt.Sprintf("%v %s | %s", a.OK, a.Text, a.Reason))
}

func TestAskTCP(t *testing.T) {
	at := serve(t, listenTCP(t), func(net.Conn) {})
	for want, target := range map[string]Target{
		"true  |": {Addr: at, Timeout: patience},
		"false TCP connection to RS failed. | connecting: connection refused": {Addr: closedPort(t), Timeout: patience},
		"unasked: TCP socket bind failed (bind: cannot assign requested address). Rescheduling.": {
			Addr: at, Bind: netip.MustParseAddrPort("198.51.100.7:0"), Timeout: patience,
		},
		"unasked: TCP socket bind failed (setsockopt: no such device). Rescheduling.": {Addr: at, Device: "none0", Timeout: patience},
	} {
		if got := came(t, &TCP{target}); got != want {
			t.Errorf("%+v: %q, want %q", target, got, want)
		}
	}
}

// web answers requests for a path as the map says, and writes what it was asked.
func web(t *testing.T, l net.Listener, answers map[string]string, asked chan<- string) netip.AddrPort {
	return serve(t, l, func(c net.Conn) {
		r := bufio.NewReader(c)
		head := ""
		for !strings.HasSuffix(head, "\r\n\r\n") {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head += line
		}
		if asked != nil {
			asked <- head
		}
		answer := answers[strings.Fields(head)[1]]
		_, _ = io.WriteString(c, answer)
		if answer == "" {
			_, _ = io.Copy(io.Discard, c) // until the other side has had enough
		}
	})
}

const page = "HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nhello, world"

func compile(t *testing.T, text string) *regex.Regexp {
	t.Helper()
	re, err := regex.Compile(text, false)
	if err != nil {
		t.Fatal(err)
	}
	return re
}

func TestAskWeb(t *testing.T) {
	sum := md5.Sum([]byte("hello, world"))
	answers := map[string]string{
		"/": page, "/404": "HTTP/1.1 404 No\r\n\r\n", "/cut": "HTTP/1.0 200 OK\r\nContent-Le", "/more": page + "and more", "/nl": "HTTP/1.0 200 OK\nA: b\n\nhello",
		"/noise": "\x00\xff nothing of the sort\r\n\r\n",
	}
	at := web(t, listenTCP(t), answers, nil)
	for n, c := range []struct {
		url  URL
		want string
	}{
		{URL{Path: "/"}, "true HTTP status code success to RS url(/) |"},
		{URL{Path: "/nl"}, "true HTTP status code success to RS url(/nl) |"},
		{URL{Path: "/404"}, "false HTTP status code error to server RS. | GET /404: status 404"},
		{URL{Path: "/404", Status: []Status{{200, 200}, {400, 499}}}, "true HTTP status code success to RS url(/404) |"},
		{URL{Path: "/cut"}, "false Read, no data received from  server RS. | GET /cut: no data"},
		{URL{Path: "/noise"}, "false HTTP status code error to server RS. | GET /noise: status 0"},
		{URL{Path: "/", Digest: sum[:]}, "true MD5 digest success to RS url(/) |"},
		{URL{Path: "/more", Digest: sum[:]}, "true MD5 digest success to RS url(/more) |"},
		{URL{Path: "/", Digest: make([]byte, 16)}, fmt.Sprintf("false MD5 digest error to server RS. | GET /: digest %x", sum)},
		{URL{Path: "/", Regex: compile(t, "w.rld$")}, "true Regex match success to RS url(/) |"},
		{URL{Path: "/", Regex: compile(t, "x")}, "false Regex match failed server RS. | GET /: the body (12 bytes) and the regex"},
		{URL{Path: "/", Regex: compile(t, "x"), NoMatch: true}, "true Regex match success to RS url(/) |"},
		{URL{Path: "/", Regex: compile(t, "o"), Min: 5}, "true Regex match success to RS url(/) |"},
		{URL{Path: "/", Regex: compile(t, "world"), Min: 8}, "false Regex match failed server RS. | GET /: the body (12 bytes) and the regex"},
		{URL{Path: "/", Regex: compile(t, "world"), Max: 7}, "true Regex match success to RS url(/) |"},
		{URL{Path: "/", Regex: compile(t, "world"), Max: 6}, "false Regex match failed server RS. | GET /: the body (12 bytes) and the regex"},
	} {
		got := came(t, &Web{Target: Target{Addr: at, Timeout: patience}, URLs: []URL{c.url}})
		if got != c.want {
			t.Errorf("case %d: %q, want %q", n, got, c.want)
		}
	}
	if got, want := came(t, &Web{Target: Target{Addr: closedPort(t), Timeout: patience}, URLs: []URL{{Path: "/"}}}), "false Connection failed server RS. | GET /: connecting: connection refused"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := came(t, &Web{Target: Target{Addr: at, Timeout: 50 * time.Millisecond}, URLs: []URL{{Path: "/hangs"}}}), "false Timeout WEB read server RS. | GET /hangs: timed out"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := came(t, &Web{}), "true  |"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The request is keepalived's, to the byte.
func TestWebRequest(t *testing.T) {
	asked := make(chan string, 1)
	at := web(t, listenTCP(t), map[string]string{"/": page}, asked)
	for _, c := range []struct {
		web  Web
		want string
	}{
		{Web{}, "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: " + at.String() + "\r\n\r\n"},
		{Web{Version: HTTP10Close, Host: "a"}, "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: a\r\n\r\n"},
		{Web{Version: HTTP11, Host: "a", URLs: []URL{{Path: "/", Host: "b:1"}}}, "GET / HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: b:1\r\n\r\n"},
	} {
		c.web.Target = Target{Addr: at, Timeout: patience}
		if c.web.URLs == nil {
			c.web.URLs = []URL{{Path: "/"}}
		}
		if a := c.web.ask(t.Context(), 0); !a.OK {
			t.Fatalf("%+v", a)
		}
		if got := <-asked; got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	six := Web{Target: Target{Addr: netip.MustParseAddrPort("[2001:db8::1]:80")}}
	if got := string(six.request(&URL{Path: "/"})); !strings.Contains(got, "Host: [2001:db8::1]:80\r\n") {
		t.Errorf("%q", got)
	}
}

func TestAskTLS(t *testing.T) {
	made := httptest.NewTLSServer(nil) // has a certificate
	defer made.Close()
	cert := made.TLS.Certificates[0]
	names := make(chan string, 1)
	shown := make(chan int, 1)
	l := tls.NewListener(listenTCP(t), &tls.Config{ClientAuth: tls.RequestClientCert, VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
		shown <- len(raw)
		return nil
	}, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		names <- h.ServerName
		return &cert, nil
	}})
	at := web(t, l, map[string]string{"/": page}, nil)
	for _, name := range []string{"", "b.example"} {
		var own []tls.Certificate
		if name != "" {
			own = made.TLS.Certificates
		}
		got := came(t, &Web{Certificates: own, Target: Target{Addr: at, Timeout: patience}, TLS: true, ServerName: name, CloseNotify: true, URLs: []URL{{Path: "/"}}})
		if want := "true HTTP status code success to RS url(/) |"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := <-shown; got != len(own) {
			t.Errorf("%d certificates shown", got)
		}
		if got := <-names; got != name {
			t.Errorf("asked for %q, want %q", got, name)
		}
	}
	at = serve(t, listenTCP(t), func(c net.Conn) { _, _ = io.WriteString(c, "no TLS at all\n"); _, _ = io.Copy(io.Discard, c) })
	got := came(t, &Web{Target: Target{Addr: at, Timeout: patience}, TLS: true, URLs: []URL{{Path: "/"}}})
	if want := "false SSL handshake/communication error connecting to server RS. | GET /: TLS: "; !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAskSMTP(t *testing.T) {
	for _, c := range []struct {
		greeting, hello, want string
	}{
		{"220 a ESMTP", "250 a", "true  |"},
		{"220", "250", "true  |"},
		{"554 no", "250 a", "false SMTP_CHECK Bad greeting banner from server AT | reply 554, 220 is wanted"},
		{"220 a", "502 no", "false SMTP_CHECK Bad HELO response from server AT | reply 502, 250 is wanted"},
		{"2200 a", "250 a", "false SMTP_CHECK Bad greeting banner from server AT | reply 0, 220 is wanted"},
		{"", "", "false SMTP_CHECK Read failure from server AT | reading: EOF"},
		{strings.Repeat("x", 600), "", "false SMTP_CHECK Read failure from server AT | reading: bufio: buffer full"},
	} {
		got := make(chan string, 2)
		at := serve(t, listenTCP(t), func(conn net.Conn) {
			r := bufio.NewReader(conn)
			if c.greeting == "" {
				return
			}
			_, _ = io.WriteString(conn, c.greeting+"\r\n")
			for _, answer := range []string{c.hello, "221 bye"} {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				got <- line
				_, _ = io.WriteString(conn, answer+"\r\n")
			}
		})
		answer := came(t, &SMTP{Target: Target{Addr: at, Timeout: patience}, Hello: "me"})
		want := strings.ReplaceAll(c.want, "AT", fmt.Sprintf("[%s]:%d", at.Addr(), at.Port()))
		if answer != want {
			t.Errorf("%q %q: %q, want %q", c.greeting, c.hello, answer, want)
		}
		if strings.HasPrefix(c.want, "true") && (<-got != "HELO me\r\n" || <-got != "QUIT\r\n") {
			t.Error("it did not say HELO and QUIT")
		}
	}
}

// packets answers datagrams.
func packets(t *testing.T, answer func(b []byte) []byte) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if b := answer(buf[:n]); b != nil {
				_, _ = c.WriteTo(b, from)
			}
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestAskDNS(t *testing.T) {
	answer := func(code byte) func([]byte) []byte {
		return func(b []byte) []byte {
			if want := "\x01a\x07example\x00\x00\x01\x00\x01"; string(b[12:]) != want {
				return nil
			}
			b = append([]byte(nil), b...)
			b[2], b[3] = 0x81, 0x80|code
			return b
		}
	}
	for _, c := range []struct {
		answer func([]byte) []byte
		want   string
	}{
		{answer(0), "true  |"},
		{answer(2), "false DNS_CHECK (RS) read error occurred. (rcode = 2) | the answer has code 2"},
		{func(b []byte) []byte { return b }, "false DNS_CHECK (RS) read timeout from socket | no answer"}, // the question itself
		{func(b []byte) []byte { return []byte{1} }, "false DNS_CHECK (RS) read timeout from socket | no answer"},
	} {
		timeout := patience
		if strings.Contains(c.want, "timeout") {
			timeout = 50 * time.Millisecond
		}
		if got := came(t, &DNS{Target: Target{Addr: packets(t, c.answer), Timeout: timeout}, Name: "a.example.", Type: DNSTypes["A"]}); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if q := (&DNS{}).query(7); string(q) != "\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01" {
		t.Errorf("the question for the root: %q", q)
	}
}

func TestAskUDP(t *testing.T) {
	echo := packets(t, func(b []byte) []byte { return b })
	silent := packets(t, func([]byte) []byte { return nil })
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := c.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = c.Close()
	const short = 50 * time.Millisecond
	for n, c := range []struct {
		udp  UDP
		want string
	}{
		{UDP{Target: Target{Addr: silent, Timeout: short}}, "true  |"},
		{UDP{Target: Target{Addr: silent, Timeout: short}, RequireReply: true}, "false UDP connection to RS failed. | no answer"},
		{UDP{Target: Target{Addr: closed, Timeout: patience}}, "false UDP connection to RS failed. | connection refused"},
		{UDP{Target: Target{Addr: echo, Timeout: patience}, RequireReply: true}, "true  |"},
		{UDP{Target: Target{Addr: echo, Timeout: patience}, RequireReply: true, Payload: []byte("abc"), Reply: []byte("ab"), MaxReply: 3}, "true  |"},
		{UDP{Target: Target{Addr: echo, Timeout: patience}, RequireReply: true, Payload: []byte("abc"), Reply: []byte("aB"), MaxReply: 3}, "false UDP check to RS reply data mismatch. | the answer of 3 bytes is not the one that is wanted"},
		{UDP{Target: Target{Addr: echo, Timeout: patience}, RequireReply: true, Payload: []byte("abc"), Reply: []byte("aB"), Ignore: []byte{0, 0x20}, MaxReply: 3}, "true  |"},
		{UDP{Target: Target{Addr: echo, Timeout: patience}, RequireReply: true, Payload: []byte("abc"), Reply: []byte("abc"), MaxReply: 2}, "false UDP check to RS reply data mismatch. | the answer of 3 bytes is not the one that is wanted"},
		{UDP{Target: Target{Addr: echo, Timeout: patience}, RequireReply: true, Payload: []byte("abc"), Reply: []byte("abc"), MinReply: 4, MaxReply: 9}, "false UDP check to RS reply data mismatch. | the answer of 3 bytes is not the one that is wanted"},
	} {
		if got := came(t, &c.udp); got != c.want {
			t.Errorf("case %d: %q, want %q", n, got, c.want)
		}
	}
	if got := string(filler(32)); got != "keepalived check - keepalived ch" {
		t.Errorf("%q", got)
	}
}

func TestAskPing(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		p := &Ping{Target{Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 80), Timeout: patience}}
		e, err := p.open()
		if err != nil {
			t.Skipf("no socket for ICMP: %v", err)
		}
		_ = e.file.Close()
		if got := came(t, p); got != "true  |" {
			t.Errorf("%s: %q", addr, got)
		}
	}
}

// What is no reply to the request is none, whatever it looks like.
func FuzzReplies(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 0})
	f.Add([]byte{0x4f})
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx"))
	f.Add([]byte("220 x\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range []echo{{}, {six: true}, {raw: true}, {raw: true, six: true}} {
			if e.isReply(b, 1, 2) && len(b) < echoHeader {
				t.Errorf("%+v takes %q for a reply", e, b)
			}
		}
		if _, ok := answerTo(7, b); ok && len(b) < 12 {
			t.Errorf("%q answers a question", b)
		}
		r := newResponse(&URL{Digest: make([]byte, 16), Regex: mustNot})
		if text, err := r.read(strings.NewReader(string(b)), func() {}); err == nil {
			_, _ = r.judge()
		} else if text == "" {
			t.Errorf("%q: no words for %v", b, err)
		}
		if r.size > int64(len(b)) {
			t.Errorf("%q has a body of %d bytes", b, r.size)
		}
		_, _ = reply(bufio.NewReaderSize(strings.NewReader(string(b)), maxReply))
	})
}

var mustNot, _ = regex.Compile("a+b", false)

func TestAskMisc(t *testing.T) {
	sh := func(script string) *child.Command { return &child.Command{Args: []string{"/bin/sh", "-c", script}} }
	for _, c := range []struct {
		misc Misc
		ok   bool
		want string // of the exit and the reason
	}{
		{Misc{Command: sh("exit 0")}, true, ""},
		{Misc{Command: sh("exit 5")}, false, "exited with status 5; exit status 5"},
		{Misc{Command: sh("exit 5"), Dynamic: true}, true, ""},
		{Misc{Command: sh("exit 1"), Dynamic: true}, false, "exited with status 1; exit status 1"},
		{Misc{Command: sh("kill -9 $$"), Dynamic: true}, false, "due to signal 9; killed by signal SIGKILL"},
		{Misc{Command: &child.Command{Args: []string{"/nonexistent"}}}, false, "cannot be executed: no such file or directory; cannot be executed: no such file or directory"},
		{Misc{Unusable: "it is writable by all"}, false, "it is writable by all; it is writable by all"},
	} {
		c.misc.Timeout = patience
		a := c.misc.ask(t.Context(), 0)
		got := ""
		if a.exit != nil {
			got = a.exit.how + "; " + a.Reason
		}
		if a.OK != c.ok || got != c.want {
			t.Errorf("%v: %v %q, want %v %q", c.misc.Command, a.OK, got, c.ok, c.want)
		}
	}
	// One that takes too long is ended, with what it has started.
	file := filepath.Join(t.TempDir(), "pid")
	slow := Misc{Command: sh("echo > " + file + "; sleep 100"), Timeout: 200 * time.Millisecond}
	if a := slow.ask(t.Context(), 0); a.OK || a.exit == nil || !a.exit.late || a.Reason != "timed out after 200ms" {
		t.Errorf("%+v", a)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// An exit status is a weight, two less, beside the one that is configured.
func TestDynamicWeight(t *testing.T) {
	m := &Misc{Dynamic: true, Weight: 10}
	s, spec := newState(&Spec{Retry: 0}), &Spec{Name: "RS"}
	for _, c := range []struct {
		status, weight int
		ok             bool
	}{{0, 0, true}, {7, -5, true}, {255, 243, true}, {0, 0, true}, {2, -10, true}, {1, 0, false}, {22, 10, true}} {
		f, _ := m.take(&s, spec, Answer{OK: c.ok, Status: c.status})
		if s.weight != c.weight || s.up != c.ok {
			t.Errorf("status %d: weight %d, up %v: %+v", c.status, s.weight, s.up, f)
		}
	}
}

// Who ends the engine does not wait for what a check waits for.
func TestClose(t *testing.T) {
	at := serve(t, listenTCP(t), func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	asked := make(chan struct{}, 10)
	e := NewEngine()
	for _, m := range []Method{
		&Web{Target: Target{Addr: at, Timeout: time.Hour}, URLs: []URL{{Path: "/"}}},
		&SMTP{Target: Target{Addr: at, Timeout: time.Hour}},
		&Misc{Command: &child.Command{Args: []string{"sleep", "100"}}, Timeout: time.Hour},
		&UDP{Target: Target{Addr: packets(t, func([]byte) []byte { asked <- struct{}{}; return nil }), Timeout: time.Hour}},
	} {
		e.Add(&Spec{Name: "RS", Method: m, DelayLoop: time.Hour}, nil, func(f Finding) { t.Errorf("%+v", f) })
	}
	<-asked
	e.Close()
}
