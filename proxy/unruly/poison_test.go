package unruly

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	"tandem/web/webtest"
)

// mirrorBackend answers with what it has been asked for, as far as an application might
// heed it. What it says may be kept, unless it is an error.
func mirrorBackend(t *testing.T) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	modified := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	server := &http.Server{MaxHeaderBytes: 64 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, lines := range r.Header {
			for _, v := range lines {
				if len(v) > 5000 || strings.ContainsRune(v, 7) {
					http.Error(w, "too much", http.StatusRequestHeaderFieldsTooLarge)
					return
				}
			}
		}
		if r.Header.Get("X-Http-Method-Override") == "DELETE" {
			http.Error(w, "not allowed", http.StatusMethodNotAllowed)
			return
		}
		if r.URL.Query().Get("error") != "" {
			w.Header().Set("Cache-Control", "max-age=100")
			http.Error(w, "an error that may be kept", http.StatusNotFound)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "max-age=100")
		h.Set("ETag", `"x"`)
		text := r.Method + " " + r.RequestURI
		for _, name := range []string{"X-Forwarded-Host", "X-Original-Url", "X-Forwarded-Scheme", "Cookie", "Accept-Encoding", "X-Secret"} {
			if v := r.Header.Get(name); v != "" {
				text += " " + name + "=" + v
			}
		}
		if len(body) > 0 {
			text += " body=" + string(body)
		}
		http.ServeContent(w, r, "x.txt", modified, strings.NewReader(text))
	})}
	go func() { _ = server.Serve(l) }()
	return l.Addr().String()
}

