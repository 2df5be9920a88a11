package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/stream/streamtest"
)

// talk is a conversation as a script: each line is who says what, C the client, S the
// server. What is said is checked where it arrives.
type talk struct {
	name, script string
}

// talks are the beginnings of conversations in which both sides may speak first, in
// which a few bytes or thousands are said at once, and in which nobody speaks for a
// while.
var talks = []talk{
	{"MQTT", "C \x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04edge\nS \x20\x02\x00\x00\nC \x82\x06\x00\x01\x00\x01#\x00\nS \x90\x03\x00\x01\x00\nS \x30\x08\x00\x03a/b1234\nC \xc0\x00\nS \xd0\x00\nC \xe0\x00"},
	{"PostgreSQL", "C \x00\x00\x00\x08\x04\xd2\x16\x2f\nS N\nC \x00\x00\x00\x11\x00\x03\x00\x00user\x00me\x00\x00\nS R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I\nC Q\x00\x00\x00\x0eselect 1;\x00\nS T" + strings.Repeat("row of a result ", 4000) + "\nC X\x00\x00\x00\x04"},
	{"SSH", "S SSH-2.0-server\r\nC SSH-2.0-client\r\nC \x00\x00\x01\x14\x04" + strings.Repeat("k", 275) + "\nS \x00\x00\x01\x14\x04" + strings.Repeat("K", 275) + "\nC \x00\x00\x00\x2c\x06\x1e" + strings.Repeat("e", 42) + "\nS \x00\x00\x00\x0c\x0a\x15\x00\x00"},
	{"SMTP", "S 220 ready\r\nC EHLO me\r\nS 250-hello\r\n250 PIPELINING\r\nC MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nS 250 ok\r\n250 ok\r\n354 go on\r\nC " + strings.Repeat("a line of a letter\r\n", 3000) + ".\r\nS 250 kept\r\nC QUIT\r\nS 221 bye\r\n"},
}

// lines are the lines of a script; a line feed before C or S and a space ends one.
func (k talk) lines() (list []string) {
	for _, line := range strings.Split(k.script, "\n") {
		if strings.HasPrefix(line, "C ") || strings.HasPrefix(line, "S ") {
			list = append(list, line)
		} else {
			list[len(list)-1] += "\n" + line
		}
	}
	return list
}

// play says what one side says, and wants what the other one says.
func (k talk) play(c net.Conn, side byte, pause func()) error {
	r := bufio.NewReader(c)
	for i, line := range k.lines() {
		text := line[2:]
		if line[0] == side {
			pause()
			if _, err := io.WriteString(c, text); err != nil {
				return fmt.Errorf("%s, line %d: %w", k.name, i, err)
			}
			continue
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != text {
			return fmt.Errorf("%s, line %d: %.40q, %w", k.name, i, got, err)
		}
	}
	return nil
}

// Conversations in many protocols go on while the configuration is read again and
// again, each to its end; datagrams are answered all the while.
func TestTalksWhileReloading(t *testing.T) {
	var text strings.Builder
	for i := range talks {
		fmt.Fprintf(&text, "server { listen 127.0.0.1:80%d; proxy_pass 127.0.0.1:80%d; }\n", 10+i, 20+i)
	}
	text.WriteString("server { listen 127.0.0.1:8030 udp; proxy_pass 127.0.0.1:8031; proxy_responses 1; }\n")
	s := streamtest.Start(t, text.String(), modules...)
	s.Echo(t, "8031")
	failed := make(chan error, 1000)
	for i, k := range talks {
		s.Listen(t, fmt.Sprint("80", 20+i), func(c net.Conn) {
			if err := k.play(c, 'S', func() {}); err != nil {
				failed <- err
			}
			_, _ = io.Copy(io.Discard, c)
		})
	}
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		for i, k := range talks {
			conn := s.Dial(t, "tcp", fmt.Sprint("80", 10+i))
			clients.Go(func() {
				defer conn.Close()
				if err := k.play(conn, 'C', func() { time.Sleep(10 * time.Millisecond) }); err != nil {
					failed <- err
				}
			})
		}
		query := s.Dial(t, "udp", "8030")
		clients.Go(func() {
			b := make([]byte, 100)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				want := fmt.Sprint("\x12\x34\x01\x00 query ", i)
				if _, err := io.WriteString(query, want); err != nil {
					failed <- err
					return
				}
				if n, err := query.Read(b); err != nil || string(b[:n]) != want {
					failed <- fmt.Errorf("%q, %w", b[:n], errors.Join(err))
					return
				}
			}
		})
	}
	for range 20 {
		s.Use(t, text.String(), modules...)
		time.Sleep(2 * time.Millisecond)
	}
	close(stop)
	clients.Wait()
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
}

// Back ends that refuse, reset, say something and reset, or never read, end sessions
// and nothing else; each is told in the log.
func TestBadBackends(t *testing.T) {
	s := streamtest.Start(t, `log_format f "$server_port $status $bytes_sent"; access_log a.log f;
		server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1:8090; }
		server { listen 127.0.0.1:8081; proxy_pass 127.0.0.1:8091; }
		server { listen 127.0.0.1:8082; proxy_pass 127.0.0.1:8092; }
		server { listen 127.0.0.1:8083; proxy_pass 127.0.0.1:8093; proxy_timeout 200ms; }
		server { listen 127.0.0.1:8084 udp; proxy_pass 127.0.0.1:8090; proxy_responses 1; proxy_timeout 10s; }`, modules...)
	reset := func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }
	s.Listen(t, "8091", reset)
	s.Listen(t, "8092", func(c net.Conn) {
		_, _ = io.WriteString(c, "so far")
		_, _ = c.Read(make([]byte, 1))
		reset(c)
	})
	never := make(chan struct{})
	defer close(never)
	s.Listen(t, "8093", func(net.Conn) { <-never })

	if got := s.Get(t, "8080", ""); got != "" {
		t.Errorf("%q", got)
	}
	s.AwaitLog(t, "connect() failed (111: Connection refused) while connecting to upstream")
	if b, _ := io.ReadAll(s.Dial(t, "tcp", "8081")); len(b) > 0 {
		t.Errorf("%q", b)
	}
	c := s.Dial(t, "tcp", "8082")
	echoed := make([]byte, 6)
	if _, err := io.ReadFull(c, echoed); err != nil || string(echoed) != "so far" {
		t.Errorf("%q, %v", echoed, err)
	}
	_, _ = io.WriteString(c, "x")
	if b, _ := io.ReadAll(c); len(b) > 0 {
		t.Errorf("%q", b)
	}
	// Who is never read is kept waiting, and ended by the time-out.
	c = s.Dial(t, "tcp", "8083")
	began := time.Now()
	for {
		if _, err := c.Write(make([]byte, 1<<20)); err != nil {
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal("it is taken without an end")
		}
	}
	s.AwaitLog(t, "connection timed out (110: Connection timed out) while proxying connection")
	// A datagram that cannot be delivered fails the session, as in nginx.
	u := s.Dial(t, "udp", "8084")
	if _, err := io.WriteString(u, "x"); err != nil {
		t.Fatal(err)
	}
	s.AwaitLog(t, "(111: Connection refused) while proxying connection, udp client: 127.0.0.1")
	for end := time.Now().Add(time.Minute); s.Gen.Sessions() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d sessions are left", s.Gen.Sessions())
		}
	}
}
