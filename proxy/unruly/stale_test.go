package unruly

import (
	"strings"
	"testing"

	"tandem/web/webtest"
)

// TestStaleConnections has all idle connections be closed at the moment in
// which they are used again: by back ends that have read the request and close
// without a word. What may be sent twice is; and no back end is the worse for it.
func TestStaleConnections(t *testing.T) {
	t.Parallel()
	b := []*backend{newBackend(t), newBackend(t), newBackend(t)}
	servers := ""
	for _, back := range b {
		back.scripts["stale"] = script{steps: []any{abc}, closeReused: true}
		servers += "server " + back.addr + "; "
	}
	s := webtest.Start(t, "events {}\nhttp { upstream u { "+servers+` keepalive 8; }
		server { listen 127.0.0.1:8080; proxy_next_upstream_tries 0;
			location / { proxy_pass http://u; }
			location /again/ { proxy_pass http://u/; proxy_next_upstream error non_idempotent; }
			location /never/ { proxy_pass http://u/; proxy_next_upstream off; } } }`, modules, nil)
	// Each round leaves an idle connection to every back end.
	warm := func() {
		for range 3 {
			if a := s.Get(t, "/warm/next"); a.Status != 200 {
				t.Fatalf("got %q", a.Raw)
			}
		}
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/stale/", 200}, {"PUT", "/stale/", 200}, {"DELETE", "/stale/", 200},
		{"POST", "/stale/", 502}, {"PATCH", "/stale/", 502}, {"LOCK", "/stale/", 502},
		{"POST", "/again/stale/", 200}, {"GET", "/never/stale/", 502},
		{"GET", "/stale/", 200},
	} {
		warm()
		if a := s.Do(t, c.method, c.path, "Content-Length: 0"); a.Status != c.status {
			t.Errorf("%s %s: got %q, want %d", c.method, c.path, a.Raw, c.status)
		}
	}
	for _, never := range []string{"no live upstreams", "temporarily disabled"} {
		if strings.Contains(s.Log(), never) {
			t.Errorf("the log says %q", never)
		}
	}
	if want := "upstream prematurely closed connection while reading response header from upstream, client: 127.0.0.1"; !strings.Contains(s.Log(), want) {
		t.Errorf("the log does not say %q", want)
	}
}
