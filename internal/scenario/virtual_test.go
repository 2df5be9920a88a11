package scenario_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/scenario"
)

// balanced are the seed's nodes with virtual servers behind their VRRP.
func balanced(blocks func(node scenario.Config, prefix string) string) [2]scenario.Config {
	nodes := seed
	for i := range nodes {
		node := nodes[i]
		write := node.Write
		nodes[i].Write = func(prefix string) error {
			if err := write(prefix); err != nil {
				return err
			}
			name := filepath.Join(prefix, "keepalived.conf")
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(name, []byte(string(data)+blocks(node, prefix)), 0o644)
		}
	}
	return nodes
}

// awaitAnswers waits until the client gets these answers at an address, each of
// them, and no others.
func awaitAnswers(t *testing.T, p *scenario.Pair, url string, want ...string) {
	t.Helper()
	ctx := within(t)
	seen := map[string]bool{}
	for ctx.Err() == nil {
		clear(seen)
		for range 6 {
			body, err := p.Get(ctx, url)
			if err != nil {
				body = err.Error()
			}
			name, _, _ := strings.Cut(body, ":")
			seen[name] = true
		}
		same := len(seen) == len(want)
		for _, w := range want {
			same = same && seen[w]
		}
		if same {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("answers %v, want %v\n%s\n%s", seen, want, p.Nodes[0].LastWords(), p.Nodes[1].LastWords())
}

// TestVirtualServer has a pair balance two real servers and a sorry server, by what
// a keepalived.conf says, while they and the VIP come and go. The lab's kernel may
// have IPVS or not.
func TestVirtualServer(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, balanced(func(scenario.Config, string) string {
		text := `
virtual_server 192.168.200.254 8080 {
    delay_loop 0.2
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    @tandem virtual_server_engine user
    sorry_server 192.168.200.53 8080
`
		for _, host := range []string{"192.168.200.51", "192.168.200.52"} {
			text += fmt.Sprintf(`
    real_server %s 8080 {
        HTTP_GET {
            url {
                path /health
                status_code 200
            }
            connect_timeout 0.5
            delay_before_retry 0.1
            retry 1
        }
    }
`, host)
		}
		return text + "}\n"
	}))
	one, two := p.Nodes[0], p.Nodes[1]
	back1 := backend(t, p, "back1", "192.168.200.51/24")
	back2 := backend(t, p, "back2", "192.168.200.52/24")
	backend(t, p, "sorry", "192.168.200.53/24")
	observe(t, p, "start", started(one, two), one)
	const url = "http://192.168.200.254:8080/x"
	awaitAnswers(t, p, url, "back1", "back2")
	check(t, back2.Unplug())
	awaitAnswers(t, p, url, "back1")
	observe(t, p, "planned stop", one.Stop, two)
	awaitAnswers(t, p, url, "back1")
	check(t, back1.Unplug())
	awaitAnswers(t, p, url, "sorry")
	check(t, back2.Plug())
	awaitAnswers(t, p, url, "back2")
	check(t, back1.Plug())
	awaitAnswers(t, p, url, "back1", "back2")
	observe(t, p, "return", started(one), one)
	awaitAnswers(t, p, url, "back1", "back2")
}

// TestVirtualServerLetsGo has a node that has lost the quorum of a virtual server
// leave the VIP to the other one.
func TestVirtualServerLetsGo(t *testing.T) {
	nodes := balanced(func(node scenario.Config, prefix string) string {
		return fmt.Sprintf(`
virtual_server 192.168.200.254 8080 {
    delay_loop 0.2
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    real_server 192.168.200.51 8080 {
        MISC_CHECK {
            misc_path "/bin/test ! -e %s/ill"
        }
    }
}
`, prefix)
	})
	for i := range nodes {
		nodes[i] = edit(nodes[i], "keepalived.conf", func(conf string) string {
			return strings.Replace(conf, "virtual_ipaddress", "@tandem self_probe_virtual_server 192.168.200.254 8080\n    virtual_ipaddress", 1)
		})
	}
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	backend(t, p, "back1", "192.168.200.51/24")
	observe(t, p, "start", started(one, two), one)
	ill := filepath.Join(one.Prefix, "ill")
	lost := observe(t, p, "quorum lost", func(ctx context.Context) error { return os.WriteFile(ill, nil, 0o644) }, two)
	lossless(t, "quorum lost", lost)
	observe(t, p, "quorum regained", func(ctx context.Context) error { return os.Remove(ill) }, one)
}
