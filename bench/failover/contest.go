package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/examples/pair"
	"tandem/internal/lab"
	"tandem/internal/lab/probe"
	"tandem/internal/scenario"
)

// contest is a pair of nodes by what runs on them.
type contest struct {
	key, name string
	programs  func() [2]scenario.Program
	classic   bool // needs nginx and keepalived
}

func contests() []contest {
	tandem := func() scenario.Program { return scenario.Tandem(scenario.Binary()) }
	return []contest{
		{key: tandemPair, name: "tandem pair", programs: func() [2]scenario.Program { return [2]scenario.Program{tandem(), tandem()} }},
		{key: mixedPair, name: "tandem with a keepalived peer", classic: true,
			programs: func() [2]scenario.Program { return [2]scenario.Program{tandem(), scenario.Classic()} }},
		{key: classicPair, name: "nginx + keepalived", classic: true,
			programs: func() [2]scenario.Program { return [2]scenario.Program{scenario.Classic(), scenario.Classic()} }},
	}
}

// possible says why the contest cannot be run here.
func (c contest) possible() error {
	if !c.classic {
		return nil
	}
	return scenario.CanRunClassic()
}

// stand is a pair at work, with a back end beside each node.
type stand struct {
	*scenario.Pair
	lab      *lab.Lab
	dir      string
	backends [2]*backend
	subject  int // index of the node that something happens to
	setup    setup
	stalls   *lab.Stalls
	restore  func() error // of a fault
}

// setup is what the nodes serve, and what is asked for on kept connections.
type setup int

const (
	pages     setup = iota // the example's page
	proxied                // nothing themselves: their only location is passed to a back end
	overHTTP2              // the page; on kept connections it is asked for with HTTP/2, at a port of its own
	withCalls              // the page; kept connections are of gRPC, which is passed to a back end
	overTCP                // the page; kept connections are relayed to a back end that sends back what comes
	overUDP                // the same with datagrams
	overBFD                // the page; the nodes watch each other by BFD, 50 ms three times
)

// newStand starts a pair and waits until node 1 is master. The client asks every so
// often.
func newStand(ctx context.Context, programs [2]scenario.Program, what setup, every time.Duration) (s *stand, err error) {
	s = &stand{stalls: lab.WatchStalls(), setup: what}
	if s.lab, err = lab.Open(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	// /run is the lab's own.
	if s.dir, err = os.MkdirTemp("/run", "failover-"); err != nil {
		return nil, err
	}
	if err = os.Chmod(s.dir, 0o755); err != nil {
		return nil, err
	}
	settings := scenario.Settings{VIP: pair.VIP, Interface: pair.Interface, Client: netip.MustParsePrefix("192.168.200.100/24"), Every: every, Dir: s.dir}
	for i, n := range pair.Nodes {
		settings.Nodes[i] = scenario.Config{
			Name: n.Dir, Title: n.Title, Address: n.Address, Program: programs[i],
			Write: func(prefix string) error { return write(n, prefix, what) },
		}
	}
	if s.Pair, err = scenario.NewPair(s.lab, settings); err != nil {
		return nil, err
	}
	for i, n := range s.Nodes {
		s.backends[i] = &backend{host: n.Host, page: n.Title}
		if err = s.backends[i].start(); err != nil {
			return nil, err
		}
		if what == overTCP || what == overUDP {
			if err = s.backends[i].echo(); err != nil {
				return nil, err
			}
		}
		if err = n.Start(); err != nil {
			return nil, err
		}
	}
	return s, s.normal(ctx)
}

// write writes a node's files. nginx finds a mime.types beside its
// configuration, as it does where it is installed.
func write(n pair.Node, prefix string, what setup) error {
	if err := n.Write(prefix); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(prefix, "conf", "mime.types"), []byte("types { text/html html htm; }\n"), 0o644); err != nil {
		return err
	}
	conf := filepath.Join(prefix, "conf", "nginx.conf")
	switch what {
	case overBFD:
		return watchByBFD(filepath.Join(prefix, "keepalived.conf"), n)
	case overTCP, overUDP:
		return relay(conf)
	case proxied:
		return edit(conf, "root   html;\n            index  index.html index.htm;", "proxy_pass http://"+backendAddress+";\n            proxy_read_timeout 10s;")
	case overHTTP2, withCalls:
		return edit(conf, "    server {\n", "    server {\n        listen "+http2Port+" http2;\n        keepalive_requests 1000000;\n        location "+callPath+" { grpc_pass grpc://"+backendAddress+"; }\n    }\n    server {\n")
	}
	return nil
}

