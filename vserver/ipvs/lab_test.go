package ipvs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vserver/table"
)

func TestMain(m *testing.M) {
	lab.Main()
	os.Exit(m.Run())
}

// The networks of the lab: clients and the director on one, real servers on the other.
var (
	vip       = netip.MustParseAddr("192.168.200.100")
	vip6      = netip.MustParseAddr("2001:db8:200::100")
	clientNet = netip.MustParsePrefix("192.168.200.0/24")
	realNet   = netip.MustParsePrefix("198.51.100.0/24")
)

// network is a director with real servers behind it.
type network struct {
	t        *testing.T
	lab      *lab.Lab
	engine   *Engine
	director *lab.Host
	client   *lab.Host
	front    *lab.Switch
	frontOf  *lab.Port // the director's
	reals    []*lab.Host
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// open opens the kernel's IPVS at a host. Where there is none the test is skipped.
func open(t *testing.T, h *lab.Host) *Engine {
	t.Helper()
	var e *Engine
	err := h.Do(func() (err error) {
		e, err = Open()
		return err
	})
	if errors.Is(err, ErrAbsent) {
		t.Skipf("%v; internal/kernellab runs this test on a kernel that has it", err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
	return e
}

func in(p netip.Prefix, octet byte) netip.Prefix {
	a := p.Addr().As4()
	a[3] = octet
	return netip.PrefixFrom(netip.AddrFrom4(a), p.Bits())
}

// newNetwork makes a director with the VIP, a client, and real servers 198.51.100.1 and on, which echo
// their number over TCP at port 8080 of every address that they have.
func newNetwork(t *testing.T, reals int) *network {
	t.Helper()
	l := lab.New(t)
	n := &network{t: t, lab: l}
	var err error
	n.director, err = l.Host("director")
	must(t, err)
	n.engine = open(t, n.director)
	n.front, err = l.Switch()
	must(t, err)
	back, err := l.Switch()
	must(t, err)
	n.client, err = l.Host("client")
	must(t, err)
	_, err = n.front.Connect(n.client, "eth0", in(clientNet, 2), netip.MustParsePrefix("2001:db8:200::2/64"))
	must(t, err)
	n.frontOf, err = n.front.Connect(n.director, "eth0", in(clientNet, 1), netip.PrefixFrom(vip, 24), netip.PrefixFrom(vip6, 64))
	must(t, err)
	_, err = back.Connect(n.director, "eth1", in(realNet, 254), netip.MustParsePrefix("2001:db8:51::fe/64"))
	must(t, err, n.director.Sysctl("net/ipv4/ip_forward", "1"), n.director.Sysctl("net/ipv6/conf/all/forwarding", "1"))
	for i := range reals {
		h, err := l.Host(fmt.Sprint("real", i+1))
		must(t, err)
		_, err = back.Connect(h, "eth0", in(realNet, byte(i+1)), netip.PrefixFrom(realAddr6(i+1), 64))
		must(t, err)
		n.reals = append(n.reals, h)
		n.run(h, "ip route add default via 198.51.100.254", "ip -6 route add default via 2001:db8:51::fe")
		serve(t, h, fmt.Sprint(i+1))
	}
	return n
}

func realAddr6(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:51::%d", i)) }

// run runs command lines at a host.
func (n *network) run(h *lab.Host, lines ...string) {
	n.t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		lab.Needs(n.t, words[0])
		if out, err := h.Output(words[0], words[1:]...); err != nil {
			n.t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
}

// serve echoes each line after the name of the server, until the test ends.
func serve(t *testing.T, h *lab.Host, name string) {
	t.Helper()
	l, err := h.Listen("tcp", "[::]:8080")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					fmt.Fprintf(c, "%s %s\n", name, lines.Text())
				}
			}()
		}
	}()
}

// echoPackets does so with datagrams.
func echoPackets(t *testing.T, h *lab.Host, address, name string) {
	t.Helper()
	var p net.PacketConn
	must(t, h.Do(func() (err error) {
		p, err = net.ListenPacket("udp", address)
		return err
	}))
	t.Cleanup(func() { _ = p.Close() })
	go func() {
		data := make([]byte, 100)
		for {
			size, from, err := p.ReadFrom(data)
			if err != nil {
				return
			}
			_, _ = p.WriteTo(append([]byte(name+" "), data[:size]...), from)
		}
	}()
}

// patience is for one answer on an emulated machine.
const patience = 10 * time.Second

// dial connects from the client; "" and an error tell that nobody answers.
func (n *network) dial(address string) (net.Conn, error) {
	var c net.Conn
	err := n.client.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", address, patience)
		return err
	})
	if err == nil {
		n.t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// ask sends a line over a connection and returns who answered.
func ask(c net.Conn) (string, error) {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return "", err
	}
	line := make([]byte, 100)
	size, err := c.Read(line)
	who, said, _ := strings.Cut(strings.TrimSpace(string(line[:size])), " ")
	if err == nil && said != "hello" {
		err = fmt.Errorf("answer %q", line[:size])
	}
	return who, err
}

// who makes so many connections to the VIP and returns who answered how often, as "1:3 2:1".
func (n *network) who(address string, times int) string {
	n.t.Helper()
	count := map[string]int{}
	for range times {
		c, err := n.dial(address)
		must(n.t, err)
		name, err := ask(c)
		must(n.t, err, c.Close())
		count[name]++
	}
	var out []string
	for i := range n.reals {
		if c := count[fmt.Sprint(i+1)]; c > 0 {
			out = append(out, fmt.Sprintf("%d:%d", i+1, c))
		}
	}
	return strings.Join(out, " ")
}

func (n *network) set(s ...table.Service) {
	n.t.Helper()
	must(n.t, n.engine.Set(tableOf(s...)))
}

// service is one of TCP at the VIP with real servers of those weights by a method.
func service(method table.Method, port uint16, weights ...uint32) table.Service {
	s := table.Service{Key: table.Key{Protocol: table.TCP, Address: netip.AddrPortFrom(vip, port)}, Scheduler: "wrr"}
	for i, w := range weights {
		s.Destinations = append(s.Destinations, table.Destination{
			Address: netip.AddrPortFrom(in(realNet, byte(i+1)).Addr(), 8080), Method: method, Weight: w,
		})
	}
	return s
}
