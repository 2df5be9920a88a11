package scenario_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/lab/probe"
	"tandem/internal/scenario"
)

// backend is a host behind the pair that answers every request with its name
// and what it was asked.
func backend(t *testing.T, p *scenario.Pair, name, address string) *lab.Port {
	t.Helper()
	h, err := p.Lab.Host(name)
	check(t, err)
	prefix := netip.MustParsePrefix(address)
	port, err := p.Switch.Connect(h, "eth0", prefix)
	check(t, err)
	listener, err := h.Listen("tcp", netip.AddrPortFrom(prefix.Addr(), 8080).String())
	check(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s: %s %s%s %s", name, r.Method, r.Host, r.URL.Path, body)
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return port
}

// TestProxy has both nodes stand in front of two back ends, one of which goes
// away.
func TestProxy(t *testing.T) {
	nodes := seed
	for i := range nodes {
		nodes[i] = edit(nodes[i], "conf/nginx.conf", func(conf string) string {
			conf = strings.Replace(conf, "    server {", `    upstream app {
        server 192.168.200.51:8080;
        server 192.168.200.52:8080;
    }

    server {`, 1)
			return strings.Replace(conf, "        location / {", `        location /app/ {
            proxy_pass http://app/;
            proxy_connect_timeout 1s;
            proxy_read_timeout 1s;
            proxy_set_header Host $host;
        }

        location / {`, 1)
		})
	}
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	backend(t, p, "back1", "192.168.200.51/24")
	back2 := backend(t, p, "back2", "192.168.200.52/24")
	observe(t, p, "start", started(one, two), one)
	ask := func(want ...string) {
		t.Helper()
		seen := map[string]bool{}
		for range 10 {
			body, err := p.Get(within(t), "http://192.168.200.254/app/x")
			check(t, err)
			seen[body] = true
		}
		if len(seen) != len(want) {
			t.Errorf("answers %v, want %v", seen, want)
		}
		for _, w := range want {
			if !seen[w] {
				t.Errorf("answers %v, want %v", seen, want)
			}
		}
	}
	answer1, answer2 := "back1: GET 192.168.200.254/x ", "back2: GET 192.168.200.254/x "
	ask(answer1, answer2)
	observe(t, p, "planned stop", one.Stop, two)
	ask(answer1, answer2)
	check(t, back2.Remove())
	ask(answer1)
	// The pair stands, whatever its back ends do.
	_, err := p.Probe.Wait(within(t), time.Now().Add(time.Second), probe.Result.OK)
	check(t, err)
	observe(t, p, "return", func(context.Context) error { return one.Start() }, one)
	ask(answer1)
}

// TestBackEndsDecide has each node hold the address only while it has a back
// end that is well, as its health check says.
func TestBackEndsDecide(t *testing.T) {
	nodes := seed
	for i := range nodes {
		nodes[i] = inInstance(nodes[i], "", "self_probe_upstream app")
		nodes[i] = edit(nodes[i], "conf/nginx.conf", func(conf string) string {
			conf = strings.Replace(conf, "    server {", `    upstream app {
        server 127.0.0.1:8090;
    }
    server {
        listen 127.0.0.1:8090;
        root html;
    }

    server {`, 1)
			return strings.Replace(conf, "        location / {", `        location /app/ {
            proxy_pass http://app/;
            health_check uri=/well interval=100ms fails=2;
        }

        location / {`, 1)
		})
	}
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	well := filepath.Join("html", "well")
	for _, n := range p.Nodes {
		check(t, os.WriteFile(filepath.Join(n.Prefix, well), nil, 0o644))
	}
	observe(t, p, "start", started(one, two), one)
	well = filepath.Join(one.Prefix, well)
	seen := observe(t, p, "back end ill", func(context.Context) error { return os.Remove(well) }, two)
	if seen.Outage > 2*time.Second {
		t.Errorf("the client was not served for %v", seen.Outage)
	}
	observe(t, p, "back end well", func(context.Context) error { return os.WriteFile(well, nil, 0o644) }, one)
}
