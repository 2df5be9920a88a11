package limit_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	nc "tandem/nginxconf"
	"tandem/session/limit"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

// content answers in the content phase; in a location with "hold" once the
// test lets it.
func content(held chan struct{}) *web.Module {
	return &web.Module{
		Name: "content",
		Commands: []nc.Command{{Name: "hold", In: nc.Location, Arity: nc.NoArgs, Set: func(s *nc.Scope, _ *nc.Directive) error {
			web.BlockOf(s).Location.Handler = func(r *web.Request) web.Code {
				held <- struct{}{}
				<-held
				return r.SendResponse(204, nil, nil)
			}
			return nil
		}}},
		Init: func(h *web.HTTP) error {
			h.Handle(web.Content, func(r *web.Request) web.Code { return r.SendResponse(204, nil, nil) })
			return nil
		},
	}
}

// status adds what the limits came to as headers.
var status = &web.Module{Name: "status", Init: func(h *web.HTTP) error {
	h.Filter(func(r *web.Request) web.Code {
		r.Response.Add("X-Req", value(r, "limit_req_status"))
		r.Response.Add("X-Conn", value(r, "limit_conn_status"))
		return web.OK
	})
	return nil
}}

func value(r *web.Request, name string) []byte {
	if v, found := r.NamedVariable(name, nil); found {
		return v
	}
	return []byte("none")
}

func modules(held chan struct{}) []*web.Module {
	return []*web.Module{rewrite.Module, web.Shared(limit.Requests(web.Wait)), web.Shared(limit.Connections(web.Arrivals{})), content(held), status}
}

const head = "events {}\nhttp {\n"

func TestRequests(t *testing.T) {
	s := webtest.Start(t, head+`
	limit_req_zone $arg_k zone=slow:1m rate=1r/m; limit_req_zone $arg_k zone=other:1m rate=1r/m; limit_req_zone $arg_j zone=third:1m rate=1r/m;
	server { listen 127.0.0.1:8080;
		location /plain { limit_req zone=slow; }
		location /burst { limit_req zone=slow burst=2 nodelay; limit_req_status 429; }
		location /dry { limit_req zone=slow; limit_req_dry_run on; }
		location /two { limit_req zone=third burst=5 nodelay; limit_req zone=slow; }
		location /status { limit_req zone=slow; error_page 503 /plain; }
		location /free { }
	} }`, modules(nil), nil)
	for _, c := range []struct {
		path   string
		status int
		req    string
	}{
		{"/plain?k=a", 204, "PASSED"}, {"/plain?k=a", 503, "REJECTED"}, {"/plain?k=b", 204, "PASSED"}, {"/plain", 204, "none"}, {"/plain", 204, "none"},
		{"/burst?k=c", 204, "PASSED"}, {"/burst?k=c", 204, "PASSED"}, {"/burst?k=c", 204, "PASSED"}, {"/burst?k=c", 429, "REJECTED"},
		{"/dry?k=c", 204, "REJECTED_DRY_RUN"}, {"/dry?k=d", 204, "PASSED"},
		{"/two?k=e&j=1", 204, "PASSED"}, {"/two?k=e&j=1", 503, "REJECTED"}, {"/two?k=f&j=1", 204, "PASSED"}, {"/two?j=1", 204, "PASSED"},
		{"/status?k=a", 503, "REJECTED"},
		{"/free?k=a", 204, "none"},
	} {
		a := s.Get(t, c.path)
		if a.Status != c.status || a.Header.Get("X-Req") != c.req {
			t.Errorf("%s: %d %s, want %d %s", c.path, a.Status, a.Header.Get("X-Req"), c.status, c.req)
		}
	}
}

