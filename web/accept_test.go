package web_test

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/session"
	"tandem/web"
)

// lines is a log that tells its lines through a channel.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default: // nobody reads any more
	}
	return len(p), nil
}

// listening returns a configuration that listens on addr, and its log.
func listening(addr netip.AddrPort) (*web.HTTP, lines) {
	log := make(lines, 16)
	h := &web.HTTP{Realm: session.Realm{Log: errorlog.New(errorlog.Target{Level: errorlog.Alert, To: io.Writer(log)})}}
	h.Ports = []*web.Port{{Port: listen.Port{Addr: listen.Address{IP: addr}}}}
	return h, log
}

// An accept that fails is told to the log of the configuration in force, not to
// that of the one that the socket was opened for.
func TestAcceptFails(t *testing.T) {
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().(*net.TCPAddr).AddrPort()
	_ = free.Close()
	first, before := listening(addr)
	set := new(listen.Set)
	defer set.Close()
	use := func(h *web.HTTP) *web.Generation {
		opened, err := set.Open(h.Listening(), nil)
		if err != nil {
			t.Fatal(err)
		}
		g := web.NewGeneration(h, new(web.Stats))
		opened.Use(g.Servers())
		return g
	}
	g1 := use(first)
	defer g1.Abort()
	client, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(client)
	// Without free descriptors nothing can be accepted.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	defer set.Close() // before something can be accepted that nobody serves
	if err := syscall.Connect(client, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	told := func(l lines) {
		t.Helper()
		select {
		case text := <-l:
			if !strings.Contains(text, "accept() failed") {
				t.Errorf("%q", text)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is told of accept")
		}
	}
	told(before)
	second, after := listening(addr)
	g2 := use(second)
	defer g2.Abort()
	told(after)
}
