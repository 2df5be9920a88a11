package vserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/vserver/table"
)

// patience is how long is waited for what comes at once.
const patience = 10 * time.Second

// backend is a server that can be switched off and on.
type backend struct {
	t    *testing.T
	l    net.Listener
	addr string
}

func newBackend(t *testing.T) *backend {
	b := &backend{t: t, addr: "127.0.0.1:0"}
	b.on()
	b.addr = b.l.Addr().String()
	t.Cleanup(func() { _ = b.l.Close() })
	return b
}

func (b *backend) on() {
	b.t.Helper()
	var err error
	if b.l, err = net.Listen("tcp4", b.addr); err != nil {
		b.t.Fatal(err)
	}
	go func(l net.Listener) {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}(b.l)
}

func (b *backend) off() { _ = b.l.Close() }

// words are the address and the port, as keepalived.conf has them.
func (b *backend) words() string { return strings.Replace(b.addr, ":", " ", 1) }

// pool is a Pool with an engine that is none.
type pool struct {
	t *testing.T
	*Pool
	fake table.Fake

	mu   sync.Mutex
	told []string
}

// read returns what a keepalived.conf comes to.
func read(t *testing.T, file string) Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(name, []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	k, reports := keepalivedconf.Read(name, keepalivedconf.Options{Text: text.Options{ConfigID: "tandem"}})
	for _, r := range reports {
		if r.Kind.Matters() {
			t.Errorf("%v", r)
		}
	}
	return FromKeepalived(k)
}

func startPool(t *testing.T, text string, held func() (func(netip.Addr) bool, error)) *pool {
	p := &pool{t: t}
	engines := &Engines{OpenKernel: func() (table.Engine, error) { return &p.fake, nil }}
	c := read(t, text)
	engines.Choose(c.Servers)
	p.Pool = Start(c, Surroundings{
		Engines: engines, Held: held, Log: func(text string) { p.tell(text) }, Tell: func(e Event) { p.tell(e.String()) },
	})
	return p
}

func (p *pool) tell(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, text)
}

// await waits for the table.
func (p *pool) await(want string) {
	p.t.Helper()
	got := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got = p.fake.String(); got == want {
			return
		}
	}
	p.t.Fatalf("the table is\n%swant\n%s", got, want)
}

// awaitTold waits until something has been told.
func (p *pool) awaitTold(want string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		p.mu.Lock()
		all := strings.Join(p.told, "\n")
		p.mu.Unlock()
		if strings.Contains(all+"\n", want+"\n") {
			return
		}
	}
	p.t.Fatalf("not told: %s; but\n%s", want, strings.Join(p.told, "\n"))
}

const checked1 = " {\nTCP_CHECK {\nconnect_timeout 5\nretry 0\n}\n}\n"

// A file's virtual server, from its start over failures and a reload to its end.
func TestPool(t *testing.T) {
	a, b, sorry := newBackend(t), newBackend(t), newBackend(t)
	text := "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlvs_sched rr\nlvs_method NAT\ndelay_loop 0.05\nwarmup 0\nalpha\n" +
		"sorry_server " + sorry.words() + "\nreal_server " + a.words() + checked1
	p := startPool(t, text+"real_server "+b.words()+checked1+"}\n", nil)
	service := "-A -t 192.0.2.1:80 -s rr\n"
	rule := func(b *backend) string { return "-a -t 192.0.2.1:80 -r " + b.addr + " -m -w 1\n" }
	both := func(a, b *backend) string {
		if netip.MustParseAddrPort(a.addr).Compare(netip.MustParseAddrPort(b.addr)) < 0 {
			return service + rule(a) + rule(b)
		}
		return service + rule(b) + rule(a)
	}
	p.await(both(a, b))
	a.off()
	p.await(service + rule(b))
	b.off()
	p.await(service + rule(sorry))
	r := p.Report()
	if len(r) != 1 || r[0].Quorum || !r[0].SorryServer || r[0].RealServers[0].Up || !r[0].RealServers[2].In || r[0].Engine != "kernel" ||
		r[0].RealServers[0].Checks[0].Reason != "connecting: connection refused" || r[0].RealServers[0].Since.IsZero() {
		t.Errorf("%+v", r)
	}
	if quorum, ok := p.Serves("[192.0.2.1]:tcp:80"); quorum || !ok {
		t.Errorf("quorum %v, there %v", quorum, ok)
	}
	b.on()
	p.await(service + rule(b))
	p.Reload(read(t, text+"}\n"))
	p.await(service + rule(sorry))
	a.on()
	p.await(service + rule(a))
	p.Stop()
	if got := p.fake.String(); got != "" {
		t.Errorf("left:\n%s", got)
	}
	p.awaitTold("notify RS [127.0.0.1]:tcp:" + a.addr[len("127.0.0.1:"):] + " [192.0.2.1]:tcp:80 UP")
}

