package listen_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tandem/internal/listen"
)

// server tells through a channel who has been served, and by which of several.
type server struct {
	name string
	told chan string
}

func (s server) Accept(c net.Conn) {
	s.told <- s.name
	_ = c.Close()
}

func (s server) Failed(err error) { s.told <- err.Error() }

func (s server) Receive(c net.PacketConn, current func() listen.Server) {
	var buf [100]byte
	for {
		n, _, err := c.ReadFrom(buf[:])
		if err != nil {
			s.told <- "closed"
			return
		}
		s.told <- current().(server).name + " " + string(buf[:n])
	}
}

// send sends something to an address.
func send(t *testing.T, network, to string) {
	t.Helper()
	c, err := net.Dial(network, to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if network == "udp" || network == "unixgram" {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
}

// A socket goes from one server to the next without being closed, whatever it
// takes, and one that nobody serves is closed.
func TestSockets(t *testing.T) {
	port := freePort(t)
	tcp := listen.Address{IP: port}
	udp := listen.Address{IP: port, UDP: true}
	path := filepath.Join(t.TempDir(), "s")
	unix := listen.Address{Unix: path}
	grams := listen.Address{Unix: path + ".d", UDP: true}
	var set listen.Set
	defer set.Close()
	told := make(chan string, 1)
	use := func(name string, addrs ...listen.Address) {
		t.Helper()
		var ports []listen.Port
		servers := make(map[listen.Address]listen.Server)
		for _, a := range addrs {
			ports = append(ports, listen.Port{Addr: a})
			servers[a] = server{name, told}
		}
		opened, err := set.Open(ports, nil)
		if err != nil {
			t.Fatal(err)
		}
		opened.Use(servers)
	}
	expect := func(want string) {
		t.Helper()
		if got := <-told; got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	for _, name := range []string{"first", "second"} {
		use(name, tcp, udp, unix, grams)
		send(t, "tcp", port.String())
		expect(name)
		send(t, "unix", path)
		expect(name)
		send(t, "udp", port.String())
		expect(name + " x")
		send(t, "unixgram", path+".d")
		expect(name + " x")
	}
	use("third", tcp, unix)
	expect("closed")
	expect("closed")
	if _, err := os.Lstat(path + ".d"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket of datagrams is still there: %v", err)
	}
	if got := set.Find(tcp); got.(server).name != "third" {
		t.Errorf("%v serves", got)
	}
	if got := set.Find(udp); got != nil {
		t.Errorf("%v serves", got)
	}
}

// An address that is in use is told with its name, for connections and for
// datagrams alike, and then nothing is open.
func TestInUse(t *testing.T) {
	for _, udp := range []bool{false, true} {
		addr := listen.Address{IP: freePort(t), UDP: udp}
		var first, second listen.Set
		opened, err := first.Open([]listen.Port{{Addr: addr}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = second.Open([]listen.Port{{Addr: addr}}, nil)
		if want := "bind() to " + addr.String() + " failed (98: Address already in use)"; !errors.Is(err, syscall.EADDRINUSE) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		opened.Close()
		if opened, err = second.Open([]listen.Port{{Addr: addr}}, nil); err != nil {
			t.Fatal(err)
		}
		opened.Close()
	}
}

func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}
