package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tandem/status"
	"tandem/web"
	"tandem/web/api"
	"tandem/web/webtest"
)

var at = time.Date(2026, 11, 29, 8, 0, 0, 500e6, time.UTC)

// node notes the orders that it is given.
type node struct {
	orders []string
	codes  map[string]int // by the verb of an order for upstreams; 0: done
}

func (n *node) Report() *status.Report {
	return &status.Report{
		Version: "1.0", Node: "<edge>", Configuration: status.Configuration{Generation: 2, Loaded: at},
		Web: status.Web{Accepted: 9, Connections: 3, Waiting: 2, Servers: []status.Zone{
			{Name: "", Requests: 5},
			{Name: "site", Requests: 4, Processing: 1, Discarded: 1, Responses: map[int]uint64{200: 2, 404: 1}, Received: 10, Sent: 20, TLS: &status.Handshakes{Done: 2, Reused: 1}},
			{Name: "/a/b", Requests: 1, Responses: map[int]uint64{}},
		}, Locations: []status.Zone{{Name: "loc", Requests: 1, Responses: map[int]uint64{204: 1}}}},
		Upstreams: []status.Upstream{
			{Name: "app", Idle: 2, Peers: []status.UpstreamPeer{
				{Addr: "192.0.2.1:80", Server: "one.test", Weight: 2, State: "up", Active: 3, MaxConns: 3, Requests: 7, Sent: 1, Received: 2, Responses: map[int]uint64{502: 1},
					Selected: at, HeaderTime: 0.012, SID: "x", Checks: []status.Check{{Checks: 4, Fails: 1, At: at}}},
				{Addr: "unix:/run/a.sock", Server: "unix:/run/a.sock", Weight: 1, State: "unavail", Backup: true, Unavailable: 1, Downtime: 1.5, DownSince: at},
			}},
			{Name: "tcp", Stream: true, Peers: []status.UpstreamPeer{{Addr: "192.0.2.2:1", State: "draining"}}},
		},
		Caches: []status.Cache{{Name: "c", Size: 5, MaxSize: 9, Uses: map[string]status.CacheUse{"hit": {Responses: 1, Bytes: 2}}}},
	}
}

func (n *node) Order(command string, out io.Writer) int {
	n.orders = append(n.orders, command)
	words := strings.Fields(command)
	if len(words) < 4 {
		fmt.Fprintf(out, "tandem: [notice] %s\n", command)
		return n.codes[command]
	}
	code := n.codes[words[3]]
	if code == 0 {
		fmt.Fprintln(out, "done")
	} else {
		fmt.Fprintln(out, "tandem: [error] it is refused")
	}
	return code
}

func start(t *testing.T, n *node) *webtest.Server {
	of := &web.Module{Name: "node", Init: func(h *web.HTTP) error {
		if n != nil {
			h.Node = n
		}
		return nil
	}}
	return webtest.New(t, `events {} http { server { listen 127.0.0.1:8080;
		location /api/ { api /; }
		location /zone { api /status/http/server_zones/site/; }
		location ~ ^/re/(\w+)/(.*)$ { api /status/http/$1_zones/$2; }
		location /w/ { api / write=on; }
	} }`, []*web.Module{api.Module, of}, nil)
}

func get(t *testing.T, s *webtest.Server, path string) string {
	t.Helper()
	x := s.Ask(t, path)
	if x.Field("Content-Type") != "application/json" {
		t.Errorf("%s: %v", path, x.Head)
	}
	var v any
	if err := json.Unmarshal([]byte(x.Content), &v); err != nil {
		t.Fatalf("%s: %v in %s", path, err, x.Content)
	}
	short, _ := json.Marshal(v)
	return fmt.Sprint(x.Status, " ", string(short))
}

