package memcached

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"strings"
	"testing"

	"tandem/internal/errorlog"
	"tandem/proxy/exchange"
	"tandem/session"
	"tandem/web"
	"tandem/web/compress"
	"tandem/web/ranges"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{exchange.Module, Module, rewrite.Module, compress.Gunzip, ranges.Module}

// serve is a memcached that has these values; the key says what else it does.
func serve(t *testing.T, s *webtest.Server, values map[string]string) {
	webtest.Backend(t, s.Addr(t, "8081"), func(c net.Conn) {
		in := bufio.NewScanner(c)
		for in.Scan() {
			key, _ := strings.CutPrefix(in.Text(), "get ")
			answer, ok := values[key]
			if !ok {
				answer = "END\r\n"
			}
			if _, err := c.Write([]byte(answer)); err != nil {
				return
			}
		}
	})
}

func value(key, flags, v string) string {
	return fmt.Sprintf("VALUE %s %s %d\r\n%s\r\nEND\r\n", key, flags, len(v), v)
}

func TestMemcached(t *testing.T) {
	s := webtest.Start(t, `events {}
http { upstream m { server 127.0.0.1:8081; keepalive 1; }
	server { listen 127.0.0.1:8080; gunzip on;
		location / { set $memcached_key $uri$args; memcached_pass m; memcached_gzip_flag 2; error_page 404 = @none; }
		location /unset/ { memcached_pass m; }
		location @none { return 200 "not there"; }
	} }`, modules, nil)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte("zipped value"))
	_ = w.Close()
	serve(t, s, map[string]string{
		"/a":        value("/a", "0", "a value"),
		"/empty":    value("/empty", "0", ""),
		"/a%20b%25": value("/a%20b%25", "0", "escaped"),
		"/zip":      value("/zip", "3", zipped.String()),
		"/key":      value("/other", "0", "wrong"),
		"/flags":    value("/flags", "x", "wrong"),
		"/length":   "VALUE /length 0 x\r\n",
		"/nonsense": "ERROR\r\n",
		"/bare":     "VALUE /bare 0 1\nx\r\nEND\r\n",
		"/more":     value("/more", "0", "more") + "more",
		"/trailer":  "VALUE /trailer 0 4\r\nmore\r\nEMD\r\n",
	})
	for _, c := range []struct {
		method, path, field string
		status              int
		body                string
	}{
		{"GET", "/a", "", 200, "a value"},
		{"HEAD", "/a", "", 200, ""},
		{"GET", "/a", "Range: bytes=2-", 206, "value"},
		{"GET", "/empty", "", 200, ""},
		{"GET", "/a%20b%25", "", 200, "escaped"},
		{"GET", "/zip", "", 200, "zipped value"},
		{"GET", "/zip", "Accept-Encoding: gzip", 200, zipped.String()},
		{"GET", "/none", "", 200, "not there"},
		{"POST", "/a", "", 405, "*"},
		{"GET", "/unset/", "", 500, "*"},
		{"GET", "/key", "", 502, "*"},
		{"GET", "/flags", "", 502, "*"},
		{"GET", "/length", "", 502, "*"},
		{"GET", "/nonsense", "", 502, "*"},
		{"GET", "/bare", "", 502, "*"},
		{"GET", "/more", "", 200, "more"},
		{"GET", "/trailer", "", 200, "more"},
		{"GET", "/a", "", 200, "a value"},
	} {
		var fields []string
		if c.field != "" {
			fields = append(fields, c.field)
		}
		if a := s.Do(t, c.method, c.path, fields...); a.Status != c.status || c.body != "*" && a.Body != c.body {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, a.Status, a.Body, c.status, c.body)
		}
	}
	for _, want := range []string{"was not found by memcached", "invalid key in response", "invalid flags in response", "invalid length in response",
		"invalid response: \\\"ERROR\\\"", "invalid trailer", "the \\\"$memcached_key\\\" variable is not set"} {
		if log := s.Log(); !strings.Contains(log, strings.ReplaceAll(want, `\"`, `"`)) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(value("k", "0", "value")), 3)
	f.Add([]byte("END\r\n"), 1)
	f.Add([]byte("VALUE k 2 5\r\nvalue\r\nEND\r\nmore"), 30)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		c := bareCall()
		n, err := c.ParseHead(b)
		if n > len(b) || n < 0 {
			t.Fatalf("%d bytes of %d", n, len(b))
		}
		if n == 0 || err != nil {
			return
		}
		got := int64(0)
		for rest := b[n:]; len(rest) > 0 && !c.Done; {
			data, n, err := c.ParseBody(rest[:min(max(size, 1), len(rest))])
			if err != nil || n == 0 || len(data) > n {
				t.Fatalf("%d bytes, %d of them data: %v", n, len(data), err)
			}
			got += int64(len(data))
			rest = rest[n:]
		}
		if got > c.Head.ContentLength || c.Reusable && got != c.Head.ContentLength {
			t.Fatalf("%d bytes of %d", got, c.Head.ContentLength)
		}
	})
}

// bareCall returns a call whose request has no client and whose log is silent.
func bareCall() *call {
	c := &call{settings: new(settings), key: []byte("k")}
	c.settings.gzipFlag.V = 2
	c.Request = web.NewRequest(nil)
	c.Request.Server = &web.Server{HTTP: &web.HTTP{Realm: session.Realm{Log: errorlog.New()}}}
	c.Request.Main = c.Request
	c.Exchange.Settings = &c.settings.Settings
	c.Head.Reset()
	return c
}
