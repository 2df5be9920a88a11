package relay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/listen"
	"tandem/vserver/table"
)

// at is a time so many seconds after another.
func at(second int) time.Time { return time.Unix(1_000_000+int64(second), 0) }

// patience is how long is waited for what comes at once.
const patience = 10 * time.Second

// echo is a real server that says its name first and then sends back each line.
func echo(t *testing.T, name string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, name+"\n")
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// echoUDP sends datagrams back with a name in front.
func echoUDP(t *testing.T, name string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(append([]byte(name+" "), buf[:n]...), from)
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// free is an address where nobody listens.
func free(t *testing.T, protocol table.Protocol) netip.AddrPort {
	t.Helper()
	if protocol == table.UDP {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func dest(a netip.AddrPort, weight uint32) table.Destination {
	return table.Destination{Address: a, Weight: weight, Method: table.Masquerading}
}

// engine has one service, which is set anew with other destinations.
type engine struct {
	t *testing.T
	*Engine
	key table.Key
}

func start(t *testing.T, protocol table.Protocol, o Options) *engine {
	e := &engine{t, New(o), table.Key{Protocol: protocol, Address: free(t, protocol)}}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func (e *engine) set(destinations ...table.Destination) {
	e.t.Helper()
	if err := e.Set(table.Table{Services: []table.Service{{Key: e.key, Scheduler: "rr", Destinations: destinations}}}); err != nil {
		e.t.Fatal(err)
	}
}

// conn is a client.
type conn struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (e *engine) dial() *conn {
	e.t.Helper()
	network := "tcp"
	if e.key.Protocol == table.UDP {
		network = "udp"
	}
	c, err := net.Dial(network, e.key.Address.String())
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &conn{e.t, c, bufio.NewReaderSize(c, 64<<10)}
}

// refuses waits until a connection has been reset, as one is that nobody can serve.
func (e *engine) refuses() {
	e.t.Helper()
	c, err := net.Dial("tcp", e.key.Address.String())
	if err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		e.t.Errorf("%v, want that it has been reset", err)
	}
}

// line reads one.
func (c *conn) line() string {
	c.t.Helper()
	text, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSuffix(text, "\n")
}

func (c *conn) say(text string) *conn {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// packet reads a datagram.
func (c *conn) packet() string {
	c.t.Helper()
	b := make([]byte, 64<<10)
	n, err := c.Read(b)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b[:n])
}

// ends waits until the connection has been reset.
func (c *conn) ends() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.r); !errors.Is(err, syscall.ECONNRESET) {
		c.t.Errorf("%v, want that it has been reset", err)
	}
}

// await waits until the counters of destinations are as wanted.
func (e *engine) await(want string) {
	e.t.Helper()
	got := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		list, err := e.Stats()
		if err != nil || len(list) != 1 {
			e.t.Fatalf("%+v, %v", list, err)
		}
		got = ""
		for _, d := range list[0].Destinations {
			got += fmt.Sprintf("%d/%d/%d ", d.Active, d.Inactive, d.Connections)
		}
		if got = strings.TrimSpace(got); got == want {
			return
		}
	}
	e.t.Errorf("active, inactive and all connections %s, want %s", got, want)
}

// Connections go to real servers in turn. One without weight keeps what it has, and
// gets no more; the connections of one that is taken out are reset, and no others.
func TestTCP(t *testing.T) {
	e := start(t, table.TCP, Options{})
	a, b := echo(t, "a"), echo(t, "b")
	e.set(dest(a, 1), dest(b, 1))
	first := e.dial()
	got := first.line()
	second := e.dial()
	if got += second.line(); got != "ab" {
		t.Fatal(got)
	}
	e.await("1/0/1 1/0/1")
	e.set(dest(a, 0), dest(b, 1))
	if got := e.dial().line() + e.dial().line(); got != "bb" {
		t.Error(got)
	}
	if got := first.say("still here\n").line(); got != "still here" {
		t.Error(got)
	}
	e.set(dest(b, 1))
	first.ends()
	if got := second.say("not I\n").line(); got != "not I" {
		t.Error(got)
	}
	_ = second.Conn.Close()
	e.await("2/0/3")
	if list, _ := e.Stats(); list[0].InBytes == 0 || list[0].OutBytes == 0 || list[0].Connections != 4 {
		t.Errorf("%+v", list[0])
	}
	e.set()
	e.refuses()
}