func TestDelay(t *testing.T) {
	s := webtest.Start(t, head+`limit_req_zone $arg_k zone=fast:1m rate=4r/s;
	server { listen 127.0.0.1:8080;
		location /delay { limit_req zone=fast burst=5; }
		location /partly { limit_req zone=fast burst=5 delay=1; }
		location /dry { limit_req zone=fast burst=5; limit_req_dry_run on; }
	} }`, modules(nil), nil)
	for _, c := range []struct {
		path, req string
		atLeast   time.Duration
	}{
		{"/delay?k=a", "PASSED", 0}, {"/delay?k=a", "DELAYED", 200 * time.Millisecond},
		{"/partly?k=b", "PASSED", 0}, {"/partly?k=b", "PASSED", 0}, {"/partly?k=b", "DELAYED", 200 * time.Millisecond},
		{"/dry?k=c", "PASSED", 0}, {"/dry?k=c", "DELAYED_DRY_RUN", 0},
	} {
		begin := time.Now()
		a := s.Get(t, c.path)
		if took := time.Since(begin); a.Status != 204 || a.Header.Get("X-Req") != c.req || took < c.atLeast {
			t.Errorf("%s: %d %s after %v, want %s after %v", c.path, a.Status, a.Header.Get("X-Req"), took, c.req, c.atLeast)
		}
	}
}

