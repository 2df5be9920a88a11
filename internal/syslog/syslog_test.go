package syslog

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/internal/errorlog"
)

func TestParse(t *testing.T) {
	for _, test := range []struct{ text, want, fails string }{
		{text: "server=127.0.0.1", want: "127.0.0.1 23 6 nginx false"},
		{text: "server=unix:/dev/log,facility=kern,severity=emerg,tag=a_1,nohostname", want: "unix:/dev/log 0 0 a_1 true"},
		{text: "severity=debug,facility=local0,server=[::1]:5514", want: "[::1]:5514 16 7 nginx false"},
		{text: "", fails: `unknown syslog parameter ""`},
		{text: "facility=user", fails: "no syslog server specified"},
		{text: "server=a,server=b", fails: `duplicate syslog "server"`},
		{text: "server=a,facility=b", fails: `unknown syslog facility "b"`},
		{text: "server=a,facility=user,facility=user", fails: `duplicate syslog "facility"`},
		{text: "server=a,severity=err", fails: `unknown syslog severity "err"`},
		{text: "server=a,tag=a-b", fails: `syslog "tag" only allows alphanumeric characters and underscore`},
		{text: "server=a,tag=" + strings.Repeat("t", 33), fails: "syslog tag length exceeds 32"},
		{text: "server=a,tags=b", fails: `unknown syslog parameter "tags=b"`},
		{text: "server=a,nohostname=1", fails: `unknown syslog parameter "nohostname=1"`},
	} {
		o, err := Parse(test.text)
		if test.fails != "" {
			if err == nil || err.Error() != test.fails {
				t.Errorf("%q: %v, want %s", test.text, err, test.fails)
			}
			continue
		}
		got := strings.Join([]string{o.Server, itoa(o.Facility), itoa(o.Severity), o.Tag, map[bool]string{true: "true", false: "false"}[o.NoHostname]}, " ")
		if err != nil || got != test.want {
			t.Errorf("%q: %s %v, want %s", test.text, got, err, test.want)
		}
	}
	for server, want := range map[string]string{
		"127.0.0.1":      "127.0.0.1:514",
		"127.0.0.1:5514": "127.0.0.1:5514",
		"[::1]":          "[::1]:514",
		"unix:/dev/log":  "/dev/log",
		"127.0.0.1:x":    `invalid port in syslog server "127.0.0.1:x"`,
		"unix:":          `no path in the unix domain socket in syslog server "unix:"`,
		":514":           `no host in syslog server ":514"`,
	} {
		o := Options{Server: server}
		addr, err := o.address()
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = addr.String()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", server, got, want)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func TestMessage(t *testing.T) {
	s := &Server{options: Options{Facility: 23, Tag: "nginx", NoHostname: true}}
	now := time.Date(2026, 3, 7, 1, 2, 3, 0, time.UTC)
	if got, want := string(s.appendMessage(nil, now, 6, []byte("a line\n"))), "<190>Mar  7 01:02:03 nginx: a line"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.options.NoHostname = false
	if got, want := string(s.appendMessage(nil, now, 0, nil)), "<184>Mar  7 01:02:03 "+hostname()+" nginx: "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestServerThatComesAndGoes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	var mu sync.Mutex
	var reports []string
	s, err := Open(Options{Server: "unix:" + name, Facility: 1, Severity: 5, Tag: "t", NoHostname: true}, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, err.Error())
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, _ = s.Write([]byte("nobody hears this\n"))
	_, _ = s.Write([]byte("nor this\n"))
	if want := "connect() failed (2: No such file or directory) while logging to syslog, server: unix:" + name; len(reports) != 1 || reports[0] != want {
		t.Errorf("reports %q, want one %q", reports, want)
	}
	for range 2 {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write([]byte("hello\n"))
		s.WriteLevel(errorlog.Alert, []byte("trouble\n"))
		buf := make([]byte, 200)
		for _, want := range []string{"<13> t: hello", "<9> t: trouble"} {
			_ = l.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, err := l.Read(buf)
			got := string(buf[:n])
			if i, j := strings.Index(got, ">"), strings.Index(got, " t: "); err != nil || got[:i+1]+got[j:] != want {
				t.Errorf("received %q %v, want %q", got, err, want)
			}
		}
		// Nobody reads: sending must not wait.
		for range 1000 {
			_, _ = s.Write([]byte("a line that nobody reads\n"))
		}
		_ = l.Close()
		_ = os.Remove(name)
		_, _ = s.Write([]byte("the line that is lost\n"))
	}
}

func BenchmarkSend(b *testing.B) {
	l, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	s, err := Open(Options{Server: l.LocalAddr().String(), Tag: "t"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	line := []byte(strings.Repeat("x", 200))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Write(line)
	}
}