func TestTree(t *testing.T) {
	s := start(t, &node{})
	for path, want := range map[string]string{
		"/api/status/angie/generation":                             `200 2`,
		"/api/status/angie/load_time":                              `200 "2026-11-29T08:00:00.500Z"`,
		"/api/status/angie/load_time?date=epoch":                   `200 1795939200.5`,
		"/api/status/connections/":                                 `200 {"accepted":9,"active":1,"dropped":0,"idle":2}`,
		"/api/status/http/server_zones/site/":                      `200 {"data":{"received":10,"sent":20},"requests":{"discarded":1,"processing":1,"total":4},"responses":{"200":2,"404":1},"ssl":{"failed":0,"handshaked":2,"reuses":1,"timedout":0}}`,
		"/api/status/http/server_zones//a/b/requests/total":        `200 1`,
		"/api/status/http/location_zones":                          `200 {"loc":{"data":{"received":0,"sent":0},"requests":{"discarded":0,"total":1},"responses":{"204":1}}}`,
		"/zone/requests/total":                                     `200 4`,
		"/zone":                                                    `200 {"data":{"received":10,"sent":20},"requests":{"discarded":1,"processing":1,"total":4},"responses":{"200":2,"404":1},"ssl":{"failed":0,"handshaked":2,"reuses":1,"timedout":0}}`,
		"/re/location/loc/requests/total":                          `200 1`,
		"/api/status/http/upstreams/app/keepalive":                 `200 2`,
		"/api/status/http/upstreams/app/peers/192.0.2.1:80/":       `200 {"backup":false,"data":{"received":2,"sent":1},"health":{"downtime":0,"fails":0,"header_time":12,"probes":{"count":4,"fails":1,"last":"2026-11-29T08:00:00.500Z"},"response_time":0,"unavailable":0},"max_conns":3,"responses":{"502":1},"selected":{"current":3,"last":"2026-11-29T08:00:00.500Z","total":7},"server":"one.test","sid":"x","state":"busy","weight":2}`,
		"/api/status/http/upstreams/app/peers/unix:/run/a.sock":    `200 {"backup":true,"data":{"received":0,"sent":0},"health":{"downstart":"2026-11-29T08:00:00.500Z","downtime":1500,"fails":0,"header_time":0,"response_time":0,"unavailable":1},"responses":{},"selected":{"current":0,"total":0},"server":"unix:/run/a.sock","sid":"","state":"unavailable","weight":1}`,
		"/api/status/stream/upstreams/tcp/peers/192.0.2.2:1/state": `200 "draining"`,
		"/api/status/http/caches/c/":                               `200 {"cold":false,"hit":{"bytes":2,"responses":1},"max_size":9,"size":5}`,
		"/api/status/tandem/node":                                  `200 "\u003cedge\u003e"`,
		"/api/status/xxx/":                                         `404 {"description":"Requested API entity \"/status/xxx/\" doesn't exist.","error":"PathNotFound"}`,
		"/api/status/angie/version/x":                              `404 {"description":"Requested API entity \"/status/angie/version/x\" doesn't exist.","error":"PathNotFound"}`,
		"/api/config/http/upstreams/app/servers/one.test":          `200 {"backup":false,"down":false,"drain":false,"max_conns":3,"weight":2}`,
	} {
		if got := get(t, s, path); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", path, got, want)
		}
	}
	if x := s.Ask(t, "/api/status/angie/?pretty=off"); strings.Contains(x.Content, "    ") {
		t.Errorf("%s", x.Content)
	}
	// Markup in names never leaves as such.
	if x := s.Ask(t, "/api/"); strings.Contains(x.Content, "<") || x.Field("Cache-Control") != "no-cache" || x.Field("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v %s", x.Head, x.Content)
	}
	if x := start(t, nil).Ask(t, "/api/"); x.Status != 503 {
		t.Errorf("without a node: %d", x.Status)
	}
}

// ask sends a request that is to change something.
func ask(t *testing.T, s *webtest.Server, method, path, body string, fields ...string) string {
	t.Helper()
	x := &webtest.Exchange{Method: method, Target: path, Fields: fields}
	if body != "" {
		x.Body, x.Announced = []string{body}, true
	}
	s.Exchange(t, x)
	var v map[string]string
	_ = json.Unmarshal([]byte(x.Content), &v)
	return fmt.Sprint(x.Status, " ", v["success"], v["error"])
}