// http2Port is where the nodes speak HTTP/2: nginx speaks nothing else at such a
// port, and the client HTTP/1. keepalive_requests is out of the way there: as with
// nginx, requests that cross the GOAWAY of that are not served, and for the client to
// repeat. callPath is what is passed on as gRPC.
const (
	http2Port = "81"
	callPath  = "/lab.Echo/"
)

// relayedPort is where the nodes relay what comes to echoAddress, over TCP and UDP.
const (
	relayedPort = "53"
	echoAddress = "127.0.0.1:8053"
)

// streamModule is what nginx has to load for stream {}, where Debian's is.
const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

// relay adds what relays to a configuration.
func relay(conf string) error {
	text, err := os.ReadFile(conf)
	if err != nil {
		return err
	}
	load := ""
	if _, err := os.Stat(streamModule); err == nil {
		load = "load_module " + streamModule + ";\n"
	}
	more := fmt.Sprintf("stream {\n    server { listen %s; proxy_pass %s; }\n    server { listen %[1]s udp; proxy_pass %[2]s; proxy_responses 1; proxy_timeout 2s; }\n}\n", relayedPort, echoAddress)
	return os.WriteFile(conf, []byte(load+string(text)+more), 0o644)
}

// edit replaces text in a file.
func edit(name, from, to string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), from) {
		return fmt.Errorf("%s has no %q", name, from)
	}
	return os.WriteFile(name, []byte(strings.ReplaceAll(string(text), from, to)), 0o644)
}

// normal waits until node 1 is the only master and serves.
func (s *stand) normal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s.Await(ctx, s.Nodes[0])
}

func (s *stand) close() {
	s.stalls.Close()
	if s.Pair != nil {
		s.Pair.Close()
	}
	for _, b := range s.backends {
		if b != nil {
			b.close()
		}
	}
	_ = s.lab.Close()
	_ = os.RemoveAll(s.dir)
}

// kept starts busy keep-alive connections to the VIP.
func (s *stand) kept() *probe.KeptClient {
	c := probe.KeptConfig{Dial: s.Client.DialContext, Address: net.JoinHostPort(s.VIP.String(), "80"), Pause: 2 * time.Millisecond}
	if s.setup == overHTTP2 || s.setup == withCalls {
		c.Address, c.Connections, c.Streams = net.JoinHostPort(s.VIP.String(), http2Port), 4, 8
	}
	switch s.setup {
	case overTCP, overUDP:
		c.Address = net.JoinHostPort(s.VIP.String(), relayedPort)
		if c.Echo = "tcp"; s.setup == overUDP {
			c.Echo = "udp"
		}
	}
	if s.setup == withCalls {
		c.Path, c.Messages = callPath, 10
	}
	return probe.StartKept(c)
}

// watchByBFD has a node watch the other one.
func watchByBFD(keepalived string, n pair.Node) error {
	other := pair.Nodes[0].Address.Addr()
	if other == n.Address.Addr() {
		other = pair.Nodes[1].Address.Addr()
	}
	instance := fmt.Sprintf("bfd_instance peer {\n    neighbor_ip %s\n    source_ip %s\n    min_rx 50\n    min_tx 50\n    multiplier 3\n}\n\n", other, n.Address.Addr())
	if err := edit(keepalived, "vrrp_instance ", instance+"vrrp_instance "); err != nil {
		return err
	}
	return edit(keepalived, "    advert_int 1\n", "    advert_int 1\n    @tandem bfd_takeover peer\n")
}
