package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"tandem/web/webtest"
)

// goBackend is Go's own HTTP/2 server, in clear with prior knowledge; streams is how
// many a connection may have at once, 0 for Go's default.
func goBackend(t testing.TB, streams int, handle http.HandlerFunc) *httptest.Server {
	b := httptest.NewUnstartedServer(handle)
	b.Config.Protocols = new(http.Protocols)
	b.Config.Protocols.SetUnencryptedHTTP2(true)
	b.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// version2 is a configuration whose back end at addr is spoken to over HTTP/2; its
// connections are kept.
func version2(addr, more string) string {
	return begin + `upstream back { server ` + addr + `; keepalive 4; }
	server { listen 127.0.0.1:8080; proxy_http_version 2; proxy_pass_trailers on; ` + more + `
		location / { proxy_pass http://back; } } }`
}

// Somebody else's server understands requests, and is understood: methods, heads
// and bodies of any size, both ways, and what stands behind them.
func TestVersion2(t *testing.T) {
	var conns sync.Map
	b := goBackend(t, 0, func(w http.ResponseWriter, r *http.Request) {
		conns.Store(r.RemoteAddr, true)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Got", fmt.Sprint(r.Method, " ", r.URL.RequestURI(), " ", r.Host, " ", r.Proto, " ", r.Header.Get("X-One"), " ", r.ContentLength))
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(201)
		_, _ = w.Write(body)
		w.Header().Set("X-Sum", fmt.Sprint(len(body)))
	})
	s := webtest.New(t, version2(b.Listener.Addr().String(), "client_max_body_size 0; client_body_buffer_size 64k;"), modules, nil)
	for _, size := range []int{-1, 0, 1, 1000, 20000, 70000, 300000, 3 << 20} {
		for _, announced := range []bool{true, false} {
			x := &webtest.Exchange{Target: "/a%20b?c=d", Fields: []string{"X-One: 1", "Connection: x", "TE: trailers"}, Announced: announced && size >= 0}
			want := "GET /a%20b?c=d back HTTP/2.0 1 0"
			body := ""
			if size >= 0 {
				body = strings.Repeat("0123456789", size/10+1)[:size]
				x.Method, x.Body = "POST", []string{body}
				want = fmt.Sprintf("POST /a%%20b?c=d back HTTP/2.0 1 %d", size)
			}
			s.Exchange(t, x)
			if x.Status != 201 || x.Field("x-got") != want || x.Content != body || !x.Ended {
				t.Errorf("%d bytes: %d, %q, want %q, %d bytes, ended %t", size, x.Status, x.Field("x-got"), want, len(x.Content), x.Ended)
			}
			if want := fmt.Sprint("x-sum: ", len(body)); len(x.Trailer) != 1 || x.Trailer[0] != want {
				t.Errorf("%d bytes: trailers %q, want %q", size, x.Trailer, want)
			}
		}
	}
	n := 0
	conns.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d connections for one request after the other", n)
	}
	if x := s.Exchange(t, &webtest.Exchange{Method: "HEAD"}); x.Status != 201 || x.Content != "" || !x.Ended {
		t.Errorf("HEAD: %d %q", x.Status, x.Content)
	}
}

// Requests at the same time share connections, each of which has as many as the
// back end allows.
func TestVersion2Shares(t *testing.T) {
	const most, requests = 5, 20
	var mu sync.Mutex
	running := map[string]int{}
	worst, conns := 0, map[string]bool{}
	release := make(chan struct{})
	var inside atomic.Int32
	b := goBackend(t, most, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			return
		}
		mu.Lock()
		running[r.RemoteAddr]++
		worst, conns[r.RemoteAddr] = max(worst, running[r.RemoteAddr]), true
		mu.Unlock()
		if inside.Add(1) == requests {
			close(release)
		}
		<-release
		mu.Lock()
		running[r.RemoteAddr]--
		mu.Unlock()
	})
	s := webtest.New(t, version2(b.Listener.Addr().String(), ""), modules, nil)
	s.Ask(t, "/first") // after which what it allows is known
	var wait sync.WaitGroup
	for range requests {
		wait.Go(func() {
			if x := s.Ask(t, "/"); x.Status != 200 {
				t.Error(x.Status)
			}
		})
	}
	wait.Wait()
	if worst > most || len(conns) >= requests {
		t.Errorf("at most %d at once on %d connections, %d are allowed", worst, len(conns), most)
	}
}