func TestConnections(t *testing.T) {
	held := make(chan struct{})
	s := webtest.Start(t, head+`
	limit_conn_zone $arg_k zone=one:1m; limit_conn_zone $server_addr zone=all:1m;
	server { listen 127.0.0.1:8080;
		location /hold { limit_conn one 1; limit_conn all 2; hold; }
		location /try { limit_conn one 1; limit_conn all 2; limit_conn_status 429; }
		location /dry { limit_conn one 1; limit_conn_dry_run on; }
		location /free { }
	} }`, modules(held), nil)
	conn := s.Dial(t)
	fmt.Fprint(conn, "GET /hold?k=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	<-held
	for _, c := range []struct {
		path   string
		status int
		conn   string
	}{
		{"/try?k=a", 429, "REJECTED"}, {"/try?k=b", 204, "PASSED"}, {"/try?k=b", 204, "PASSED"}, {"/try", 204, "PASSED"}, {"/dry?k=a", 204, "REJECTED_DRY_RUN"},
		{"/free", 204, "none"},
	} {
		a := s.Get(t, c.path)
		if a.Status != c.status || a.Header.Get("X-Conn") != c.conn {
			t.Errorf("%s: %d %s, want %d %s", c.path, a.Status, a.Header.Get("X-Conn"), c.status, c.conn)
		}
	}
	held <- struct{}{}
	if raw, err := io.ReadAll(conn); err != nil || !strings.Contains(string(raw), " 204 ") {
		t.Fatalf("%q %v", raw, err)
	}
	if a := s.Get(t, "/try?k=a"); a.Status != 204 {
		t.Errorf("after the held request has ended: %d", a.Status)
	}
}

// A client that has left counts no more for the next connection, though its
// request has not ended.
func TestConnectionsOfWhoHasLeft(t *testing.T) {
	watching, end := make(chan struct{}), make(chan struct{})
	wait := &web.Module{Name: "wait", Init: func(h *web.HTTP) error {
		h.Handle(web.PreContent, func(r *web.Request) web.Code {
			if string(r.Path) != "/watched" {
				return web.Declined
			}
			r.WatchClient(func() {})
			close(watching)
			<-end
			r.StopWatch()
			return web.StatusClientClosed
		})
		return nil
	}}
	s := webtest.Start(t, head+`limit_conn_zone $server_addr zone=all:1m; server { listen 127.0.0.1:8080; limit_conn all 1; } }`, append(modules(nil), wait), nil)
	conn := s.Dial(t)
	fmt.Fprint(conn, "GET /watched HTTP/1.0\r\n\r\n")
	<-watching
	if a := s.Get(t, "/"); a.Status != 503 {
		t.Errorf("beside a client that waits: %d", a.Status)
	}
	conn.Close()
	for range 2 { // and it is taken off once
		if a := s.Get(t, "/"); a.Status != 204 {
			t.Errorf("beside one that has left: %d", a.Status)
		}
	}
	close(end)
	if a := s.Get(t, "/"); a.Status != 204 {
		t.Errorf("afterwards: %d", a.Status)
	}
}

func TestZonesOutliveConfigurations(t *testing.T) {
	data := func(h *web.HTTP, name string) string {
		z, err := h.Zone(&nc.Directive{}, "limit_conn", name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(fmt.Sprintf("%v", z.Data()))[1]
	}
	dir := t.TempDir()
	first, errs := webtest.LoadAfter(nil, dir, head+`
		limit_conn_zone $uri zone=kept:1m; limit_conn_zone $uri zone=resized:1m; limit_conn_zone $uri zone=rekeyed:1m; }`, modules(nil))
	if errs.Failed() {
		t.Fatal(errs)
	}
	_, errs = webtest.LoadAfter(first, dir, head+`limit_conn_zone $host zone=rekeyed:1m; }`, modules(nil))
	if len(errs) != 1 || errs[0].Msg != `limit_conn_zone "rekeyed" uses the "$host" key while previously it used the "$uri" key` {
		t.Errorf("another key: %v", errs)
	}
	second, errs := webtest.LoadAfter(first, dir, head+`limit_conn_zone $uri zone=kept:1m; limit_conn_zone $uri zone=resized:2m; }`, modules(nil))
	if errs.Failed() {
		t.Fatal(errs)
	}
	if data(first, "kept") != data(second, "kept") {
		t.Error("the zone begins anew")
	}
	if data(first, "resized") == data(second, "resized") {
		t.Error("a zone of another size does not begin anew")
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{`limit_req_zone $uri zone=a rate=1r/s;`, `invalid zone size "zone=a"`},
		{`limit_req_zone $uri zone=a:x rate=1r/s;`, `invalid zone size "zone=a:x"`},
		{`limit_req_zone $uri zone=a:1k rate=1r/s;`, `zone "zone=a:1k" is too small`},
		{`limit_req_zone $uri zone=a:1m rate=0r/s;`, `invalid rate "rate=0r/s"`},
		{`limit_req_zone $uri zone=a:1m rate=1r/h;`, `invalid rate "rate=1r/h"`},
		{`limit_req_zone $uri zone=a:1m a=b;`, `invalid parameter "a=b"`},
		{`limit_req_zone $uri rate=1r/s rate=1r/s;`, `"limit_req_zone" must have "zone" parameter`},
		{`limit_req_zone $uri zone=a:1m rate=1r/s; limit_req_zone $host zone=a:1m rate=1r/s;`, `limit_req_zone "a" is already bound to key "$uri"`},
		{`limit_req_zone $uri zone=a:1m rate=1r/s; limit_req_zone $host zone=a:2m rate=1r/s;`, `the size 2097152 of shared memory zone "a" conflicts with already declared size 1048576`},
		{`limit_req_zone $uri zone=a:1m rate=1r/s; limit_conn_zone $uri zone=a:1m;`, `the shared memory zone "a" is already declared for a different use`},
		{`limit_req zone=a;`, `zero size shared memory zone "a"`},
		{`limit_req zone=a burst=0;`, `invalid burst value "burst=0"`},
		{`limit_req zone=a delay=x;`, `invalid delay value "delay=x"`},
		{`limit_req zone=a x;`, `invalid parameter "x"`},
		{`limit_req burst=1;`, `"limit_req" must have "zone" parameter`},
		{`limit_req_zone $uri zone=a:1m rate=1r/s; limit_req zone=a; limit_req zone=a;`, `"limit_req" directive is duplicate`},
		{`limit_req_status 200;`, `value must be between 400 and 599`},
		{`limit_req_log_level crit;`, `invalid value "crit"`},
		{`limit_conn_zone $uri a=b;`, `invalid parameter "a=b"`},
		{`limit_conn_zone $uri zone=a:1m; limit_conn a 0;`, `invalid number of connections "0"`},
		{`limit_conn_zone $uri zone=a:1m; limit_conn a 65536;`, `connection limit must be less 65536`},
		{`limit_conn_zone $uri zone=a:1m; limit_conn a 1; limit_conn a 2;`, `"limit_conn" directive is duplicate`},
	} {
		_, _, errs := webtest.Load(t.TempDir(), head+c.conf+"}", modules(nil))
		if len(errs) == 0 || errs[0].Msg != c.want {
			t.Errorf("%s: %v, want %s", c.conf, errs, c.want)
		}
	}
}