func TestWrites(t *testing.T) {
	const server = "/w/config/http/upstreams/app/servers/192.0.2.1:80"
	for _, c := range []struct {
		what, method, path, body string
		codes                    map[string]int
		want, order              string
	}{
		{"add", "PUT", server, `{"weight":2,"max_conns":3,"backup":true,"down":false,"server":"x"}`, nil, "201 Created", "upstream http app add 192.0.2.1:80 up weight=2 max_conns=3 backup"},
		{"replace", "PUT", server, `{"weight":2}`, map[string]int{"add": 1}, "200 Updated", "upstream http app add 192.0.2.1:80 weight=2;upstream http app set 192.0.2.1:80 up weight=2"},
		{"refused", "PUT", server, ``, map[string]int{"add": 1, "set": 4}, "400 ConfigError", "upstream http app add 192.0.2.1:80;upstream http app set 192.0.2.1:80 up"},
		{"change", "PATCH", server, `{"drain":true,"fail_timeout":"5s","slow_start":7}`, nil, "200 Updated", "upstream http app set 192.0.2.1:80 fail_timeout=5s slow_start=7s drain"},
		{"up", "PATCH", server, `{"down":false}`, nil, "200 Updated", "upstream http app set 192.0.2.1:80 up"},
		{"remove", "DELETE", server, ``, nil, "200 Deleted", "upstream http app remove 192.0.2.1:80"},
		{"nobody", "DELETE", server, ``, map[string]int{"remove": 4}, "404 EntityNotFound", "upstream http app remove 192.0.2.1:80"},
		{"not kept", "DELETE", server, ``, map[string]int{"remove": 5}, "500 NotKept", "upstream http app remove 192.0.2.1:80"},
		{"two orders in one", "DELETE", "/w/config/http/upstreams/app/servers/a%20b", ``, nil, "404 EntityNotFound", ""},
		{"two lines", "DELETE", "/w/config/http/upstreams/app/servers/a%0Ademote", ``, nil, "404 EntityNotFound", ""},
		{"no JSON", "PATCH", server, `weight=2`, nil, "400 FormatterError", ""},
		{"unknown", "PATCH", server, `{"color":2}`, nil, "400 FormatterError", ""},
		{"no such path", "PATCH", "/w/config/http/upstreams/app", `{}`, nil, "404 PathNotFound", ""},
		{"post", "POST", server, `{}`, nil, "405 MethodNotAllowed", ""},
		{"read only", "PATCH", "/api/config/http/upstreams/app/servers/x", `{}`, nil, "405 MethodNotAllowed", ""},
		{"status", "PUT", "/w/status/", `{}`, nil, "405 MethodNotAllowed", ""},
		{"large", "PATCH", server, strings.Repeat(" ", 65537), nil, "413 TooLarge", ""},
		{"demote", "POST", "/w/order/demote", ``, nil, "200 Done", "demote"},
		{"demote in vain", "POST", "/w/order/demote", ``, map[string]int{"demote": 1}, "409 Failed", "demote"},
		{"reload", "POST", "/w/order/reload", ``, nil, "200 Done", "reload"},
		{"reload in vain", "POST", "/w/order/reload", ``, map[string]int{"reload": 1}, "500 Failed", "reload"},
		{"any order", "POST", "/w/order/memory-log", ``, nil, "404 PathNotFound", ""},
		{"by link", "PUT", "/w/order/demote", ``, nil, "405 MethodNotAllowed", ""},
		{"by a client that may not", "POST", "/api/order/demote", ``, nil, "405 MethodNotAllowed", ""},
	} {
		n := &node{codes: c.codes}
		if got, order := ask(t, start(t, n), c.method, c.path, c.body), strings.Join(n.orders, ";"); got != c.want || order != "" && order != c.order || order == "" && c.order != "" {
			t.Errorf("%s: got %s, ordered %q; want %s, %q", c.what, got, order, c.want, c.order)
		}
	}
}

// A body without end is not read to its end.
func TestEndlessBody(t *testing.T) {
	n := new(node)
	s := start(t, n)
	x := &webtest.Exchange{Method: "PATCH", Target: "/w/config/http/upstreams/app/servers/x", Body: make([]string, 4096)}
	for i := range x.Body {
		x.Body[i] = strings.Repeat("x", 4096)
	}
	s.Exchange(t, x)
	if x.Status != 413 || len(n.orders) > 0 || x.BodyTaken() > 1<<20 {
		t.Errorf("%d, %d bytes read, %v", x.Status, x.BodyTaken(), n.orders)
	}
}

// Pages of other origins give no orders; what is no browser, and pages of this
// origin, do.
func TestForeignOrigins(t *testing.T) {
	for field, want := range map[string]string{
		"":                              "200 Done",
		"Origin: http://localhost":      "200 Done",
		"Origin: https://LOCALHOST":     "200 Done",
		"Origin: http://evil.test":      "403 ForeignOrigin",
		"Origin: http://localhost:8081": "403 ForeignOrigin",
		"Origin: null":                  "403 ForeignOrigin",
		"Sec-Fetch-Site: same-origin":   "200 Done",
		"Sec-Fetch-Site: same-site":     "403 ForeignOrigin",
		"Sec-Fetch-Site: cross-site":    "403 ForeignOrigin",
	} {
		n := new(node)
		s := start(t, n)
		var fields []string
		if field != "" {
			fields = []string{field}
		}
		if got := ask(t, s, "POST", "/w/order/demote", "", fields...); got != want || (len(n.orders) > 0) != (want == "200 Done") {
			t.Errorf("%q: %s, %v", field, got, n.orders)
		}
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"api / write=maybe;": `invalid parameter "write=maybe"`,
		"api /; api /;":      `"api" directive is duplicate`,
		"api /$nosuch;":      `unknown "nosuch" variable`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { server { location / {\n"+text+"\n} } }\n", []*web.Module{api.Module})
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%s: %v", text, errs)
		}
	}
}