// What a back end has refused, or left behind when it went, it has not looked at:
// that is asked again whatever it was, and what it had begun is not.
func TestVersion2Retries(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(f *framed, id uint32)
		want  int
	}{
		{"refused", func(f *framed, id uint32) { _ = f.WriteRSTStream(id, http2.ErrCodeRefusedStream) }, 200},
		{"going away", func(f *framed, id uint32) { _ = f.WriteGoAway(id-2, http2.ErrCodeNo, nil) }, 200},
		{"gone in anger", func(f *framed, id uint32) { _ = f.WriteGoAway(id-2, http2.ErrCodeProtocol, nil) }, 502},
		{"reset", func(f *framed, id uint32) { _ = f.WriteRSTStream(id, http2.ErrCodeInternal) }, 502},
		{"closed", func(f *framed, _ uint32) { _ = f.conn.(*net.TCPConn).CloseWrite() }, 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := serveFrames(t, nil, func(f *framed) {
				for {
					id, fields := f.request()
					if id == 0 {
						return
					}
					if f.n == 1 && strings.Contains(fields, "/bad") {
						c.spoil(f, id)
						continue
					}
					f.answer(id, fmt.Sprint("by ", f.n))
				}
			})
			s := webtest.New(t, version2(addr, ""), modules, nil)
			if x := s.Ask(t, "/"); x.Content != "by 1" {
				t.Fatalf("%d %q", x.Status, x.Content)
			}
			x := s.Exchange(t, &webtest.Exchange{Method: "POST", Target: "/bad", Body: []string{"x"}, Announced: true})
			if x.Status != c.want || c.want == 200 && x.Content != "by 2" {
				t.Errorf("%d %q, want %d", x.Status, x.Content, c.want)
			}
		})
	}
}

// A back end that goes away lets what it has begun come to its end, and gets no
// more.
func TestVersion2GoAway(t *testing.T) {
	addr := serveFrames(t, nil, func(f *framed) {
		for {
			id, _ := f.request()
			if id == 0 {
				return
			}
			f.head(id, false, ":status= 200")
			_ = f.WriteGoAway(id, http2.ErrCodeNo, nil)
			_ = f.WriteData(id, true, []byte(fmt.Sprint("by ", f.n)))
		}
	})
	s := webtest.New(t, version2(addr, ""), modules, nil)
	for n := 1; n < 4; n++ {
		if x := s.Ask(t, "/"); x.Content != fmt.Sprint("by ", n) {
			t.Errorf("%d: %d %q", n, x.Status, x.Content)
		}
	}
}

