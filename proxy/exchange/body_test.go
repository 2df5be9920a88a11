package exchange_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/webtest"
)

// A request body goes out as it comes in when request buffering is off, and
// only when it is complete otherwise.
func TestRequestBuffering(t *testing.T) {
	s := webtest.Start(t, "events {}\nhttp {"+`
	server { listen 127.0.0.1:8080; client_body_buffer_size 256;
		location / { proxy_pass http://127.0.0.1:8081; }
		location /stream { proxy_pass http://127.0.0.1:8081; proxy_request_buffering off; }
	} }`, modules, nil)
	l, err := net.Listen("tcp4", s.Addr(t, "8081"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	part := strings.Repeat("0123456789", 50)
	for _, chunked := range []bool{false, true} {
		for _, path := range []string{"/", "/stream"} {
			c := s.Dial(t)
			framing := "Content-Length: 1000\r\n\r\n" + part
			end := part
			if chunked {
				framing = "Transfer-Encoding: chunked\r\n\r\n1f4\r\n" + part + "\r\n"
				end = "1f4\r\n" + part + "\r\n0\r\n\r\n"
			}
			if _, err := io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: x\r\n"+framing); err != nil {
				t.Fatal(err)
			}
			if path == "/" {
				select {
				case <-accepted:
					t.Fatal("connected before the body was complete")
				case <-time.After(50 * time.Millisecond):
				}
				if _, err := io.WriteString(c, end); err != nil {
					t.Fatal(err)
				}
			}
			up := <-accepted
			_ = up.SetDeadline(time.Now().Add(10 * time.Second))
			br := bufio.NewReader(up)
			head, _, err := webtest.ReadHead(br)
			if err != nil {
				t.Fatal(err)
			}
			want := part
			if path == "/" {
				want += part
			}
			if chunked && path == "/stream" {
				want = "1f4\r\n" + part + "\r\n"
			}
			got := make([]byte, len(want))
			if _, err := io.ReadFull(br, got); err != nil || string(got) != want {
				t.Fatalf("%s chunked %v: got %d bytes of body, %v", path, chunked, len(got), err)
			}
			if streamed := strings.Contains(head, "Transfer-Encoding: chunked\r\n"); streamed != (chunked && path == "/stream") {
				t.Errorf("%s chunked %v: head %q", path, chunked, head)
			}
			if path == "/stream" {
				if _, err := io.WriteString(c, end); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(end))
				if _, err := io.ReadFull(br, got); err != nil || string(got) != end {
					t.Fatalf("the rest: %q %v", got, err)
				}
			}
			if _, err := io.WriteString(up, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"); err != nil {
				t.Fatal(err)
			}
			answer, err := readAnswer(c)
			if err != nil || !strings.HasSuffix(answer, "\r\n\r\ndone") {
				t.Errorf("answer %q %v", answer, err)
			}
			_ = up.Close()
			_ = c.Close()
		}
	}
}

// readAnswer reads a response with a Content-Length.
func readAnswer(c net.Conn) (string, error) {
	br := bufio.NewReader(c)
	head, length, err := webtest.ReadHead(br)
	if err != nil {
		return head, err
	}
	body := make([]byte, length)
	_, err = io.ReadFull(br, body)
	return head + string(body), err
}

// A back end may answer before it has read the whole request.
func TestEarlyAnswer(t *testing.T) {
	s := webtest.Start(t, "events {}\nhttp {"+`
	server { listen 127.0.0.1:8080; client_max_body_size 0; client_body_buffer_size 64m;
		location / { proxy_pass http://127.0.0.1:8081; }
		location /stream { proxy_pass http://127.0.0.1:8081; proxy_request_buffering off; }
	} }`, modules, nil)
	l, err := net.Listen("tcp4", s.Addr(t, "8081"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				if _, _, err := webtest.ReadHead(bufio.NewReaderSize(c, 16)); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 413 No\r\nContent-Length: 5\r\n\r\nlarge")
				time.AfterFunc(5*time.Second, func() { _ = c.Close() })
			}()
		}
	}()
	const size = 20 << 20
	for _, path := range []string{"/", "/stream"} {
		c := s.Dial(t)
		go func() {
			_, _ = io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: "+strconv.Itoa(size)+"\r\n\r\n")
			_, _ = c.Write(make([]byte, size))
		}()
		answer, err := readAnswer(c)
		if err != nil || !strings.HasPrefix(answer, "HTTP/1.1 413 No\r\n") || !strings.HasSuffix(answer, "large") {
			t.Errorf("%s: %q %v", path, answer, err)
		}
		_ = c.Close()
	}
}