// poisonings are requests that try to leave something in the cache that the next one,
// who asks plainly for the path, is to get. PATH is the path. What the next one gets
// is the same with nginx; want is what that must be: "whole" is the answer to the
// plain request, which has nothing of the first one's, "" is what nginx has, because
// the application answers by a field that is not in the key.
var poisonings = []struct {
	name, request, want string
}{
	{name: "nothing", request: "GET PATH HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "unkeyed host", request: "GET PATH HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: evil\r\n\r\n"},
	{name: "unkeyed URL", request: "GET PATH HTTP/1.1\r\nHost: x\r\nX-Original-URL: /admin\r\n\r\n"},
	{name: "unkeyed scheme", request: "GET PATH HTTP/1.1\r\nHost: x\r\nX-Forwarded-Scheme: http\r\n\r\n"},
	{name: "cookie", request: "GET PATH HTTP/1.1\r\nHost: x\r\nCookie: mine=1\r\n\r\n"},
	{name: "encoding", request: "GET PATH HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br\r\n\r\n"},
	{name: "other host", request: "GET PATH HTTP/1.1\r\nHost: evil\r\n\r\n", want: "whole"},
	{name: "absolute form", request: "GET http://evilPATH HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "method override", request: "GET PATH HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: DELETE\r\n\r\n", want: "whole"},
	{name: "body of a GET", request: "GET PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nevil"},
	{name: "chunked body of a GET", request: "GET PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"},
	{name: "range", request: "GET PATH HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n", want: "whole"},
	{name: "last bytes", request: "GET PATH HTTP/1.1\r\nHost: x\r\nRange: bytes=-1\r\n\r\n", want: "whole"},
	{name: "several ranges", request: "GET PATH HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0,2-2\r\n\r\n", want: "whole"},
	{name: "range behind the end", request: "GET PATH HTTP/1.1\r\nHost: x\r\nRange: bytes=9999-\r\n\r\n", want: "whole"},
	{name: "range that is none", request: "GET PATH HTTP/1.1\r\nHost: x\r\nRange: lines=1-2\r\n\r\n", want: "whole"},
	{name: "if-range", request: "GET PATH HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\nIf-Range: \"x\"\r\n\r\n", want: "whole"},
	{name: "HEAD", request: "HEAD PATH HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "HEAD with a range", request: "HEAD PATH HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n", want: "whole"},
	{name: "any tag", request: "GET PATH HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n", want: "whole"},
	{name: "its tag", request: "GET PATH HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"x\"\r\n\r\n", want: "whole"},
	{name: "another tag", request: "GET PATH HTTP/1.1\r\nHost: x\r\nIf-Match: \"y\"\r\n\r\n", want: "whole"},
	{name: "not since", request: "GET PATH HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: Fri, 01 Jan 2027 00:00:00 GMT\r\n\r\n", want: "whole"},
	{name: "long field", request: "GET PATH HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("a", 6000) + "\r\n\r\n", want: "whole"},
	{name: "control character", request: "GET PATH HTTP/1.1\r\nHost: x\r\nX-Bell: a\a\r\n\r\n", want: "whole"},
	{name: "field of the connection", request: "GET PATH HTTP/1.1\r\nHost: x\r\nX-Secret: s\r\nConnection: X-Secret, close\r\n\r\n"},
	{name: "orders to the server", request: "GET PATH HTTP/1.1\r\nHost: x\r\nX-Accel-Expires: 0\r\nX-Accel-Redirect: /admin\r\n\r\n", want: "whole"},
	{name: "not to be stored", request: "GET PATH HTTP/1.1\r\nHost: x\r\nCache-Control: no-store\r\nPragma: no-cache\r\n\r\n", want: "whole"},
	{name: "POST", request: "POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nevil", want: "whole"},
	{name: "unknown method", request: "PROPFIND PATH HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "dot segments", request: "GET /x/..PATH HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "escaped", request: "GET /x/%2e%2ePATH HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "two slashes", request: "GET /PATH HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "empty query", request: "GET PATH? HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "fragment", request: "GET PATH#x HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "escaped line end", request: "GET PATH%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "an error elsewhere", request: "GET PATH?error=1 HTTP/1.1\r\nHost: x\r\n\r\n", want: "whole"},
	{name: "HTTP/1.0", request: "GET PATH HTTP/1.0\r\n\r\n", want: "whole"},
	{name: "HTTP/0.9", request: "GET PATH\r\n", want: "whole"},
	{name: "two hosts", request: "GET PATH HTTP/1.1\r\nHost: x\r\nHost: evil\r\n\r\n", want: "whole"},
	{name: "no host", request: "GET PATH HTTP/1.1\r\n\r\n", want: "whole"},
	{name: "two lengths", request: "GET PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\nevil", want: "whole"},
	{name: "length and chunks", request: "GET PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: "whole"},
}

// said is what a server answers to one request over a connection of its own.
func said(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		return "it does not listen to the end"
	}
	method, _, _ := strings.Cut(request, " ")
	if strings.HasSuffix(strings.SplitN(request, "\r\n", 2)[0], "HTTP/1.1") || strings.Contains(request, "HTTP/1.0") {
		a, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			return "no answer"
		}
		body, err := io.ReadAll(a.Body)
		if err != nil {
			return fmt.Sprintf("%d, broken off", a.StatusCode)
		}
		return fmt.Sprintf("%d %s %q", a.StatusCode, a.Header.Get("X-Cache"), body)
	}
	body, _ := io.ReadAll(c)
	return fmt.Sprintf("%q", body)
}

// TestPoisoning: what one request leaves for the next one, beside nginx; and where
// RFC 9111 is followed.
func TestPoisoning(t *testing.T) {
	back := mirrorBackend(t)
	conf := `proxy_cache_path FOLDER levels=1:2 keys_zone=z:1m; add_header X-Cache $upstream_cache_status always; large_client_header_buffers 4 32k;
		server { listen LISTEN; location / { proxy_pass http://` + back + `; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_cache z; } }`
	its := startNginx(t, strings.Replace(conf, "FOLDER", t.TempDir(), 1)).addr
	modules := []*web.Module{exchange.Module, proxy.Module, notmodified.Module, ranges.Module, headers.Module}
	w := webtest.Start(t, "events {}\nhttp {\n"+strings.NewReplacer("FOLDER", t.TempDir(), "LISTEN", "127.0.0.1:8080").Replace(conf)+"}", modules, nil)
	ours := w.Addr(t, "8080")
	w = webtest.Start(t, "events {}\nhttp {\nproxy_cache_rfc9111 on;\n"+strings.NewReplacer("FOLDER", t.TempDir(), "LISTEN", "127.0.0.1:8080").Replace(conf)+"}", modules, nil)
	strict := w.Addr(t, "8080")
	var tests sync.WaitGroup
	defer tests.Wait()
	for i, p := range poisonings {
		tests.Go(func() {
			path := fmt.Sprintf("/p%d", i)
			plain := "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"
			first := [2]string{}
			next := [2]string{}
			for k, addr := range []string{ours, its} {
				first[k] = said(t, addr, strings.Replace(p.request, "PATH", path, 1))
				next[k] = said(t, addr, plain)
			}
			if next[0] != next[1] {
				t.Errorf("%s: the next one gets %s, with nginx %s\n\tthe first one got %s, with nginx %s", p.name, next[0], next[1], first[0], first[1])
			}
			said(t, strict, strings.Replace(p.request, "PATH", path, 1))
			for _, got := range []string{next[0], said(t, strict, plain)} {
				if p.want == "whole" && !strings.HasSuffix(got, fmt.Sprintf(" %q", "GET "+path)) {
					t.Errorf("%s: the next one gets %s\n\tthe first one got %s", p.name, got, first[0])
				}
			}
		})
	}
}
