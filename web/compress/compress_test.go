package compress_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tandem/internal/race"
	nc "tandem/nginxconf"
	"tandem/session/accesslog"
	"tandem/static"
	"tandem/web"
	"tandem/web/compress"
	"tandem/web/headers"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	"tandem/web/rewrite"
	"tandem/web/ssi"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, static.Index, static.Precompressed, static.Module, pieces, notmodified.Module, headers.Module,
	compress.Gunzip, ssi.Module, compress.Gzip, compress.Brotli, compress.Zstd, ranges.Module, web.Shared(accesslog.Module(accesslog.Combined, web.AppendRoot))}

// pieces answers with the argument's words, each flushed to the client before
// the next is sent, when the test lets it go on.
var pieces = &web.Module{
	Name: "pieces",
	Commands: []nc.Command{{Name: "pieces", In: nc.Location, Arity: nc.NoArgs, Set: func(s *nc.Scope, _ *nc.Directive) error {
		web.BlockOf(s).Location.Handler = func(r *web.Request) web.Code {
			r.DiscardBody()
			r.Response.Status = 200
			r.Response.ContentType = []byte("text/html")
			if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
				return code
			}
			for _, word := range strings.Split(string(r.Args), "+") {
				if code := r.SendBody(web.Chunk{Data: []byte(word), Flush: true}); code != web.OK {
					return code
				}
				<-goOn
			}
			return r.SendBody(web.Chunk{Last: true})
		}
		return nil
	}}},
}

var goOn = make(chan struct{})

func start(t testing.TB, conf string, files map[string]string) *webtest.Server {
	return webtest.Start(t, "events {}\nhttp {\n"+conf+"\n}", modules, files)
}

func unpack(t testing.TB, coding string, body string) string {
	t.Helper()
	in := strings.NewReader(body)
	var out []byte
	var err error
	switch coding {
	case "gzip":
		var z *gzip.Reader
		if z, err = gzip.NewReader(in); err == nil {
			out, err = io.ReadAll(z)
		}
	case "br":
		out, err = io.ReadAll(brotli.NewReader(in))
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(in); err == nil {
			out, err = io.ReadAll(z)
			z.Close()
		}
	case "":
		out, err = io.ReadAll(in)
	}
	if err != nil {
		t.Fatalf("%s: %v in %q", coding, err, body)
	}
	return string(out)
}

