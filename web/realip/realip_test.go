package realip_test

import (
	"io"
	"strings"
	"testing"

	trust "tandem/session/realip"
	"tandem/web"
	"tandem/web/realip"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{web.Shared(trust.Module), realip.Module, rewrite.Module}

const head = "events {}\nhttp {\n"

func TestHeaders(t *testing.T) {
	s := webtest.Start(t, head+`
	set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:;
	server { listen 127.0.0.1:8080; server_name localhost;
		return 200 "$remote_addr:$remote_port $realip_remote_addr"; }
	server { listen 127.0.0.1:8080; server_name xff; real_ip_header X-Forwarded-For;
		return 200 "$remote_addr:$remote_port $realip_remote_addr"; }
	server { listen 127.0.0.1:8080; server_name recursive; real_ip_header X-Forwarded-For; real_ip_recursive on;
		return 200 "$remote_addr:$remote_port $realip_remote_addr"; }
	server { listen 127.0.0.1:8080; server_name other; real_ip_header CF-Connecting-IP;
		return 200 "$remote_addr:$remote_port $realip_remote_addr"; }
	server { listen 127.0.0.1:8080; server_name untrusted; set_real_ip_from 192.0.2.0/24;
		return 200 "$remote_addr $realip_remote_addr"; }
	server { listen 127.0.0.1:8080; server_name localhosted; set_real_ip_from localhost;
		return 200 "$remote_addr:$remote_port $realip_remote_addr"; }
}`, modules, nil)
	for _, c := range []struct{ host, headers, want string }{
		{"localhost", "X-Real-IP: 192.0.2.1", "192.0.2.1: 127.0.0.1"},
		{"localhost", "X-Real-IP: 192.0.2.1:1234", "192.0.2.1:1234 127.0.0.1"},
		{"localhost", "X-Real-IP: 2001:DB8::1", "2001:db8::1: 127.0.0.1"},
		{"localhost", "X-Real-IP: ::ffff:192.0.2.1", "::ffff:192.0.2.1: 127.0.0.1"},
		{"localhost", "X-Forwarded-For: 192.0.2.1", "127.0.0.1:PORT 127.0.0.1"},
		{"localhost", "X-Real-IP: nonsense", "127.0.0.1:PORT 127.0.0.1"},
		{"xff", "X-Forwarded-For: 192.0.2.1, 10.0.0.1", "10.0.0.1: 127.0.0.1"},
		{"xff", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2", "192.0.2.2: 127.0.0.1"},
		{"recursive", "X-Forwarded-For: 198.51.100.1, 192.0.2.1, 10.0.0.1", "192.0.2.1: 127.0.0.1"},
		{"recursive", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.1", "192.0.2.1: 127.0.0.1"},
		{"other", "cf-connecting-ip: 192.0.2.1", "192.0.2.1: 127.0.0.1"},
		{"other", "X-Real-IP: 192.0.2.1", "127.0.0.1:PORT 127.0.0.1"},
		{"untrusted", "X-Real-IP: 192.0.2.1", "127.0.0.1 127.0.0.1"},
		{"localhosted", "X-Real-IP: 192.0.2.1", "192.0.2.1: 127.0.0.1"},
	} {
		conn := s.Dial(t)
		port := conn.LocalAddr().String()[len("127.0.0.1:"):]
		// Twice on one connection: each request has an address of its own.
		request := "GET / HTTP/1.1\r\nHost: " + c.host + "\r\n" + c.headers + "\r\n"
		if _, err := io.WriteString(conn, request+"\r\nGET / HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(c.want, "PORT", port)
		if !strings.Contains(string(raw), "\r\n\r\n"+want+"HTTP/1.1") {
			t.Errorf("%s, %s: %q, want %q", c.host, c.headers, raw, want)
		}
		if !strings.HasSuffix(string(raw), "\r\n\r\n127.0.0.1:"+port+" 127.0.0.1") {
			t.Errorf("%s, %s: then %q", c.host, c.headers, raw)
		}
	}
}

func TestLocation(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080; real_ip_header X-Real-IP;
		set $here "/$remote_addr"; error_page 404 /page;
		location /in { set_real_ip_from 127.0.0.1; return 200 $here; }
		location = /page { return 200 "$remote_addr"; }
		location /miss { set_real_ip_from 127.0.0.1; }
	} }`, modules, nil)
	if got := s.Get(t, "/in", "X-Real-IP: 192.0.2.1").Body; got != "/127.0.0.1" {
		t.Errorf("before the location is known: %q", got)
	}
	if got := s.Get(t, "/miss", "X-Real-IP: 192.0.2.1").Body; got != "192.0.2.1" {
		t.Errorf("after an internal redirect: %q", got)
	}
}

func TestProxyProtocol(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080 proxy_protocol; real_ip_header proxy_protocol; set_real_ip_from 127.0.0.1;
		return 200 "$remote_addr:$remote_port $proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port [$proxy_protocol_tlv_alpn$proxy_protocol_tlv_0xe2$proxy_protocol_tlv_nosuch]";
	} }`, modules, nil)
	const v1 = "PROXY TCP4 192.0.2.1 198.51.100.1 1234 5678\r\n"
	const v2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x11\xc0\x00\x02\x02\xc6\x33\x64\x01\x04\xd2\x16\x2e\x01\x00\x02h2"
	const request = "GET / HTTP/1.0\r\n\r\n"
	for _, c := range []struct{ name, header, want string }{
		{"v1", v1, "192.0.2.1:1234 192.0.2.1:1234 198.51.100.1:5678 []"},
		{"v2", v2, "192.0.2.2:1234 192.0.2.2:1234 198.51.100.1:5678 [h2]"},
		{"unknown", "PROXY UNKNOWN\r\n", " : : []"},
	} {
		if raw := s.Raw(t, c.header+request); !strings.HasSuffix(raw, c.want) {
			t.Errorf("%s: %q, want %q", c.name, raw, c.want)
		}
		conn := s.Dial(t)
		for i := range len(c.header) {
			if _, err := io.WriteString(conn, c.header[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"+request); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(conn)
		if err != nil || strings.Count(string(raw), c.want) != 2 {
			t.Errorf("%s in pieces, with two requests: %q %v", c.name, raw, err)
		}
	}
	for _, bad := range []string{request, "PROXY TCP9 a b\r\n" + request, "PROXY UNKNOWN " + strings.Repeat("x", 200)} {
		conn := s.Dial(t)
		_, _ = io.WriteString(conn, bad)
		if raw, _ := io.ReadAll(conn); len(raw) != 0 {
			t.Errorf("%q is answered with %q", bad, raw)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{`set_real_ip_from 10.0.0.1/8;`, `low address bits of 10.0.0.1/8 are meaningless`},
		{`set_real_ip_from no-such-host.invalid;`, `host not found in set_real_ip_from "no-such-host.invalid"`},
		{`real_ip_header a; real_ip_header b;`, `"real_ip_header" directive is duplicate`},
	} {
		_, _, errs := webtest.Load(t.TempDir(), head+c.conf+"}", modules)
		if len(errs) != 1 || errs[0].Msg != c.want {
			t.Errorf("%s: %v, want %s", c.conf, errs, c.want)
		}
	}
}
