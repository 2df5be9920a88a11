package web_test

import (
	"strings"
	"testing"

	"tandem/web/webtest"
)

// TestNewerProtocols asks for HTTP/3 and is served another version, with a
// warning.
func TestNewerProtocols(t *testing.T) {
	h, _, errs := webtest.Load(t.TempDir(), header+`
	http3_max_concurrent_streams 64;
	server { listen 127.0.0.1:8080; listen 127.0.0.1:8080 quic reuseport; say "one"; }
	server { listen 127.0.0.1:8081; http3 off; say "two"; }
	server { listen 127.0.0.1:8082 quic; }
	}`, webtest.Say)
	var said []string
	for _, e := range errs {
		said = append(said, e.Severity.String()+" "+e.Msg)
		if len(e.Also) != 1 {
			t.Errorf("%q is also said of %v", e.Msg, e.Also)
		}
	}
	want := "warn HTTP/3 is not supported yet: clients are served HTTP/2 or HTTP/1.1"
	if got := strings.Join(said, "\n"); got != want {
		t.Errorf("messages:\n%s\nwant:\n%s", got, want)
	}
	var ports []string
	for _, p := range h.Ports {
		ports = append(ports, p.Addr.String())
	}
	if got := strings.Join(ports, " "); got != "127.0.0.1:8080 127.0.0.1:8081" {
		t.Errorf("listens on %s", got)
	}
}