func pack(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestQuality(t *testing.T) {
	for _, test := range []struct {
		accept string
		want   int // of gzip
	}{
		{"gzip", 1000}, {"gzip, deflate", 1000}, {"deflate,gzip", 1000}, {"GZIP", 1000}, {"deflate, gzip;q=0.5", 500},
		{"gzip;q=0", 0}, {"gzip;q=0.000", 0}, {"gzip; q=0.001", 1}, {"gzip;Q=1.000", 1000}, {"gzip ; q=0.25, br", 250},
		{"gzip;q=1.001", 0}, {"gzip;q=0.0001", 0}, {"gzip;q=2", 0}, {"gzip;q=", 0}, {"gzip;q", 0}, {"gzip;x=1", 0}, {"gzip;", 1000},
		{"x-gzip", 0}, {"gzipped", 0}, {"gzipx, gzip", 0}, {"x-gzip, gzip", 1000}, {"*", 0}, {"", 0}, {"gzi", 0}, {"gzip\t", 0}, {"gzip,", 1000},
	} {
		if got := compress.Quality([]byte(test.accept), "gzip"); got != test.want {
			t.Errorf("%q: %d, want %d", test.accept, got, test.want)
		}
	}
}

func FuzzQuality(f *testing.F) {
	f.Add("gzip;q=0.5, br")
	f.Add("gzip ;  q=1.")
	f.Fuzz(func(t *testing.T, accept string) {
		if q := compress.Quality([]byte(accept), "gzip"); q < 0 || q > 1000 || q > 0 && !strings.Contains(strings.ToLower(accept), "gzip") {
			t.Errorf("%q: %d", accept, q)
		}
	})
}

func TestChoice(t *testing.T) {
	page := strings.Repeat("some text to compress. ", 100)
	s := start(t, `gzip_vary on; types { text/html html; text/css css; }
	server { listen 127.0.0.1:8080; root html;
		location /all { gzip on; brotli on; zstd on; alias html/; }
		location /gzip { gzip on; gzip_types text/css; alias html/; }
		location /any { gzip on; gzip_types *; gzip_min_length 0; alias html/; }
		location /min { gzip on; gzip_min_length 2301; alias html/; }
		location /br { brotli on; gzip on; brotli_types text/css; alias html/; }
		location /status { gzip on; gzip_min_length 0; default_type text/html; return 201 "created, and long enough"; }
		location /forbidden { gzip on; gzip_min_length 0; default_type text/html; return 403 "no, and long enough"; }
		location /old { gzip on; gzip_http_version 1.0; gzip_disable msie6 "^Bot" x; alias html/; }
		location /encoded { gzip on; add_header Content-Encoding ""; default_type text/html; return 200 "any text that is long enough"; }
	}`, map[string]string{"html/p.html": page, "html/p.css": page, "html/p.bin": page})
	for _, c := range []struct {
		path, headers      string
		coding, vary, etag string
	}{
		{"/all/p.html", "Accept-Encoding: gzip, deflate, br, zstd", "zstd", "Accept-Encoding", "W/"},
		{"/all/p.html", "Accept-Encoding: gzip, deflate, br", "br", "Accept-Encoding", "W/"},
		{"/all/p.html", "Accept-Encoding: gzip", "gzip", "Accept-Encoding", "W/"},
		{"/all/p.html", "Accept-Encoding: gzip;q=1, br;q=0.9, zstd;q=0.8", "gzip", "Accept-Encoding", "W/"},
		{"/all/p.html", "Accept-Encoding: gzip;q=0.1, br;q=0.9, zstd;q=0.8", "br", "Accept-Encoding", "W/"},
		{"/all/p.html", "Accept-Encoding: zstd;q=0, br;q=0, gzip;q=0", "", "Accept-Encoding", `"`},
		{"/all/p.html", "X: y", "", "Accept-Encoding", `"`},
		{"/all/p.css", "Accept-Encoding: gzip", "", "", `"`},
		{"/gzip/p.css", "Accept-Encoding: gzip", "gzip", "Accept-Encoding", "W/"},
		{"/gzip/p.html", "Accept-Encoding: gzip", "gzip", "Accept-Encoding", "W/"},
		{"/gzip/p.bin", "Accept-Encoding: gzip", "", "", `"`},
		{"/any/p.bin", "Accept-Encoding: gzip", "gzip", "Accept-Encoding", "W/"},
		{"/min/p.html", "Accept-Encoding: gzip", "", "", `"`},
		{"/br/p.css", "Accept-Encoding: gzip, br", "br", "Accept-Encoding", "W/"},
		{"/br/p.css", "Accept-Encoding: gzip", "", "Accept-Encoding", `"`},
		{"/br/p.html", "Accept-Encoding: gzip", "gzip", "Accept-Encoding", "W/"},
		{"/status", "Accept-Encoding: gzip", "", "", ""},
		{"/forbidden", "Accept-Encoding: gzip", "gzip", "Accept-Encoding", ""},
		{"/old/p.html", "Accept-Encoding: gzip\r\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows)", "", "Accept-Encoding", `"`},
		{"/old/p.html", "Accept-Encoding: gzip\r\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows; SV1)", "gzip", "Accept-Encoding", "W/"},
		{"/old/p.html", "Accept-Encoding: gzip\r\nUser-Agent: bot", "", "Accept-Encoding", `"`},
		{"/gzip/p.html", "Accept-Encoding: gzip\r\nVia: 1.1 proxy", "", "Accept-Encoding", `"`},
	} {
		a := s.Get(t, c.path, strings.Split(c.headers, "\r\n")...)
		name := c.path + " " + c.headers
		if got := a.Header.Get("Content-Encoding"); got != c.coding {
			t.Errorf("%s: coding %q, want %q", name, got, c.coding)
			continue
		}
		if got := a.Header.Get("Vary"); got != c.vary {
			t.Errorf("%s: Vary %q, want %q", name, got, c.vary)
		}
		if got := a.Header.Get("ETag"); !strings.HasPrefix(got, c.etag) {
			t.Errorf("%s: ETag %q, want %s...", name, got, c.etag)
		}
		if body := unpack(t, c.coding, a.Body); strings.HasSuffix(c.path, ".html") && body != page {
			t.Errorf("%s: %d bytes", name, len(body))
		}
		if c.coding != "" && (a.Header.Get("Accept-Ranges") != "" || a.Header.Get("Content-Length") != "") {
			t.Errorf("%s: head %v", name, a.Header)
		}
	}

	if packed := s.Get(t, "/gzip/p.html", "Accept-Encoding: gzip").Body; !strings.HasPrefix(packed, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\x03") {
		t.Errorf("header of a gzip file: % x", packed[:10])
	}
	head := s.Do(t, "HEAD", "/gzip/p.html", "Accept-Encoding: gzip")
	if head.Header.Get("Content-Encoding") != "gzip" || head.Header.Get("Content-Length") != "" || head.Body != "" {
		t.Errorf("HEAD: %q", head.Raw)
	}
	tag := s.Get(t, "/gzip/p.html", "Accept-Encoding: gzip").Header.Get("ETag")
	if same := s.Get(t, "/gzip/p.html", "Accept-Encoding: gzip", "If-None-Match: "+tag); same.Status != 304 || same.Header.Get("Content-Encoding") != "" {
		t.Errorf("If-None-Match: %q", same.Raw)
	}
	old := s.Raw(t, "GET /old/p.html HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
	if a := webtest.ParseAnswer(t, "GET", old); unpack(t, "gzip", a.Body) != page {
		t.Errorf("HTTP/1.0: %q", old)
	}
}

func TestProxied(t *testing.T) {
	const past, future = "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
	for _, c := range []struct {
		proxied, header, value string
		want                   bool
	}{
		{"off", "", "", false},
		{"any", "", "", true},
		{"expired", "Expires", past, true},
		{"expired", "Expires", future, false},
		{"expired", "Expires", "never", false},
		{"no-cache", "Expires", past, false},
		{"no-cache", "Cache-Control", "public, no-cache", true},
		{"no-cache", "Cache-Control", "no-cache=x", false},
		{"no-store", "Cache-Control", "No-Store;private", true},
		{"private", "Cache-Control", "max-age=1", false},
		{"private expired", "Cache-Control", "private", true},
		{"no_etag no_last_modified", "", "", true},
		{"no_etag", "ETag", `"x"`, false},
		{"no_last_modified", "Last-Modified", past, false},
		{"auth", "Expires", future, false},
	} {
		add := ""
		if c.header != "" {
			add = fmt.Sprintf("add_header %s '%s';", c.header, c.value)
		}
		s := start(t, fmt.Sprintf(`server { listen 127.0.0.1:8080; gzip on; gzip_proxied %s; %s default_type text/html;
			location / { return 200 "a text that is long enough"; } }`, c.proxied, add), nil)
		a := s.Get(t, "/", "Accept-Encoding: gzip", "Via: 1.1 a")
		if got := a.Header.Get("Content-Encoding") == "gzip"; got != c.want {
			t.Errorf("%s with %s: compressed: %t", c.proxied, add, got)
		}
		if c.proxied == "auth" {
			a = s.Get(t, "/", "Accept-Encoding: gzip", "Via: 1.1 a", "Authorization: Basic eDp5")
			if a.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("auth: %q", a.Raw)
			}
		}
	}
}

// Bodies of all sizes, from memory and from files, by every coding and level.
func TestBodies(t *testing.T) {
	var big strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for big.Len() < 1<<20 {
		fmt.Fprintf(&big, "line %d of %x\n", big.Len(), random.Uint64()>>random.IntN(64))
	}
	files := map[string]string{"html/0.html": "", "html/1.html": "x", "html/20.html": strings.Repeat("y", 20), "html/1000.html": big.String()[:1000],
		"html/70000.html": big.String()[:70000]}
	if !testing.Short() {
		files["html/big.html"] = big.String()
	}
	conf := ""
	var levels []string
	for _, c := range []struct {
		name string
		low  int
		high int
	}{{"gzip", 1, 9}, {"brotli", 0, 9}, {"zstd", 1, 22}} {
		for level := c.low; level <= c.high; level += 3 {
			name := fmt.Sprintf("/%s%d/", c.name, level)
			levels = append(levels, name)
			conf += fmt.Sprintf("location %s { %s on; %s_comp_level %d; %s_min_length 0; alias html/; }\n", name, c.name, c.name, level, c.name)
		}
	}
	s := start(t, "server { listen 127.0.0.1:8080; brotli_window 64k; "+conf+" }", files)
	for _, prefix := range levels {
		for name, want := range files {
			a := s.Get(t, prefix+strings.TrimPrefix(name, "html/"), "Accept-Encoding: gzip, br, zstd")
			coding := a.Header.Get("Content-Encoding")
			if coding == "" || !strings.Contains(prefix, map[string]string{"br": "brotli"}[coding]) {
				t.Errorf("%s%s: %v", prefix, name, a.Header)
			}
			if got := unpack(t, coding, a.Body); got != want {
				t.Errorf("%s%s: %d bytes, want %d", prefix, name, len(got), len(want))
			}
		}
	}
}

// What a handler has flushed reaches the client although more is to come.
func TestFlush(t *testing.T) {
	s := start(t, `server { listen 127.0.0.1:8080;
		location /gzip { gzip on; pieces; } location /brotli { brotli on; pieces; } location /zstd { zstd on; pieces; } }`, nil)
	for coding, path := range map[string]string{"gzip": "/gzip", "br": "/brotli", "zstd": "/zstd"} {
		c := s.Dial(t)
		fmt.Fprintf(c, "GET %s?first+second+third HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: %s\r\nConnection: close\r\n\r\n", path, coding)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader
		switch coding {
		case "gzip":
			if body, err = gzip.NewReader(resp.Body); err != nil {
				t.Fatal(err)
			}
		case "br":
			body = brotli.NewReader(resp.Body)
		case "zstd":
			z, err := zstd.NewReader(resp.Body, zstd.WithDecoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			body = z
		}
		for _, word := range []string{"first", "second", "third"} {
			got := make([]byte, len(word))
			if _, err := io.ReadFull(body, got); err != nil || string(got) != word {
				t.Fatalf("%s: %q %v, want %s", coding, got, err, word)
			}
			goOn <- struct{}{}
		}
		if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
			t.Errorf("%s: rest %q %v", coding, rest, err)
		}
	}
}

func TestRatio(t *testing.T) {
	s := start(t, `log_format ratio "$uri $gzip_ratio $brotli_ratio $zstd_ratio";
	server { listen 127.0.0.1:8080; access_log ratio.log ratio; gzip on;
		location / { root html; } location /plain { gzip off; root html; } }`, map[string]string{"html/a.html": strings.Repeat("a", 10000)})
	packed := s.Get(t, "/a.html", "Accept-Encoding: gzip").Body
	s.Get(t, "/plain", "Accept-Encoding: gzip")
	log, err := os.ReadFile(filepath.Join(s.Dir, "ratio.log"))
	want := fmt.Sprintf("/a.html %.2f - -\n/plain - - -\n", 10000/float64(len(packed)))
	if err != nil || string(log) != want {
		t.Errorf("log %q %v, want %q", log, err, want)
	}
}

func TestPrecompressed(t *testing.T) {
	s := start(t, `gzip_vary on;
	server { listen 127.0.0.1:8080; root html;
		location / { gzip_static on; brotli_static on; zstd_static on; }
		location /always/ { gzip_static always; gunzip on; alias html/; }
		location /quiet/ { gzip_static on; gzip_vary off; alias html/; }
		location /twice/ { gzip_static on; gzip on; gzip_min_length 0; alias html/; }
	}`, map[string]string{
		"html/a.html": "plain", "html/a.html.gz": pack(t, "packed"), "html/a.html.br": "br", "html/a.html.zst": "zst",
		"html/b.html": "plain", "html/b.html.gz": pack(t, "packed"), "html/c.html": "plain", "html/d.html.gz": pack(t, "packed"),
		"html/e.html": "plain", "html/e.html.gz/file": "",
	})
	if err := os.Chtimes(filepath.Join(s.Dir, "html/a.html.gz"), time.Unix(1, 0), time.Unix(1_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, accept, coding, body, vary string }{
		{"/a.html", "gzip, br, zstd", "zstd", "zst", "Accept-Encoding"},
		{"/a.html", "gzip, br", "br", "br", "Accept-Encoding"},
		{"/a.html", "gzip, br;q=0.5", "gzip", "", "Accept-Encoding"},
		{"/a.html", "identity", "", "plain", "Accept-Encoding"},
		{"/b.html", "gzip, br, zstd", "gzip", "", "Accept-Encoding"},
		{"/b.html", "br", "", "plain", "Accept-Encoding"},
		{"/c.html", "gzip, br", "", "plain", ""},
		{"/d.html", "gzip", "gzip", "", "Accept-Encoding"},
		{"/e.html", "gzip", "", "plain", ""},
		{"/quiet/a.html", "identity", "", "plain", ""},
		{"/quiet/a.html", "gzip", "gzip", "", ""},
		{"/always/a.html", "identity", "", "packed", "Accept-Encoding"},
		{"/always/a.html", "gzip", "gzip", "", "Accept-Encoding"},
		{"/twice/a.html", "gzip", "gzip", "", "Accept-Encoding"},
	} {
		a := s.Get(t, c.path, "Accept-Encoding: "+c.accept)
		body := a.Body
		if c.coding == "gzip" {
			body, c.body = unpack(t, "gzip", body), "packed"
		}
		if a.Status != 200 || a.Header.Get("Content-Encoding") != c.coding || body != c.body || a.Header.Get("Vary") != c.vary || a.Header.Get("Content-Type") != "text/html" {
			t.Errorf("%s for %s: %d %v %q", c.path, c.accept, a.Status, a.Header, body)
		}
	}
	a := s.Get(t, "/quiet/a.html", "Accept-Encoding: gzip", "Range: bytes=0-1")
	if a.Status != 206 || a.Body != "\x1f\x8b" || a.Header.Get("Last-Modified") != "Mon, 12 Jan 1970 13:46:40 GMT" || a.Header.Get("Content-Length") != "2" {
		t.Errorf("range: %q", a.Raw)
	}
	if a := s.Do(t, "POST", "/d.html", "Accept-Encoding: gzip"); a.Status != 405 && a.Status != 404 {
		t.Errorf("POST: %d", a.Status)
	}
}

func TestGunzip(t *testing.T) {
	var big strings.Builder
	for big.Len() < 300<<10 {
		fmt.Fprintf(&big, "line %d\n", big.Len())
	}
	s := start(t, `server { listen 127.0.0.1:8080; root html; gunzip on; add_header Content-Encoding gzip; ssi_types text/plain;
		location /ssi { ssi on; add_header X 1; gzip_static always; } location /off { gunzip off; alias html/; add_header Content-Encoding gzip; }
		location /br { brotli on; brotli_min_length 0; brotli_types text/plain; alias html/; add_header Content-Encoding gzip; } }`,
		map[string]string{
			"html/big": pack(t, big.String()), "html/small": pack(t, "text"), "html/two": pack(t, "one ") + pack(t, "two"),
			"html/cut": pack(t, big.String())[:500], "html/garbage": "no gzip file", "html/behind": pack(t, "text") + "garbage",
			"html/ssi/a": `<!--#include virtual="/ssi/small" --> and <!--#include virtual="/ssi/two" -->`, "html/ssi/small.gz": pack(t, "text"),
			"html/ssi/two.gz": pack(t, "one ") + pack(t, "two"),
		})
	for path, want := range map[string]string{"/big": big.String(), "/small": "text", "/two": "one two", "/ssi/a": "text and one two"} {
		a := s.Get(t, path)
		if a.Header.Get("Content-Encoding") != "" || a.Body != want || a.Header.Get("Content-Length") != "" {
			t.Errorf("%s: %v %.100q", path, a.Header, a.Body)
		}
	}
	if a := s.Get(t, "/small", "Accept-Encoding: gzip"); a.Header.Get("Content-Encoding") != "gzip" || unpack(t, "gzip", a.Body) != "text" {
		t.Errorf("accepted: %q", a.Raw)
	}
	if a := s.Get(t, "/off/small"); a.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("off: %q", a.Raw)
	}
	if a := s.Get(t, "/br/small", "Accept-Encoding: br"); a.Header.Get("Content-Encoding") != "br" || unpack(t, "br", a.Body) != "text" {
		t.Errorf("repacked: %q", a.Raw)
	}
	// What cannot be unpacked ends the connection without an end of the body.
	for _, path := range []string{"/cut", "/garbage", "/behind"} {
		raw := s.Raw(t, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if strings.HasSuffix(raw, "0\r\n\r\n") {
			t.Errorf("%s: %q", path, raw)
		}
	}
}

// The filter takes no memory of its own for each response.
func TestAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector makes pools forget")
	}
	s := start(t, `server { listen 127.0.0.1:8080; root html; gzip on; keepalive_requests 1000000; access_log off; }`,
		map[string]string{"html/a.html": strings.Repeat("some text. ", 500)})
	c := s.Dial(t)
	request := []byte("GET /a.html HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
	buf := make([]byte, 64<<10)
	do := func(size int) int {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			got, err := c.Read(buf[n:])
			if err != nil {
				t.Fatal(err)
			}
			if n += got; n >= size {
				return n
			}
		}
	}
	size := do(0)
	if !bytes.Contains(buf[:size], []byte("Content-Encoding: gzip")) || !bytes.HasSuffix(buf[:size], []byte("0\r\n\r\n")) {
		t.Fatalf("%q", buf[:size])
	}
	for end := time.Now().Add(5 * time.Second); ; {
		// Pools may be emptied by a collection meanwhile, and files are kept
		// only when they have not just been written.
		n := testing.AllocsPerRun(100, func() { do(size) })
		if n == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v allocations a response", n)
		}
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		"gzip_comp_level 10;":       `value must be between 1 and 9 in`,
		"gzip_window 3k;":           `"gzip_window" directive must be 512, 1k, 2k, 4k, 8k, 16k, or 32k in`,
		"gzip_hash 256k;":           `"gzip_hash" directive must be 512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k in`,
		"gzip_buffers 0 4k;":        `"gzip_buffers" directive invalid value in`,
		"gzip_proxied some;":        `invalid value "some" in`,
		"gzip_http_version 2.0;":    `invalid value "2.0" in`,
		"gzip_static maybe;":        `invalid value "maybe" in`,
		"brotli_comp_level 12;":     `value must be between 0 and 11 in`,
		"brotli_window 3k;":         `"brotli_window" directive must be 1k, 2k, 4k, 8k, 16k, 32k, 64k, 128k, 256k, 512k, 1m, 2m, 4m, 8m or 16m in`,
		"zstd_comp_level 0;":        `value must be between 1 and 22 in`,
		"gunzip maybe;":             `invalid value "maybe" in "gunzip" directive, it must be "on" or "off" in`,
		`gzip_disable "MSIE [1-6";`: `pcre2_compile() failed`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+conf+"\n}\n", modules)
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) || errs[0].Pos.Line != 3 {
			t.Errorf("%s: %v", conf, errs)
		}
	}
}

func BenchmarkGzip(b *testing.B) {
	s := start(b, `server { listen 127.0.0.1:8080; root html; gzip on; keepalive_requests 100000000; access_log off; }`,
		map[string]string{"html/a.html": strings.Repeat("some text to compress. ", 500)})
	c := s.Dial(b)
	_ = c.SetDeadline(time.Time{})
	buf := make([]byte, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = io.WriteString(c, "GET /a.html HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
		for n := 0; !bytes.HasSuffix(buf[:n], []byte("0\r\n\r\n")); {
			got, err := c.Read(buf[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += got
		}
	}
}