// Who has no more to say is still answered.
func TestHalfClose(t *testing.T) {
	e := start(t, table.TCP, Options{})
	e.set(dest(echo(t, "a"), 1))
	c := e.dial()
	c.line()
	text := strings.Repeat("0123456789", 100_000)
	go func() {
		_, _ = io.WriteString(c.Conn, text)
		_ = c.Conn.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c.r)
	if err != nil || string(got) != text {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	e.await("0/0/1")
}

// A real server that refuses is not the client's trouble as long as there is
// another; that it could not be asked is no connection.
func TestRefused(t *testing.T) {
	e := start(t, table.TCP, Options{})
	dead := free(t, table.TCP)
	e.set(dest(dead, 1), dest(echo(t, "b"), 1))
	for range 4 {
		if got := e.dial().line(); got != "b" {
			t.Error(got)
		}
	}
	e.set(dest(dead, 1))
	e.refuses()
	e.await("0/0/5")
}

// Nothing is sent for too long.
func TestIdle(t *testing.T) {
	e := start(t, table.TCP, Options{TCP: 50 * time.Millisecond})
	e.set(dest(echo(t, "a"), 1))
	c := e.dial()
	c.line()
	if _, err := io.Copy(io.Discard, c.r); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	e.await("0/0/1")
}

func TestUDP(t *testing.T) {
	e := start(t, table.UDP, Options{})
	a, b := echoUDP(t, "a"), echoUDP(t, "b")
	e.set(dest(a, 1), dest(b, 1))
	first, second := e.dial(), e.dial()
	got := []string{first.say("1").packet(), first.say("2").packet(), second.say("3").packet(), first.say("4").packet()}
	if want := []string{"a 1", "a 2", "b 3", "a 4"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	e.await("0/1/1 0/1/1")
	big := strings.Repeat("x", 60_000)
	if got := first.say(big).packet(); got != "a "+big {
		t.Errorf("%d bytes", len(got))
	}
	// The next datagram goes to another when the one has been taken out.
	e.set(dest(b, 1))
	e.await("0/1/1")
	if got := first.say("5").packet(); got != "b 5" {
		t.Error(got)
	}
	e.await("0/2/2")
}

// A client that is silent for long enough is forgotten.
func TestUDPIdle(t *testing.T) {
	e := start(t, table.UDP, Options{UDP: 50 * time.Millisecond})
	e.set(dest(echoUDP(t, "a"), 1))
	if got := e.dial().say("1").packet(); got != "a 1" {
		t.Error(got)
	}
	e.await("0/0/1")
}

// With one-packet scheduling each datagram has its turn.
func TestOnePacket(t *testing.T) {
	e := start(t, table.UDP, Options{})
	s := table.Service{Key: e.key, Scheduler: "rr", Flags: table.OnePacket, Destinations: []table.Destination{dest(echoUDP(t, "a"), 1), dest(echoUDP(t, "b"), 1)}}
	if err := e.Set(table.Table{Services: []table.Service{s}}); err != nil {
		t.Fatal(err)
	}
	c := e.dial()
	got := ""
	for range 4 {
		got += c.say("x").packet()[:1]
	}
	if got != "abab" {
		t.Error(got)
	}
}

// What this engine cannot have is told, each with its virtual server, and all else
// is served; what differs from the kernel is told once.
func TestCannot(t *testing.T) {
	var told []string
	e := start(t, table.TCP, Options{Log: func(text string) { told = append(told, text) }})
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	service := func(k table.Key) table.Service {
		return table.Service{Key: k, Scheduler: "rr"}
	}
	direct := table.Service{Key: e.key, Scheduler: "lblcr", PersistenceEngine: "sip", Destinations: []table.Destination{{Address: echo(t, "a"), Weight: 1, Method: table.DirectRouting}}}
	all := table.Table{Services: []table.Service{
		service(table.Key{Mark: 3}), service(table.Key{Protocol: table.SCTP, Address: netip.MustParseAddrPort("127.0.0.1:9")}),
		service(table.Key{Protocol: table.TCP, Address: netip.MustParseAddrPort("127.0.0.1:0")}),
		service(table.Key{Protocol: table.TCP, Address: taken.Addr().(*net.TCPAddr).AddrPort()}), direct,
	}}
	for range 2 {
		err := e.Set(all)
		want := `cannot add virtual server -f 3: firewall marks need the kernel's IP Virtual Server
cannot add virtual server --sctp-service 127.0.0.1:9: SCTP needs the kernel's IP Virtual Server
cannot add virtual server -t 127.0.0.1:0: a service of all ports needs the kernel's IP Virtual Server
cannot add virtual server -t TAKEN: bind() to TAKEN failed (98: Address already in use)`
		if want = strings.ReplaceAll(want, "TAKEN", taken.Addr().String()); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if got := e.dial().line(); got != "a" {
		t.Error(got)
	}
	if len(told) != 3 {
		t.Errorf("%q", told)
	}
}

// A real server that is the virtual server itself, or leads back to it, is refused:
// a connection would make others without end.
func TestCircles(t *testing.T) {
	e := start(t, table.TCP, Options{})
	other := table.Key{Protocol: table.TCP, Address: free(t, table.TCP)}
	a := echo(t, "a")
	err := e.Set(table.Table{Services: []table.Service{
		{Key: e.key, Scheduler: "rr", Destinations: []table.Destination{dest(e.key.Address, 1), dest(other.Address, 1), dest(a, 1)}},
		{Key: other, Scheduler: "rr", Destinations: []table.Destination{dest(e.key.Address, 1), dest(a, 1)}},
	}})
	if err == nil || strings.Count(err.Error(), "it leads back to the virtual server") != 3 {
		t.Errorf("%v", err)
	}
	for range 3 {
		if got := e.dial().line(); got != "a" {
			t.Error(got)
		}
	}
	// One that leads to another virtual server and no further is fine.
	err = e.Set(table.Table{Services: []table.Service{
		{Key: e.key, Scheduler: "rr", Destinations: []table.Destination{dest(other.Address, 1)}}, {Key: other, Scheduler: "rr", Destinations: []table.Destination{dest(a, 1)}},
	}})
	if got := e.dial().line(); got != "a" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Who gives an address up resets its connections, and no others.
func TestCut(t *testing.T) {
	e := start(t, table.TCP, Options{})
	e.set(dest(echo(t, "a"), 1))
	c := e.dial()
	c.line()
	e.Cut([]netip.Addr{netip.MustParseAddr("127.0.0.9")})
	if got := c.say("here\n").line(); got != "here" {
		t.Error(got)
	}
	e.Cut([]netip.Addr{e.key.Address.Addr()})
	c.ends()
	if got := e.dial().line(); got != "a" {
		t.Error(got)
	}
}

// A virtual server at one address of a port comes before a socket of the process for
// all of them, as with the kernel's IPVS; at other addresses that one goes on.
func TestShare(t *testing.T) {
	for _, protocol := range []table.Protocol{table.TCP, table.UDP} {
		e := start(t, protocol, Options{})
		var own listen.Set
		defer own.Close()
		a := listen.Address{IP: netip.AddrPortFrom(netip.IPv4Unspecified(), e.key.Address.Port()), UDP: protocol == table.UDP}
		opened, err := own.Open([]listen.Port{{Addr: a}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		opened.Use(map[listen.Address]listen.Server{a: web{}})
		service := table.Table{Services: []table.Service{{Key: e.key, Scheduler: "rr", Destinations: []table.Destination{dest(echo(t, "a"), 1)}}}}
		if protocol == table.UDP {
			service.Services[0].Destinations[0] = dest(echoUDP(t, "a"), 1)
		}
		if err := e.Set(service); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%v", err)
		}
		e.options.Share = own.Share
		if err := e.Set(service); err != nil {
			t.Fatal(err)
		}
		ask := func() string {
			if protocol == table.UDP {
				return e.dial().say("x").packet()[:1]
			}
			return e.dial().line()
		}
		here := ask()
		if protocol == table.UDP {
			// An answer of web's would come from another address.
			if here != "a" {
				t.Errorf("UDP: %q", here)
			}
			continue
		}
		e.key.Address = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), e.key.Address.Port())
		if there := ask(); here != "a" || there != "w" {
			t.Errorf("%v: %q, elsewhere %q", protocol, here, there)
		}
	}
}

// A reload that brings in a socket for all addresses of the port may have it.
func TestShareLater(t *testing.T) {
	e := start(t, table.TCP, Options{})
	e.set(dest(echo(t, "a"), 1))
	var own listen.Set
	defer own.Close()
	all := listen.Port{Addr: listen.Address{IP: netip.AddrPortFrom(netip.IPv4Unspecified(), e.key.Address.Port())}}
	if o, err := own.Open([]listen.Port{all}, nil); err == nil {
		o.Close()
		t.Fatal("two sockets without a word")
	}
	all.Options.ReusePort = true
	opened, err := own.Open([]listen.Port{all}, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened.Use(map[listen.Address]listen.Server{all.Addr: web{}})
	for range 4 {
		if got := e.dial().line(); got != "a" {
			t.Error(got)
		}
	}
}

// web serves all addresses with a w.
type web struct{}

func (web) Failed(error) {}
func (web) Accept(c net.Conn) {
	_, _ = io.WriteString(c, "w\n")
	_ = c.Close()
}
func (web) Receive(c net.PacketConn, _ func() listen.Server) {
	buf := make([]byte, 100)
	for {
		if _, _, err := c.ReadFrom(buf); err != nil {
			return
		}
	}
}

// An address that is not this host's may be listened on before it comes.
func TestAbsent(t *testing.T) {
	e := New(Options{})
	defer e.Close()
	err := e.Set(table.Table{Services: []table.Service{{Key: table.Key{Protocol: table.TCP, Address: netip.MustParseAddrPort("192.0.2.77:8080")}, Scheduler: "rr"}}})
	if err != nil {
		t.Error(err)
	}
}

// A service that is gone leaves no socket, and its connections are reset.
func TestGone(t *testing.T) {
	e := start(t, table.TCP, Options{})
	e.set(dest(echo(t, "a"), 1))
	c := e.dial()
	c.line()
	if err := e.Set(table.Table{}); err != nil {
		t.Fatal(err)
	}
	c.ends()
	if _, err := net.Dial("tcp", e.key.Address.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}
