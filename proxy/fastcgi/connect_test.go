package fastcgi_test

import (
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tandem/web/webtest"
)

// A unix socket that cannot be connected to, such as one with too many requests
// waiting, is a failure at once.
func TestUnixFailures(t *testing.T) {
	dir := t.TempDir()
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/dead"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	full, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(full) }()
	if err := unix.Bind(full, &unix.SockaddrUnix{Name: dir + "/full"}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(full, 0); err != nil {
		t.Fatal(err)
	}
	waiting, err := net.Dial("unix", dir+"/full")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = waiting.Close() }()
	s := webtest.Start(t, begin+`server { listen 127.0.0.1:8080;
		location /full { fastcgi_pass unix:`+dir+`/full; }
		location /dead { fastcgi_pass unix:`+dir+`/dead; }
		location /none { fastcgi_pass unix:`+dir+`/none; }
	} }`, modules, nil)
	for path, want := range map[string]string{
		"/full": "[error] %s (11: Resource temporarily unavailable)",
		"/dead": "[error] %s (111: Connection refused)",
		"/none": "[crit] %s (2: No such file or directory)",
	} {
		if a := s.Get(t, path); a.Status != 502 {
			t.Errorf("%s: got %q", path, a.Raw)
		}
		level, reason, _ := strings.Cut(want, " %s ")
		message := "connect() to unix:" + dir + path + " failed " + reason + " while connecting to upstream"
		for line := range strings.Lines(s.Log()) {
			if strings.Contains(line, message) && strings.Contains(line, level) {
				message = ""
			}
		}
		if message != "" {
			t.Errorf("%s: the log does not say %q at level %s:\n%s", path, message, level, s.Log())
		}
	}
}
