package dashboard_test

import (
	"bufio"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/status"
	"tandem/web"
	"tandem/web/dashboard"
	"tandem/web/webtest"
)

type node struct {
	mu     sync.Mutex
	orders []string
	code   int
	drains bool
}

func (n *node) Report() *status.Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &status.Report{Node: "edge1", Web: status.Web{Draining: n.drains}}
}

func (n *node) Order(command string, out io.Writer) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.orders = append(n.orders, command)
	_, _ = io.WriteString(out, "tandem: [notice] it is told\n")
	return n.code
}

const conf = `events {} http { server { listen 127.0.0.1:8080;
	location /see { dashboard on; }
	location /do { dashboard on write=on; }
	location /off { dashboard off; }
} }`

func modules(n *node) []*web.Module {
	return []*web.Module{dashboard.Module, {Name: "node", Init: func(h *web.HTTP) error {
		if n != nil {
			h.Node = n
		}
		return nil
	}}}
}

func TestPage(t *testing.T) {
	s := webtest.New(t, conf, modules(new(node)), nil)
	x := s.Ask(t, "/see")
	if x.Status != 200 || x.Field("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(x.Field("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(x.Content, "<title>tandem</title>") {
		t.Errorf("%d %v", x.Status, x.Head)
	}
	if x := s.Ask(t, "/off"); x.Status != 404 {
		t.Errorf("off: %d", x.Status)
	}
	if x := s.Exchange(t, &webtest.Exchange{Method: "PUT", Target: "/do"}); x.Status != 405 {
		t.Errorf("PUT: %d", x.Status)
	}
	if x := webtest.New(t, conf, modules(nil), nil).Ask(t, "/see"); x.Status != 503 {
		t.Errorf("without a node: %d", x.Status)
	}
}

func TestOrders(t *testing.T) {
	for _, c := range []struct {
		target, field string
		code, status  int
		answer, order string
	}{
		{"/do?order=demote", "", 0, 200, `{"ok":true,"text":"it is told"}`, "demote"},
		{"/do?order=demote", "", 1, 200, `{"ok":false,"text":"it is told"}`, "demote"},
		{"/do?order=upstream+http%20app+set+a+drain", "", 0, 200, `{"ok":true,"text":"it is told"}`, "upstream http app set a drain"},
		{"/do?order=memory-log", "", 0, 404, `{"ok":false,"text":"there is no such order"}`, ""},
		{"/do?order=demote%0Areload", "", 0, 404, `{"ok":false,"text":"there is no such order"}`, ""},
		{"/do?order=%zz", "", 0, 404, `{"ok":false,"text":"there is no such order"}`, ""},
		{"/do", "", 0, 404, `{"ok":false,"text":"there is no such order"}`, ""},
		{"/see?order=demote", "", 0, 403, `{"ok":false,"text":"this page may only be looked at"}`, ""},
		{"/do?order=demote", "Origin: http://evil.test", 0, 403, `{"ok":false,"text":"the order comes from another page"}`, ""},
		{"/do?order=demote", "Sec-Fetch-Site: cross-site", 0, 403, `{"ok":false,"text":"the order comes from another page"}`, ""},
	} {
		n := &node{code: c.code}
		x := &webtest.Exchange{Method: "POST", Target: c.target}
		if c.field != "" {
			x.Fields = []string{c.field}
		}
		webtest.New(t, conf, modules(n), nil).Exchange(t, x)
		if x.Status != c.status || x.Content != c.answer || strings.Join(n.orders, ";") != c.order {
			t.Errorf("%s %s: %d %s, ordered %q", c.target, c.field, x.Status, x.Content, n.orders)
		}
	}
}

// follow opens a stream of events and reads the first one.
func follow(t *testing.T, s *webtest.Server, path string) *bufio.Reader {
	t.Helper()
	c := s.Dial(t)
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.0\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "data: ") {
			return in
		}
		if strings.HasPrefix(line, "HTTP/1.1 5") {
			return nil
		}
	}
}

// A page's connection holds up neither a reload nor a handover.
func TestStreamsEnd(t *testing.T) {
	n := new(node)
	s := webtest.Start(t, conf, modules(n), nil)
	in := follow(t, s, "/see?events")
	old := s.Gen
	s.Reload(t, conf, modules(n))
	old.Retire(s.Gen)
	if _, err := io.ReadAll(in); err != nil {
		t.Errorf("after a reload: %v", err)
	}
	in = follow(t, s, "/do?events")
	n.mu.Lock()
	n.drains = true
	n.mu.Unlock()
	if _, err := io.ReadAll(in); err != nil {
		t.Errorf("before a handover: %v", err)
	}
}

// Browsers that stay do not take all there is.
func TestStreamsAreBounded(t *testing.T) {
	s := webtest.Start(t, conf, modules(new(node)), nil)
	for range 64 {
		if follow(t, s, "/see?events") == nil {
			t.Fatal("refused too early")
		}
	}
	if follow(t, s, "/see?events") != nil {
		t.Error("the 65th is taken")
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{"dashboard maybe;": `"dashboard" directive invalid value`, "dashboard on write=yes;": `invalid parameter "write=yes"`} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { server { location / {\n"+text+"\n} } }\n", []*web.Module{dashboard.Module})
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v", text, errs)
		}
	}
}