// Responses that are none, and how far the others are passed on.
func TestVersion2BadAnswers(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name, log string
		status    int
		content   string
		answer    func(f *framed, id uint32)
	}{
		{"no status", "upstream sent no :status header", 502, "", func(f *framed, id uint32) { f.head(id, true, "a= b") }},
		{"two statuses", "upstream sent duplicate :status header", 502, "", func(f *framed, id uint32) { f.head(id, true, ":status= 200", ":status= 200") }},
		{"no number", `upstream sent invalid :status "2x0"`, 502, "", func(f *framed, id uint32) { f.head(id, true, ":status= 2x0") }},
		{"long number", `upstream sent invalid :status "2000"`, 502, "", func(f *framed, id uint32) { f.head(id, true, ":status= 2000") }},
		{"interim", `upstream sent unexpected :status "100"`, 502, "", func(f *framed, id uint32) { f.head(id, false, ":status= 100") }},
		{"other pseudo-header", `upstream sent invalid header: ":path: /"`, 502, "", func(f *framed, id uint32) { f.head(id, true, ":status= 200", ":path= /") }},
		{"upper case", `upstream sent invalid header: "A: b"`, 502, "", func(f *framed, id uint32) { f.head(id, true, ":status= 200", "A= b") }},
		{"line break", `upstream sent invalid header: "a: b\x0ac"`, 502, "", func(f *framed, id uint32) { f.head(id, true, ":status= 200", "a= b\nc") }},
		{"too big", "upstream sent too big header", 502, "", func(f *framed, id uint32) { f.head(id, true, ":status= 200", "a= "+long) }},
		{"too long", "upstream sent response body larger than indicated content length", 200, "", func(f *framed, id uint32) {
			f.head(id, false, ":status= 200", "content-length= 3")
			_ = f.WriteData(id, true, []byte("four"))
		}},
		{"too short", "upstream prematurely closed stream", 200, "", func(f *framed, id uint32) {
			f.head(id, false, ":status= 200", "content-length= 3")
			_ = f.WriteData(id, true, []byte("tw"))
		}},
		{"without a body that was told of", "upstream prematurely closed stream", 200, "", func(f *framed, id uint32) { f.head(id, true, ":status= 200", "content-length= 3") }},
		{"cut", "upstream prematurely closed connection", 200, "par", func(f *framed, id uint32) {
			f.head(id, false, ":status= 200")
			_ = f.WriteData(id, false, []byte("par"))
			_ = f.conn.(*net.TCPConn).CloseWrite() // while what comes is read
		}},
		{"reset", "upstream rejected request with error 2", 200, "par", func(f *framed, id uint32) {
			f.head(id, false, ":status= 200")
			_ = f.WriteData(id, false, []byte("par"))
			_ = f.WriteRSTStream(id, http2.ErrCodeInternal)
		}},
		{"trailer", `upstream sent invalid trailer: ":status: 200"`, 200, "", func(f *framed, id uint32) {
			f.head(id, false, ":status= 200")
			f.head(id, true, ":status= 200")
		}},
		{"pushing", "upstream sent PUSH_PROMISE frame", 502, "", func(f *framed, id uint32) {
			_ = f.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, BlockFragment: []byte{0x82}, EndHeaders: true})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := serveFrames(t, nil, func(f *framed) {
				for {
					id, _ := f.request()
					if id == 0 {
						return
					}
					c.answer(f, id)
				}
			})
			s := webtest.New(t, version2(addr, ""), modules, nil)
			x := s.Ask(t, "/")
			if x.Status != c.status || c.status == 200 && (x.Ended || x.Content != c.content) {
				t.Errorf("%d %q, ended %t", x.Status, x.Content, x.Ended)
			}
			if !strings.Contains(s.Log(), c.log) {
				t.Errorf("the log does not say %q", c.log)
			}
		})
	}
}

// A back end may answer before it has been sent the whole request, and may have no
// use for the rest.
func TestVersion2EarlyAnswer(t *testing.T) {
	addr := serveFrames(t, []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 10}}, func(f *framed) {
		for {
			id, fields := f.request()
			if id == 0 {
				return
			}
			f.answer(id, fmt.Sprint("by ", f.n))
			if strings.Contains(fields, "/reset") {
				_ = f.WriteRSTStream(id, http2.ErrCodeNo)
			}
		}
	})
	s := webtest.New(t, version2(addr, "client_body_buffer_size 1m;"), modules, nil)
	s.Ask(t, "/")
	for _, target := range []string{"/", "/reset", "/", "/reset"} {
		x := s.Exchange(t, &webtest.Exchange{Method: "POST", Target: target, Body: []string{strings.Repeat("x", 100000)}, Announced: true})
		if x.Status != 200 || x.Content != "by 1" || !x.Ended {
			t.Errorf("%s: %d %q, ended %t", target, x.Status, x.Content, x.Ended)
		}
	}
}