// With buffering a back end is done with a response although the client does
// not take it; without, it has to wait.
func TestSlowClientOverTCP(t *testing.T) {
	const size = 32 << 20
	s := webtest.Start(t, "events {}\nhttp {"+`
	server { listen 127.0.0.1:8080;
		location / { proxy_pass http://127.0.0.1:8081; }
		location /memory { proxy_pass http://127.0.0.1:8081; proxy_max_temp_file_size 0; }
		location /chunked { proxy_pass http://127.0.0.1:8081; }
		location /unbuffered { proxy_pass http://127.0.0.1:8081; proxy_buffering off; }
	} }`, modules, nil)
	l, err := net.Listen("tcp4", s.Addr(t, "8081"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	sent := make(chan bool, 1)
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte('a' + i%26)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			head, _, err := webtest.ReadHead(bufio.NewReader(c))
			if err != nil {
				return
			}
			chunked := strings.Contains(head, "/chunked")
			framing := "Content-Length: " + strconv.Itoa(size)
			if chunked {
				framing = "Transfer-Encoding: chunked"
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+framing+"\r\n\r\n")
			for range size / len(block) {
				if chunked {
					_, _ = io.WriteString(c, strconv.FormatInt(int64(len(block)), 16)+"\r\n")
				}
				_, _ = c.Write(block)
				if chunked {
					_, _ = io.WriteString(c, "\r\n")
				}
			}
			if chunked {
				_, _ = io.WriteString(c, "0\r\n\r\n")
			}
			sent <- true
			_ = c.Close()
		}
	}()
	for path, buffered := range map[string]bool{"/": true, "/chunked": true, "/memory": false, "/unbuffered": false} {
		c := s.Dial(t)
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		done := false
		if buffered {
			select {
			case done = <-sent:
			case <-time.After(15 * time.Second):
				t.Errorf("%s: the back end waits for the client", path)
			}
		} else {
			select {
			case done = <-sent:
				t.Errorf("%s: the back end did not wait for the client", path)
			case <-time.After(300 * time.Millisecond):
			}
		}
		b, err := io.ReadAll(c)
		_, body, _ := strings.Cut(string(b), "\r\n\r\n")
		if err != nil || len(body) != size {
			t.Fatalf("%s: %d bytes, want %d; %v", path, len(body), size, err)
		}
		for i := 0; i < size; i += len(block) {
			if body[i:i+len(block)] != string(block) {
				t.Fatalf("%s: the body differs at %d", path, i)
			}
		}
		if !done {
			<-sent
		}
	}
	if entries, _ := os.ReadDir(s.Dir + "/proxy_temp"); len(entries) != 0 {
		t.Errorf("%d temporary files are left", len(entries))
	}
}

// The back end's connection is closed when the client leaves, unless told to
// ignore that; so it is when the client comes over TLS.
func TestClientLeavesOverTCP(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "front.example")
	s := webtest.Start(t, "events {}\nhttp {"+`
	server { listen 127.0.0.1:8080; listen 127.0.0.1:8082 ssl;
		ssl_certificate front.crt; ssl_certificate_key front.key;
		location / { proxy_pass http://127.0.0.1:8081; }
		location /ignore { proxy_pass http://127.0.0.1:8081; proxy_ignore_client_abort on; }
	} }`, append(slices.Clone(modules), web.Shared(ssl.Module)), map[string]string{"front.crt": cert, "front.key": key})
	l, err := net.Listen("tcp4", s.Addr(t, "8081"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	overTLS := func() net.Conn {
		c, err := net.Dial("tcp4", s.Addr(t, "8082"))
		if err != nil {
			t.Fatal(err)
		}
		return tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	for _, test := range []struct {
		path    string
		dial    func() net.Conn
		ignored bool
	}{
		{"/", func() net.Conn { return s.Dial(t) }, false},
		{"/ignore", func() net.Conn { return s.Dial(t) }, true},
		{"/?tls", overTLS, false},
		{"/ignore?tls", overTLS, true},
	} {
		c := test.dial()
		if _, err := io.WriteString(c, "GET "+test.path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		up, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(up)
		if _, _, err := webtest.ReadHead(br); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		wait := 10 * time.Second
		if test.ignored {
			wait = 200 * time.Millisecond
		}
		_ = up.SetReadDeadline(time.Now().Add(wait))
		_, err = br.ReadByte()
		if closed := err == io.EOF || strings.Contains(err.Error(), "reset"); closed == test.ignored {
			t.Errorf("%s: the back end's connection: %v", test.path, err)
		}
		_ = up.Close()
	}
	const want = "client prematurely closed connection, so upstream connection is closed too"
	if n := strings.Count(s.Log(), want); n != 2 {
		t.Errorf("the log says %q %d times, not twice:\n%s", want, n, s.Log())
	}
}