// A rule that is refused is told once, and tried again; the others are in.
func TestRefusedRule(t *testing.T) {
	p := &pool{t: t}
	p.fake.Fail = func(line string) error {
		if strings.Contains(line, "10.0.0.1:") {
			return errors.New("no such thing")
		}
		return nil
	}
	engines := &Engines{OpenKernel: func() (table.Engine, error) { return &p.fake, nil }}
	c := read(t, "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlvs_sched rr\nlvs_method NAT\nreal_server 10.0.0.1 80 {\n}\nreal_server 10.0.0.2 80 {\n}\n}\n")
	engines.Choose(c.Servers)
	p.Pool = Start(c, Surroundings{Engines: engines, Log: func(text string) { p.tell(text) }, Tell: func(e Event) {}})
	defer p.Stop()
	p.await("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 1\n")
	p.awaitTold("cannot add virtual server -t 192.0.2.1:80 real server 10.0.0.1:80: no such thing")
	if len(p.told) != 1 {
		t.Errorf("%q", p.told)
	}
}

// Which engine serves what, and why.
func TestEngines(t *testing.T) {
	file := ""
	for port, engine := range []string{"user", "auto", "kernel"} {
		file += fmt.Sprintf("virtual_server 192.0.2.1 %d {\nprotocol TCP\nlvs_sched rr\nlvs_method NAT\n@tandem virtual_server_engine %s\nreal_server 10.0.0.1 80 {\n}\n}\n", 80+port, engine)
	}
	c := read(t, file)
	var user, kernel table.Fake
	for _, missing := range []error{nil, errors.New("no ip_vs")} {
		e := &Engines{
			OpenKernel: func() (table.Engine, error) {
				if missing != nil {
					return nil, missing
				}
				return &kernel, nil
			},
			OpenUser: func() (table.Engine, error) { return &user, nil },
		}
		got := strings.Join(e.Choose(c.Servers), "\n")
		want := `virtual server [192.0.2.1]:tcp:80 is served by this process
virtual server [192.0.2.1]:tcp:81 is served by the kernel's IP Virtual Server
virtual server [192.0.2.1]:tcp:82 is served by the kernel's IP Virtual Server`
		if missing != nil {
			want = `virtual server [192.0.2.1]:tcp:80 is served by this process
virtual server [192.0.2.1]:tcp:81 is served by this process: no ip_vs
virtual server [192.0.2.1]:tcp:82 cannot be served: no ip_vs`
		}
		if got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

// With ha_suspend the checks wait while the host has not the address.
func TestSuspend(t *testing.T) {
	a := newBackend(t)
	var mu sync.Mutex
	here := false
	held := func() (func(netip.Addr) bool, error) {
		return func(a netip.Addr) bool {
			mu.Lock()
			defer mu.Unlock()
			return here && a == netip.MustParseAddr("192.0.2.1")
		}, nil
	}
	p := startPool(t, "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlvs_sched rr\nlvs_method NAT\ndelay_loop 0.05\nwarmup 0\nalpha\nha_suspend\nreal_server "+a.words()+checked1+"}\n", held)
	defer p.Stop()
	name := fmt.Sprintf("[127.0.0.1]:tcp:%s", a.addr[len("127.0.0.1:"):])
	p.awaitTold("log Suspending healthchecker for service " + name + " for VS [192.0.2.1]:tcp:80")
	mu.Lock()
	here = true
	mu.Unlock()
	p.await("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r " + a.addr + " -m -w 1\n")
	p.awaitTold("log Activating healthchecker for service " + name + " for VS [192.0.2.1]:tcp:80")
}

// The number in a file is a weight, and a fault when it is small enough.
func TestFileCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "n")
	write := func(text string) {
		if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("3")
	p := startPool(t, "track_file f {\nfile "+file+"\nweight 2\n}\nvirtual_server 192.0.2.1 80 {\nprotocol TCP\nlvs_sched rr\nlvs_method NAT\nreal_server 10.0.0.1 80 {\nweight 10\nFILE_CHECK {\ntrack_file f\n}\n}\n}\n", nil)
	defer p.Stop()
	service := "-A -t 192.0.2.1:80 -s rr\n"
	rule := func(w int) string { return fmt.Sprintf("%s-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w %d\n", service, w) }
	p.await(rule(16))
	write("-2")
	p.await(rule(6))
	write("-2147483648")
	p.await(service)
	write("0")
	p.await(rule(10))
}

// What PCRE2's options become.
func TestRegexOptions(t *testing.T) {
	for want, options := range map[string][]string{
		"a": nil, "(?i)a": {"caseless"}, "(*UTF)(?ms)a": {"multiline", "utf", "dotall"}, `\A(?:a)`: {"anchored"}, "\\A(?:(?x)a\n)": {"anchored", "extended"},
	} {
		if got := withOptions("a", options); got != want {
			t.Errorf("%v: %q, want %q", options, got, want)
		}
	}
}
