package metrics_test

import (
	"io"
	"strings"
	"testing"

	"tandem/status"
	"tandem/web"
	"tandem/web/metrics"
	"tandem/web/webtest"
)

// node is one that has only a version.
type node struct{}

func (node) Report() *status.Report      { return &status.Report{Version: "1.0"} }
func (node) Order(string, io.Writer) int { return 1 }

func TestMetrics(t *testing.T) {
	of := &web.Module{Name: "node", Init: func(h *web.HTTP) error {
		h.Node = node{}
		return nil
	}}
	s := webtest.New(t, `events {} http { server { listen 127.0.0.1:8080; location /metrics { metrics on; } location /off { metrics off; } } }`, []*web.Module{metrics.Module, of}, nil)
	for accept, want := range map[string]struct{ contentType, end string }{
		"*/*": {"text/plain; version=0.0.4; charset=utf-8", "\nnginx_http_requests_total 0\n"},
		"application/openmetrics-text;version=1.0.0": {"application/openmetrics-text; version=1.0.0; charset=utf-8", "\n# EOF\n"},
	} {
		x := s.Ask(t, "/metrics", "Accept: "+accept)
		if x.Status != 200 || x.Field("Content-Type") != want.contentType || !strings.HasSuffix(x.Content, want.end) || !strings.Contains(x.Content, "\ntandem_build_info{version=\"1.0\"} 1\n") {
			t.Errorf("%s: %d %v %q", accept, x.Status, x.Head, x.Content)
		}
	}
	if x := s.Exchange(t, &webtest.Exchange{Method: "POST", Target: "/metrics"}); x.Status != 405 {
		t.Errorf("POST: %d", x.Status)
	}
	if x := s.Exchange(t, &webtest.Exchange{Method: "HEAD", Target: "/metrics"}); x.Status != 200 || x.Content != "" {
		t.Errorf("HEAD: %d %q", x.Status, x.Content)
	}
	if x := s.Ask(t, "/off"); x.Status != 404 {
		t.Errorf("off: %d", x.Status)
	}
}

func TestWithoutANode(t *testing.T) {
	s := webtest.New(t, `events {} http { server { listen 127.0.0.1:8080; location / { metrics on; } } }`, []*web.Module{metrics.Module}, nil)
	if x := s.Ask(t, "/"); x.Status != 503 {
		t.Errorf("%d", x.Status)
	}
}
