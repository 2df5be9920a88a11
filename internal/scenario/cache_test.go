package scenario_test

import (
	"os/exec"
	"strings"
	"testing"

	"tandem/internal/scenario"
	"tandem/status"
)

// caching has both nodes keep the answers of a back end of their own.
func caching() (nodes [2]scenario.Config) {
	nodes = seed
	for i := range nodes {
		nodes[i] = withKey(nodes[i], "@tandem peer_key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
		nodes[i] = edit(nodes[i], "conf/nginx.conf", func(conf string) string {
			return strings.Replace(conf, "    server {", `    proxy_cache_path cache levels=1:2 keys_zone=z:1m;
    server {
        listen 127.0.0.1:8091;
        location / {
            proxy_pass http://127.0.0.1:8092;
            proxy_cache z;
            proxy_cache_key $uri;
            proxy_cache_valid 1h;
            add_header X-Cache $upstream_cache_status;
        }
    }
    server {
        listen 127.0.0.1:8092;
        return 200 hello;
    }

    server {`, 1)
		})
	}
	return nodes
}

// cacheSays asks a node for a path and returns what its cache did.
func cacheSays(t *testing.T, n *scenario.Node, path string) string {
	t.Helper()
	head, err := n.Host.Output("curl", "-s", "-D", "-", "-o", "/dev/null", "http://127.0.0.1:8091"+path)
	check(t, err)
	_, after, _ := strings.Cut(head, "X-Cache: ")
	word, _, _ := strings.Cut(after, "\r\n")
	return word
}

// TestPurgeBoth: what is purged on both nodes is gone from both.
func TestPurgeBoth(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, caching())
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	for _, n := range p.Nodes {
		linked(t, n, func(peer status.Peer) bool { return peer.Secure })
		for _, path := range []string{"/a", "/b"} {
			cacheSays(t, n, path)
			if got := cacheSays(t, n, path); got != "HIT" {
				t.Fatalf("%s: %s before", path, got)
			}
		}
	}
	purge := func(from *scenario.Node, args ...string) string {
		t.Helper()
		args = append([]string{"cache", "purge"}, append(args, "-p", from.Prefix, "-c", "conf/nginx.conf")...)
		out, err := from.Host.OutputOf(exec.Command(scenario.Binary(), args...))
		check(t, err)
		return out
	}
	for _, step := range []struct {
		from *scenario.Node
		path string
	}{{one, "/a"}, {two, "/b"}} {
		out := purge(step.from, step.path, "--both")
		if !strings.Contains(out, `removed 1 for "`+step.path+`"`) || !strings.Contains(out, `the other node has purged "`+step.path+`"`) {
			t.Errorf("it says %q", out)
		}
		for _, n := range p.Nodes {
			if got := cacheSays(t, n, step.path); got != "MISS" {
				t.Errorf("%s after a purge: %s", step.path, got)
			}
		}
	}
	purge(one, "/b")
	if got := cacheSays(t, two, "/b"); got != "HIT" {
		t.Errorf("a purge of one node reached the other: %s", got)
	}
}
