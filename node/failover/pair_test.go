package failover_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/story"
	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/node/failover"
	"tandem/node/failover/failovertest"
	"tandem/vrrp"
	"tandem/vrrp/detour"
	"tandem/vrrp/vrrptest"
)

var vip = netip.MustParseAddr("192.168.200.254")

// box is a node: its host, and the process on it while there is one.
type box struct {
	t     *testing.T
	name  string
	host  *vrrptest.Host
	conf  *keepalivedconf.Config
	dir   string
	lines *strings.Builder // what its process says; guarded by mu
	mu    *sync.Mutex

	failover *failover.Failover // nil while nothing runs
	web      *webSide

	keep func(name string, content []byte)
	role func()
}

// webSide stands in for the real one, which serves from descriptors of the system:
// it answers by HTTP over the LAN, and can fall silent.
type webSide struct {
	server http.Server
	mu     sync.Mutex
	silent chan struct{} // closed when it is to answer again; nil: it answers
}

func (w *webSide) Drain([]netip.Addr)             {}
func (w *webSide) EndIdle()                       {}
func (w *webSide) Silent(time.Duration, bool) int { return 0 }
func (w *webSide) Cut([]netip.Addr)               {}
func (w *webSide) Listeners() []detour.Listener   { return nil }

func (w *webSide) serve(name string, l net.Listener) {
	w.server.Handler = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		silent := w.silent
		w.mu.Unlock()
		if silent != nil {
			select {
			case <-silent:
			case <-r.Context().Done():
				return
			}
		}
		fmt.Fprint(out, name)
	})
	go func() { _ = w.server.Serve(l) }()
}

// fall makes the web side silent, or ends that.
func (w *webSide) fall(silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent != nil {
		close(w.silent)
		w.silent = nil
	}
	if silent {
		w.silent = make(chan struct{})
	}
}

// anyHost has every interface.
type anyHost struct{ keepalivedconf.Machine }

func (anyHost) Interface(string) (keepalivedconf.Link, bool) {
	return keepalivedconf.Link{Multicast: true, MTU: 1500}, true
}

func newBox(t *testing.T, lan *vrrptest.LAN, name, address string, priority int) *box {
	config := fmt.Sprintf(`vrrp_instance VI_1 {
	state MASTER
	interface %s
	virtual_router_id 51
	priority %d
	advert_int 1
	authentication {
		auth_type PASS
		auth_pass 1111
	}
	virtual_ipaddress {
		%v
	}
}
`, vrrptest.Interface, priority, vip)
	k, reports := keepalivedconf.Read("keepalived.conf", keepalivedconf.Options{
		Text: text.Options{ReadFile: func(string) ([]byte, error) { return []byte(config), nil }}, Host: anyHost{},
	})
	if reports.Stops() || len(k.Instances) != 1 {
		t.Fatal(reports)
	}
	return &box{t: t, name: name, host: lan.Host(name, address), conf: k, dir: t.TempDir(), lines: new(strings.Builder), mu: new(sync.Mutex)}
}

// Write notes what the process says, with the time.
func (b *box) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.lines, "%s %s: %s", time.Now().Format("15:04:05.000"), b.name, p)
	return len(p), nil
}

func (b *box) start() error {
	b.host.Boot()
	l, err := b.host.Listen(80)
	if err != nil {
		return err
	}
	b.web = new(webSide)
	b.web.serve(b.name, l)
	log := errorlog.New()
	b.failover, err = failover.Start(&failover.Config{
		Keepalived: b.conf, Listeners: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:80")},
		Upstream: func(string) failover.Upstream { return nil }, Leftovers: filepath.Join(b.dir, "handover"),
	}, failover.Side{
		Machine: func() (*failover.Machine, error) { return failovertest.Machine(b.host), nil }, Web: b.web,
		Announce: func(netip.AddrPort, bool) {}, Keep: b.keep, Role: b.role, Log: func() *errorlog.Log { return log }, Terminal: b,
	})
	return err
}

// end is stop when the context may wait, and else what becomes of the goroutines
// of a killed process.
func (b *box) end(ctx context.Context) error {
	if b.failover == nil {
		return nil
	}
	err := b.failover.Stop(ctx)
	b.web.fall(false)
	_ = b.web.server.Close()
	b.failover = nil
	return err
}

// kill leaves the host as a killed process does. Its addresses are gone when
// nobody has renewed their lease.
func (b *box) kill() {
	b.host.Kill()
	lease := vrrp.FromKeepalived(b.conf, 0).Instances[0].Lease
	time.AfterFunc(time.Duration(lease), b.host.Expire)
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	_ = b.end(dead)
}

// pair is a story's stage in memory.
type pair struct {
	boxes  map[string]*box
	client *vrrptest.Host
}

// Do implements story.Stage.
func (p *pair) Do(ctx context.Context, what, node string) error {
	b := p.boxes[node]
	switch what {
	case "start":
		return b.start()
	case "stop":
		return b.end(ctx)
	case "kill":
		b.kill()
	case "break":
		b.web.fall(true)
	case "mend":
		b.web.fall(false)
	case "cut":
		b.host.Cut()
	case "join":
		b.host.Mend()
	}
	return nil
}

func (b *box) holds() bool {
	for _, a := range b.host.Present() {
		if a.Interface == vrrptest.Interface && a.Prefix.Addr() == vip {
			return true
		}
	}
	return false
}

// look is how often a stage looks whether something has come true.
const look = 10 * time.Millisecond

func until(ctx context.Context, is func() error) error {
	for {
		err := is()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(look):
		}
	}
}

// Holds implements story.Stage.
func (p *pair) Holds(ctx context.Context, node string) error {
	return until(ctx, func() error {
		if !p.boxes[node].holds() {
			return fmt.Errorf("%s does not hold the address", node)
		}
		return nil
	})
}

// Serves implements story.Stage.
func (p *pair) Serves(ctx context.Context, node string) error {
	return until(ctx, func() error {
		for name, b := range p.boxes {
			if b.holds() != (name == node) {
				return fmt.Errorf("%s holds the address: %v", name, b.holds())
			}
		}
		if page := p.page(); page != node {
			return fmt.Errorf("the client gets %q", page)
		}
		return nil
	})
}

// page is what the client is shown.
func (p *pair) page() string {
	client := http.Client{Timeout: 200 * time.Millisecond, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return p.client.Dial(ctx, address) },
	}}
	response, err := client.Get(fmt.Sprintf("http://%v/", vip))
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(page)
}

// TestPair plays the story of a pair in memory: VRRP, peer link, handover and
// self-probes are those of the program, on a simulated LAN; only what answers HTTP
// is a stand-in.
func TestPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		p := &pair{boxes: map[string]*box{
			"one": newBox(t, lan, "one", "192.168.200.7/24", 100), "two": newBox(t, lan, "two", "192.168.200.10/24", 50),
		}, client: lan.Host("client", "192.168.200.1/24")}
		if err := story.Play(t.Context(), story.Seed, p, 0); err != nil {
			t.Error(err)
		}
		for _, b := range p.boxes {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if err := b.end(ctx); err != nil {
				t.Error(err)
			}
			cancel()
			if t.Failed() {
				t.Log(b.lines)
			}
		}
	})
}