// A client that leaves has the back end told, and nobody else loses by it.
func TestVersion2ClientLeaves(t *testing.T) {
	asked, told := make(chan bool, 1), make(chan http2.ErrCode, 1)
	addr := serveFrames(t, nil, func(f *framed) {
		for {
			id, fields := f.request()
			switch {
			case id == 0:
				return
			case !strings.Contains(fields, "/slow"):
				f.answer(id, fmt.Sprint("by ", f.n))
				continue
			}
			asked <- true
			for {
				fr, err := f.ReadFrame()
				if err != nil {
					return
				}
				if rst, ok := fr.(*http2.RSTStreamFrame); ok && rst.StreamID == id {
					told <- rst.ErrCode
					break
				}
			}
		}
	})
	s := webtest.New(t, version2(addr, ""), modules, nil)
	x := &webtest.Exchange{Target: "/slow"}
	go func() {
		<-asked
		x.Leave()
	}()
	s.Exchange(t, x)
	if code := <-told; code != http2.ErrCodeCancel {
		t.Error(code)
	}
	if x := s.Ask(t, "/"); x.Content != "by 1" {
		t.Errorf("afterwards %d %q", x.Status, x.Content)
	}
}

// Over TLS the protocol is agreed upon by ALPN, and the certificate is looked at.
func TestVersion2OverTLS(t *testing.T) {
	b := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto+" "+r.TLS.NegotiatedProtocol)
	}))
	b.EnableHTTP2 = true
	b.TLS = &tls.Config{}
	b.StartTLS()
	defer b.Close()
	other, _, _ := webtest.SelfSigned(t, "other.example")
	s := webtest.New(t, begin+`upstream back { server `+b.Listener.Addr().String()+`; keepalive 4; }
	server { listen 127.0.0.1:8080; proxy_http_version 2; proxy_ssl_name example.com; proxy_ssl_server_name on;
		location / { proxy_pass https://back; }
		location /checked/ { proxy_pass https://back; proxy_ssl_verify on; proxy_ssl_trusted_certificate other.pem; } } }`, modules,
		map[string]string{"other.pem": other})
	for range 2 {
		if x := s.Ask(t, "/"); x.Content != "HTTP/2.0 h2" {
			t.Errorf("%d %q", x.Status, x.Content)
		}
	}
	if x := s.Ask(t, "/checked/"); x.Status != 502 || !strings.Contains(s.Log(), "upstream SSL certificate verify error") {
		t.Errorf("%d", x.Status)
	}
}

// A connection that nobody has used for keepalive_timeout is ended with a word.
func TestVersion2KeepaliveTimeout(t *testing.T) {
	away := make(chan http2.ErrCode, 1)
	addr := serveFrames(t, nil, func(f *framed) {
		id, _ := f.request()
		f.answer(id, "x")
		for {
			fr, err := f.ReadFrame()
			if err != nil {
				close(away)
				return
			}
			if g, ok := fr.(*http2.GoAwayFrame); ok {
				away <- g.ErrCode
			}
		}
	})
	s := webtest.New(t, strings.Replace(version2(addr, ""), "keepalive 4;", "keepalive 4; keepalive_timeout 50ms;", 1), modules, nil)
	s.Ask(t, "/")
	select {
	case code, ok := <-away:
		if !ok || code != http2.ErrCodeNo {
			t.Errorf("%v, told %t", code, ok)
		}
	case <-time.After(20 * time.Second):
		t.Error("it is still there")
	}
}

// What is kept of a response over HTTP/2 serves the next request.
func TestVersion2Cached(t *testing.T) {
	var asked atomic.Int32
	b := goBackend(t, 0, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("X-One", "1")
		w.Header().Set("Cache-Control", "max-age=100")
		_, _ = io.WriteString(w, "kept")
	})
	s := webtest.New(t, begin+`proxy_cache_path cache keys_zone=one:1m;
	server { listen 127.0.0.1:8080; proxy_http_version 2; proxy_cache one; proxy_cache_key $uri;
		location / { proxy_pass http://`+b.Listener.Addr().String()+`; } } }`, modules, nil)
	for range 3 {
		if x := s.Ask(t, "/"); x.Status != 200 || x.Content != "kept" || x.Field("x-one") != "1" {
			t.Errorf("%d %q %q", x.Status, x.Content, x.Head)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "cache")); err != nil {
		t.Error(err)
	}
}
