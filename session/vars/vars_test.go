package vars_test

import (
	"strings"
	"testing"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/vars"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, web.Shared(vars.Map), web.Shared(vars.Geo(web.Forwarded)), web.Shared(vars.SplitClients)}

const head = "events {}\nhttp {\n"

func TestMap(t *testing.T) {
	s := webtest.Start(t, head+`
	map $arg_a $plain { a 1; A2 2; "" empty; default other; \default word; \~x tilde; include more.conf; }
	map $arg_a $names { hostnames; default none; example.com e; .both.org b; *.wild.com w; www.* t; }
	map $arg_a $regex { ~^/(?<one>\w+)/(.*)$ "$2:$one"; ~*CASE caseless; x $uri; }
	map $arg_a$arg_b $both { xy yes; }
	map $uri $cached { ~^/(\w+) $1; }
	map $uri $live { volatile; ~^/(\w+) $1; }
	server { listen 127.0.0.1:8080;
		location /plain { return 200 "$plain"; }
		location /names { return 200 "$names"; }
		location /regex { return 200 "$regex"; }
		location /both { return 200 "[$both]"; }
		location /cached { set $before "$cached $live"; rewrite ^ /after; }
		location /after { return 200 "$before, $cached $live"; }
	} }`, modules, map[string]string{"more.conf": "b included;"})
	for _, c := range []struct{ path, want string }{
		{"/plain?a=a", "1"}, {"/plain?a=A", "1"}, {"/plain?a=a2", "2"}, {"/plain", "empty"}, {"/plain?a=", "empty"},
		{"/plain?a=c", "other"}, {"/plain?a=default", "word"}, {"/plain?a=~x", "tilde"}, {"/plain?a=b", "included"},
		{"/names?a=example.com", "e"}, {"/names?a=Example.COM.", "e"}, {"/names?a=a.example.com", "none"}, {"/names?a=both.org", "b"},
		{"/names?a=x.both.org", "b"}, {"/names?a=x.wild.com", "w"}, {"/names?a=wild.com", "none"}, {"/names?a=www.any.thing", "t"},
		{"/regex?a=/one/two", "two:one"}, {"/regex?a=lowcase", "caseless"}, {"/regex?a=x", "/regex"}, {"/regex?a=y", ""}, {"/regex", ""},
		{"/both?a=x&b=y", "[yes]"}, {"/both?a=x", "[]"},
		{"/cached", "cached cached, cached after"},
	} {
		if got := s.Get(t, c.path).Body; got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
}

func TestGeo(t *testing.T) {
	webtest.OnHTTP1(t, "a field with a line break, which is refused")
	s := webtest.Start(t, head+`
	geo $arg_ip $net { default d; 10.0.0.0/8 ten; 10.1.0.0/16 ten-one; 10.1.2.0/24 ten-one-two; 10.255.255.255 last; 255.255.255.255 none;
		2001:db8::/32 doc; 2001:db8::1 one; delete 10.1.2.0/24; ::ffff:0:0/96 never; }
	geo $arg_ip $bare { 10.0.0.0/8 ten; }
	geo $arg_ip $range { ranges; default d; 10.0.0.0-10.0.0.255 low; 10.0.0.16-10.0.0.31 inner; 10.0.0.0-10.0.0.3 begin; 10.0.0.250-10.0.0.255 end;
		10.1.255.0-10.3.0.9 wide; 192.0.2.0-192.0.2.255 gone; delete 192.0.2.0-192.0.2.255; 255.255.0.0-255.255.255.254 high; }
	geo $self { default no; 127.0.0.0/8 loopback; 192.0.2.0/24 test; }
	geo $proxied { default no; proxy 127.0.0.1; proxy 10.0.0.0/8; 10.0.0.0/8 proxy; 192.0.2.0/24 test; }
	geo $recursive { proxy_recursive; proxy 127.0.0.1; proxy 10.0.0.0/8; 10.0.0.0/8 proxy; 192.0.2.0/24 test; }
	server { listen 127.0.0.1:8080;
		location /net { return 200 "$net $bare $range"; }
		location /self { return 200 "$self $proxied $recursive"; }
	} }`, modules, nil)
	for _, c := range []struct{ ip, want string }{
		{"10.0.0.17", "ten ten inner"}, {"10.0.0.2", "ten ten begin"}, {"10.0.0.4", "ten ten low"}, {"10.0.0.15", "ten ten low"},
		{"10.0.0.32", "ten ten low"}, {"10.0.0.255", "ten ten end"}, {"10.0.1.0", "ten ten d"},
		{"10.1.0.0", "ten-one ten d"}, {"10.1.2.3", "ten-one ten d"}, {"10.1.255.255", "ten-one ten wide"}, {"10.2.0.0", "ten ten wide"},
		{"10.3.0.9", "ten ten wide"}, {"10.3.0.10", "ten ten d"}, {"10.255.255.255", "last ten d"}, {"11.0.0.0", "d  d"},
		{"9.255.255.255", "d  d"}, {"0.0.0.0", "d  d"}, {"192.0.2.1", "d  d"}, {"255.255.255.254", "d  high"},
		{"2001:db8::2", "doc  d"}, {"2001:db8::1", "one  d"}, {"2001:db9::", "d  d"}, {"::ffff:10.0.0.1", "ten ten begin"},
		{"nonsense", "none  d"}, {"", "none  d"},
	} {
		if got := s.Get(t, "/net?ip="+c.ip).Body; got != c.want {
			t.Errorf("%s: %q, want %q", c.ip, got, c.want)
		}
	}
	for _, c := range []struct{ header, want string }{
		{"X: y", "loopback no "},
		{"X-Forwarded-For: 192.0.2.1", "loopback test test"},
		{"X-Forwarded-For: 192.0.2.1, 10.0.0.1", "loopback proxy test"},
		{"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.1", "loopback proxy test"},
	} {
		if got := s.Get(t, "/self", c.header).Body; got != c.want {
			t.Errorf("%s: %q, want %q", c.header, got, c.want)
		}
	}
}

func TestSplitClients(t *testing.T) {
	s := webtest.Start(t, head+`
	split_clients $arg_a $split { 50% half; 25.5% quarter; * rest; }
	split_clients $arg_a $part { 0.01% little; }
	split_clients $arg_a $whole { 50% a; 50% b; }
	server { listen 127.0.0.1:8080; return 200 "$split [$part] $whole"; } }`, modules, nil)
	for _, c := range []struct{ text, want string }{
		{"a", "quarter [] b"}, {"ab", "half [] a"}, {"", "half [little] a"}, {"d", "rest [] b"},
	} {
		if got := s.Get(t, "/?a="+c.text).Body; got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{`map $uri x { }`, `invalid variable name "x"`},
		{`map $uri $x { a; }`, `invalid number of the map parameters`},
		{`map $uri $x { a { } }`, `unexpected "{"`},
		{`map $uri $x { default a; default b; }`, `duplicate default map parameter`},
		{`map $uri $x { a 1; A 2; }`, `conflicting parameter "A"`},
		{`map $uri $x { hostnames; *.a.* 1; }`, `invalid hostname or wildcard "*.a.*"`},
		{`map $uri $x { a $nosuch; }`, `unknown "nosuch" variable`},
		{`map $uri $host { }`, `the duplicate "host" variable`},
		{`geo x { }`, `invalid variable name "x"`},
		{`geo $x { a; }`, `invalid number of the geo parameters`},
		{`geo $x { 10.0.0.0/33 a; }`, `invalid network "10.0.0.0/33"`},
		{`geo $x { proxy a; }`, `invalid network "a"`},
		{`geo $x { 10.0.0.1/8 a; }`, `low address bits of 10.0.0.1/8 are meaningless`},
		{`geo $x { 10.0.0.0/8 a; 10.0.0.0/8 b; }`, `duplicate network "10.0.0.0/8", value: "b", old value: "a"`},
		{`geo $x { delete 10.0.0.0/8; }`, `no network "10.0.0.0/8" to delete`},
		{`geo $x { 10.0.0.0/8 a; ranges; }`, `the "ranges" directive must be the first directive inside "geo" block`},
		{`geo $x { ranges; 10.0.0.0/8 a; }`, `invalid range "10.0.0.0/8"`},
		{`geo $x { ranges; 10.0.0.2-10.0.0.1 a; }`, `invalid range "10.0.0.2-10.0.0.1"`},
		{`geo $x { ranges; 10.0.0.0-10.0.0.9 a; 10.0.0.5-10.0.0.20 b; }`, `range "10.0.0.5-10.0.0.20" overlaps "10.0.0.0-10.0.0.9"`},
		{`geo $x { ranges; 10.0.0.0-10.0.0.9 a; 10.0.0.0-10.0.0.9 b; }`, `duplicate range "10.0.0.0-10.0.0.9", value: "b", old value: "a"`},
		{`geo $x { ranges; default a; default b; }`, `duplicate default geo range value: "b", old value: "a"`},
		{`geo $x { ranges; delete 10.0.0.0-10.0.0.9; }`, `no address range "10.0.0.0-10.0.0.9" to delete`},
		{`split_clients $uri $x { 50 a; }`, `invalid percent value "50"`},
		{`split_clients $uri $x { 0% a; }`, `invalid percent value "0%"`},
		{`split_clients $uri $x { 1.234% a; }`, `invalid percent value "1.234%"`},
		{`split_clients $uri $x { 60% a; 60% b; }`, `percent total is greater than 100%`},
	} {
		_, _, errs := webtest.Load(t.TempDir(), head+c.conf+"}", modules)
		if len(errs) != 1 || errs[0].Msg != c.want {
			t.Errorf("%s: %v, want %s", c.conf, errs, c.want)
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	var measured *session.Template
	measure := &web.Module{
		Name: "measure",
		Commands: []nc.Command{{Name: "measure", In: nc.Server, Arity: nc.Take1, Set: func(s *nc.Scope, d *nc.Directive) (err error) {
			measured, err = web.BlockOf(s).HTTP.Template(d, d.Args[0])
			return err
		}}},
		Init: func(h *web.HTTP) error {
			h.Handle(web.Content, func(r *web.Request) web.Code {
				buf := make([]byte, 0, 4096)
				if n := testing.AllocsPerRun(100, func() { buf = measured.Append(&r.Session, buf[:0]) }); n > 0 {
					t.Errorf("%v allocations per request", n)
				}
				return 204
			})
			return nil
		},
	}
	s := webtest.Start(t, head+`
	map $arg_a $m { volatile; hostnames; .example.com x; ~^q y; default z; }
	geo $g { volatile; 127.0.0.0/8 loopback; }
	split_clients $arg_a $s { 50% a; * b; }
	server { listen 127.0.0.1:8080; measure "$m $g $s"; } }`, append([]*web.Module{measure}, modules...), nil)
	if a := s.Get(t, "/?a=WWW.example.com"); a.Status != 204 {
		t.Fatal(a.Raw)
	}
}

func TestMapsInACircleEnd(t *testing.T) {
	s := webtest.Start(t, head+`map $b $a { default "a$b"; } map $a $b { default "b$a"; }
	server { listen 127.0.0.1:8080; return 200 "$a"; } }`, modules, nil)
	if a := s.Get(t, "/"); a.Status != 200 || !strings.HasPrefix(a.Body, "abab") {
		t.Errorf("%d %q", a.Status, a.Body)
	}
}
