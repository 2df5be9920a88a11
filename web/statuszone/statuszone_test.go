package statuszone_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/session/ssl"
	"tandem/status"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/statuszone"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, web.Shared(ssl.Module), statuszone.Module}

// lines are the zones with what has been counted that tests can know.
func lines(zones []status.Zone) []string {
	var list []string
	for i := range zones {
		z := &zones[i]
		var took uint64
		for _, n := range z.Durations.Buckets {
			took += n
		}
		if took != z.Requests {
			list = append(list, fmt.Sprintf("%d durations of %d requests", took, z.Requests))
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%q %d %v", z.Name, z.Requests, z.Responses)))
	}
	return list
}

// check waits until the zones are as wanted: a request is counted when its client has
// the response.
func check(t *testing.T, s *webtest.Server, what string, zones func(servers, locations []status.Zone) []status.Zone, want ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got = lines(zones(statuszone.Report(&s.HTTP.Realm))); slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
}

func ofServers(servers, _ []status.Zone) []status.Zone     { return servers }
func ofLocations(_, locations []status.Zone) []status.Zone { return locations }

const conf = `events {}
http {
	server { listen 127.0.0.1:8080; server_name localhost;
		status_zone one;
		return 200 "hello";
		location /if { status_zone inside; if ($arg_a) { status_zone off; } return 204; }
	}
	server { listen 127.0.0.1:8080; server_name b.test;
		location / { status_zone $uri zone=paths:2; return 200; }
		location /inner/ { status_zone outer; location /inner/x { return 404; } location /inner/off { status_zone off; return 404; } }
		location /close { return 444; }
	}
}`

func TestZones(t *testing.T) {
	s := webtest.Start(t, conf, modules, nil)
	s.Get(t, "/")
	s.Get(t, "/")
	for _, path := range []string{"/a", "/b", "/c", "/a", "/paths", "/inner/x", "/inner/off", "/close"} {
		s.Raw(t, "GET "+path+" HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n")
	}
	s.Raw(t, "GET\r\n\r\n")
	check(t, s, "servers", ofServers, `"" 8 map[200:5 404:2]`, `"one" 3 map[200:2 400:1]`)
	check(t, s, "locations", ofLocations, `"/a" 2 map[200:2]`, `"/b" 1 map[200:1]`, `"inside" 0 map[]`, `"outer" 1 map[404:1]`, `"paths" 2 map[200:2]`)
	servers, _ := statuszone.Report(&s.HTTP.Realm)
	if z := servers[0]; z.Discarded != 1 || z.Processing != 0 || z.Sent < 1000 || z.Received < 8*40 || z.Durations.Sum <= 0 {
		t.Errorf("%+v", z)
	}
	if z := servers[1]; z.Processing != 0 {
		t.Errorf("%+v", z)
	}

	// What was counted is not forgotten by a reload; zones that are gone are.
	s.Reload(t, strings.Replace(conf, "status_zone outer", "status_zone other", 1), modules)
	s.Get(t, "/")
	check(t, s, "servers after a reload", ofServers, `"" 8 map[200:5 404:2]`, `"one" 4 map[200:3 400:1]`)
	check(t, s, "locations after a reload", ofLocations, `"/a" 2 map[200:2]`, `"/b" 1 map[200:1]`, `"inside" 0 map[]`, `"other" 0 map[]`, `"paths" 2 map[200:2]`)
}

// A request counts as one that is being answered until it has been.
func TestProcessing(t *testing.T) {
	waiting, goOn := make(chan struct{}), make(chan struct{})
	wait := &web.Module{Name: "wait", Init: func(h *web.HTTP) error {
		h.Handle(web.Content, func(*web.Request) web.Code {
			waiting <- struct{}{}
			<-goOn
			return 404
		})
		return nil
	}}
	s := webtest.Start(t, `events {} http { server { listen 127.0.0.1:8080; status_zone one; } }`, append(slices.Clone(modules), wait), nil)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		s.Get(t, "/")
	}()
	<-waiting
	if servers, _ := statuszone.Report(&s.HTTP.Realm); servers[0].Processing != 1 || servers[0].Requests != 0 {
		t.Errorf("%+v", servers)
	}
	close(goOn)
	<-answered
	check(t, s, "servers", ofServers, `"one" 1 map[404:1]`)
	if servers, _ := statuszone.Report(&s.HTTP.Realm); servers[0].Processing != 0 {
		t.Errorf("%+v", servers)
	}
}

func TestHandshakes(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "localhost")
	s := webtest.Start(t, `events {}
http { ssl_certificate cert.pem; ssl_certificate_key key.pem;
	server { listen 127.0.0.1:8080 ssl; status_zone a; }
	server { listen 127.0.0.1:8080 ssl; server_name b.test; status_zone b; }
}`, modules, map[string]string{"cert.pem": cert, "key.pem": key})
	cache := tls.NewLRUClientSessionCache(1)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13, tls.VersionTLS13} {
		c, err := tls.Dial("tcp", s.Addr(t, "8080"), &tls.Config{InsecureSkipVerify: true, ServerName: "b.test", MaxVersion: version, ClientSessionCache: cache})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); err != nil { // and with it the ticket
			t.Fatal(err)
		}
		_ = c.Close()
	}
	raw, err := net.Dial("tcp", s.Addr(t, "8080"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write([]byte("\x16\x03\x01\x00\x05hello")); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(raw)
	servers, _ := statuszone.Report(&s.HTTP.Realm)
	a, b := servers[0].TLS, servers[1].TLS
	if a == nil || a.Failed != 1 || a.Done != 0 {
		t.Errorf("a: %+v", a)
	}
	if b == nil || b.Failed != 0 || b.Done != 3 || b.Reused != 1 || fmt.Sprint(b.Versions) != "map[TLS 1.2:1 TLS 1.3:2]" {
		t.Errorf("b: %+v", b)
	}
}

// A thousand values of a key are no thousand zones.
func TestValuesAreBounded(t *testing.T) {
	s := webtest.Start(t, `events {} http { server { listen 127.0.0.1:8080; status_zone $arg_a zone=a:3; return 200; } }`, modules, nil)
	c := s.Dial(t)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 4096)
	for i := range 1000 {
		if _, err := fmt.Fprintf(c, "GET /?a=%d HTTP/1.1\r\nHost: a\r\n\r\n", i); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	check(t, s, "servers", ofServers, `"0" 1 map[200:1]`, `"1" 1 map[200:1]`, `"2" 1 map[200:1]`, `"a" 997 map[200:997]`)
}

func TestCountingAllocatesNothing(t *testing.T) {
	s := webtest.Start(t, `events {} http { keepalive_requests 1000000; server { listen 127.0.0.1:8080; status_zone $uri zone=a:3;
		location / { status_zone l; return 200 hello; } } }`, modules, nil)
	s.NoAllocations(t, "/x", "hello")
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"status_zone a; status_zone b;":                  `"status_zone" directive is duplicate`,
		"status_zone a b;":                               `invalid parameter "b"`,
		"status_zone a zone=;":                           `invalid zone name ""`,
		"status_zone a zone=a:0;":                        `invalid number of values "0"`,
		"status_zone a zone=a:x;":                        `invalid number of values "x"`,
		"status_zone $nosuch zone=a;":                    `unknown "nosuch" variable`,
		"status_zone " + strings.Repeat("x", 256) + ";":  `zone name "` + strings.Repeat("x", 256) + `" must be less than 255 characters`,
		"location / { status_zone off; status_zone a; }": `"status_zone" directive is duplicate`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { server {\n"+text+"\n} }\n", modules)
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) || errs[0].Pos.Line != 3 {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}
