package vrrp_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/vrrp"
	"tandem/vrrp/vrrptest"
)

// conf reads a keepalived.conf.
func conf(t *testing.T, config string) vrrp.Config {
	t.Helper()
	k, reports := keepalivedconf.Read("keepalived.conf", keepalivedconf.Options{
		Text: text.Options{ReadFile: func(string) ([]byte, error) { return []byte(config), nil }},
		Host: anyHost{},
	})
	for _, r := range reports {
		if r.Kind > text.KindUnsupported {
			t.Fatal(r)
		}
	}
	return vrrp.FromKeepalived(k, time.Hour)
}

// anyHost has every interface.
type anyHost struct{ keepalivedconf.Machine }

func (anyHost) Interface(string) (keepalivedconf.Link, bool) {
	return keepalivedconf.Link{Multicast: true, MTU: 1500}, true
}

// seed is the configuration of the seed scenario's node, with settings of the instance added.
func seed(name string, priority int, more ...string) string {
	return fmt.Sprintf(`vrrp_instance %s {
    state MASTER
    interface ens33
    virtual_router_id 51
    priority %d
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        192.168.200.254
    }
    %s
}
`, name, priority, strings.Join(more, "\n    "))
}

// node is a router on a host of a LAN.
type node struct {
	*vrrp.Router
	*vrrptest.Host
	t      *testing.T
	mu     sync.Mutex
	events []string
}

func start(t *testing.T, h *vrrptest.Host, text string) *node {
	t.Helper()
	n := &node{Host: h, t: t}
	r, err := vrrp.Start(conf(t, text), h, vrrp.Options{Events: n.note})
	if err != nil {
		t.Fatal(err)
	}
	n.Router = r
	r.SetHealth("", vrrp.Health{OK: true, Text: "answers"})
	synctest.Wait()
	return n
}

func (n *node) note(e vrrp.Event) {
	if _, ok := e.(vrrp.SourceChange); ok {
		return // of interest to those who ask for it
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e.String()+"\n")
}

// said returns the events since the last call.
func (n *node) said() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := strings.Join(n.events, "")
	n.events = nil
	return text
}

// did returns what was done on the machine since the last call, without the renewals of leases.
func (n *node) did() string {
	var out strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(n.Host.String()) {
		if !strings.HasPrefix(line, "ip addr replace") || !seen[line] {
			out.WriteString(line)
		}
		seen[line] = true
	}
	return out.String()
}

func (n *node) stop() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		n.t.Error(err)
	}
}

func (n *node) role() string {
	n.t.Helper()
	s, err := n.Status(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	return s.Instances[0].Role.String()
}

func (n *node) holds() bool { return len(n.Present()) > 0 }

// expect compares, line by line.
func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// pass lets time pass until everything is quiet.
func pass(d time.Duration) {
	time.Sleep(d) // virtual time: the bubble's clock moves when everything waits
	synctest.Wait()
}
