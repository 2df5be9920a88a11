package http2_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/http2"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

const header = "events {}\nhttp {\n"

var modules = append([]*web.Module{http2.Module, rewrite.Module, headers.Module, web.Shared(ssl.Module), exchange.Module, proxy.Module}, webtest.Say...)

// client is Go's HTTP/2 client, in clear with prior knowledge or over TLS.
func client(t *testing.T) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP2(true)
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// The protocol is the client's choice, in clear by what it sends first and over
// TLS by negotiation.
func TestProtocols(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "localhost")
	s := webtest.Start(t, header+`http2 on;
	server { listen 127.0.0.1:8080; say "$server_protocol $http2 $scheme $request"; }
	server { listen 127.0.0.1:8081 ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; say "$server_protocol $http2 $scheme"; }
	server { listen 127.0.0.1:8082 ssl; http2 off; ssl_certificate cert.pem; ssl_certificate_key key.pem; say "$server_protocol $http2"; }
	server { listen 127.0.0.1:8083 http2; http2 off; say "$server_protocol"; }
	}`, modules, map[string]string{"cert.pem": cert, "key.pem": key})
	c := client(t)
	for url, want := range map[string]string{
		"http://" + s.Addr(t, "8080") + "/a?b": "HTTP/2.0 h2c http GET /a?b HTTP/2.0",
		"https://" + s.Addr(t, "8081") + "/":   "HTTP/2.0 h2 https",
		"http://" + s.Addr(t, "8083") + "/":    "HTTP/2.0",
	} {
		if res, body := get(t, c, url); body != want || res.ProtoMajor != 2 {
			t.Errorf("%s: %s %q, want %q", url, res.Proto, body, want)
		}
	}
	old := client(t)
	old.Transport.(*http.Transport).Protocols.SetHTTP1(true)
	old.Transport.(*http.Transport).Protocols.SetUnencryptedHTTP2(false)
	if res, body := get(t, old, "https://"+s.Addr(t, "8082")+"/"); body != "HTTP/1.1 " || res.ProtoMajor != 1 {
		t.Errorf("%s %q", res.Proto, body)
	}
	if res, body := get(t, old, "http://"+s.Addr(t, "8080")+"/"); !strings.HasPrefix(body, "HTTP/1.1  http") || res.ProtoMajor != 1 {
		t.Errorf("%s %q", res.Proto, body)
	}
}

// A name for which the protocol is off is not served on a connection that speaks
// it.
func TestDisabledName(t *testing.T) {
	s := webtest.Start(t, header+`
	server { listen 127.0.0.1:8080; http2 on; say "one"; }
	server { listen 127.0.0.1:8080; server_name two; http2 off; say "two"; }
	}`, modules, nil)
	req, _ := http.NewRequest("GET", "http://"+s.Addr(t, "8080")+"/", nil)
	req.Host = "two"
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != 421 {
		t.Errorf("status %d", res.StatusCode)
	}
}

// Bodies of both directions, through a proxy that buffers the request or not.
func TestBodies(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			_, _ = w.Write(body)
		}
	}))
	defer echo.Close()
	s := webtest.Start(t, header+`http2 on; client_max_body_size 10m;
	server { listen 127.0.0.1:8080;
		location / { proxy_pass `+echo.URL+`; }
		location /unbuffered { proxy_request_buffering off; proxy_http_version 1.1; proxy_pass `+echo.URL+`; }
	} }`, modules, nil)
	c := client(t)
	for _, path := range []string{"/", "/unbuffered"} {
		for _, size := range []int{0, 1, 4095, 65535, 65536, 3 << 20} {
			want := strings.Repeat("x", size)
			res, err := c.Post("http://"+s.Addr(t, "8080")+path, "", io.MultiReader(strings.NewReader(want)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || string(got) != want {
				t.Errorf("%s: %d bytes came back of %d: %v", path, len(got), size, err)
			}
		}
	}
}

// Many requests at once are answered, each with its own.
func TestManyStreams(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; http2 on; say "$arg_n"; } }`, modules, nil)
	c := client(t)
	var wait sync.WaitGroup
	for n := range 300 {
		wait.Go(func() {
			res, err := c.Get(fmt.Sprintf("http://%s/?n=%d", s.Addr(t, "8080"), n))
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if body, err := io.ReadAll(res.Body); string(body) != fmt.Sprint(n) {
				t.Errorf("%q, want %d: %v", body, n, err)
			}
		})
	}
	wait.Wait()
}

// A reload and the end of a server lose no request.
func TestRetire(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; http2 on; say "before"; } }`, modules, nil)
	c := client(t)
	url := "http://" + s.Addr(t, "8080") + "/"
	if _, body := get(t, c, url); body != "before" {
		t.Fatal(body)
	}
	old := s.Gen
	s.Reload(t, header+`server { listen 127.0.0.1:8080; http2 on; say "after"; } }`, modules)
	old.Retire(s.Gen)
	// What is on its way is answered by the old configuration, what comes after
	// by the new.
	for end := time.Now().Add(10 * time.Second); ; {
		_, body := get(t, c, url)
		if body == "after" {
			break
		}
		if body != "before" || time.Now().After(end) {
			t.Fatal(body)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := old.Wait(ctx); err != nil {
		t.Errorf("the first generation keeps connections: %v", err)
	}
	s.Gen.Retire(nil)
	if err := s.Gen.Wait(ctx); err != nil {
		t.Errorf("connections are left: %v", err)
	}
}

// What the connection of HTTP/1 is told does not reach HTTP/2.
func TestFields(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; http2 on;
		location / { add_header Keep-Alive x; add_header Upgrade y; add_header X-Upper Z; add_trailer X-After w; say hello; }
		location /limited { limit_rate 100k; say hello; } } }`, modules, nil)
	c := client(t)
	res, body := get(t, c, "http://"+s.Addr(t, "8080")+"/")
	if body != "hello" || res.Header.Get("Keep-Alive") != "" || res.Header.Get("Upgrade") != "" || res.Header.Get("X-Upper") != "Z" || res.Trailer.Get("X-After") != "w" {
		t.Errorf("%q %v %v", body, res.Header, res.Trailer)
	}
	if _, body := get(t, c, "http://"+s.Addr(t, "8080")+"/limited"); body != "hello" {
		t.Errorf("%q", body)
	}
	req, _ := http.NewRequest("HEAD", "http://"+s.Addr(t, "8080")+"/", nil)
	if res, err := c.Do(req); err != nil || res.StatusCode != 200 {
		t.Errorf("%v %v", res, err)
	}
}
