package unruly

import (
	"fmt"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/proxy/fastcgi"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/webtest"
)

// shared is a cache folder that nginx and tandem both use.
type shared struct {
	t             *testing.T
	folder        string
	tandem, nginx string // addresses
	conf          string
	asked         atomic.Int64
}

// share starts nginx, and back ends that answer with the path that they are asked
// for and how many questions there were.
func share(t *testing.T) *shared {
	s := &shared{t: t, folder: filepath.Join(t.TempDir(), "cache")}
	answer := func(w http.ResponseWriter, r *http.Request) {
		n := s.asked.Add(1)
		w.Header().Set("ETag", `"x"`)
		for name, parameter := range map[string]string{"Cache-Control": "control", "Vary": "vary"} {
			if v := r.URL.Query().Get(parameter); v != "" {
				w.Header().Set(name, v)
			}
		}
		if r.URL.Path == "/large" {
			_, _ = w.Write(make([]byte, 300_000))
		}
		fmt.Fprintf(w, "%s %s %d", r.URL.Path, r.Header.Get("X-Who"), n)
	}
	over := func(serve func(net.Listener)) string {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go serve(l)
		return l.Addr().String()
	}
	plain := over(func(l net.Listener) { _ = http.Serve(l, http.HandlerFunc(answer)) })
	fast := over(func(l net.Listener) { _ = fcgi.Serve(l, http.HandlerFunc(answer)) })
	s.conf = fmt.Sprintf(`proxy_cache_path %[1]s levels=1:2 keys_zone=z:1m; fastcgi_cache_path %[1]s-fast levels=2 keys_zone=f:1m use_temp_path=off;
		add_header X-Cache $upstream_cache_status;
		proxy_cache_valid 1h; fastcgi_cache_valid 1h; proxy_cache_revalidate on;
		fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri; fastcgi_param SERVER_PROTOCOL $server_protocol; fastcgi_param QUERY_STRING $args;
		server { listen LISTEN; location / { proxy_pass http://%[2]s; proxy_cache z; }
			location /fast/ { fastcgi_pass %[3]s; fastcgi_cache f; fastcgi_cache_key $request_uri; } }`, s.folder, plain, fast)
	s.nginx = startNginx(t, s.conf).addr
	return s
}

// start starts tandem, which finds in the folder what nginx has left there.
func (s *shared) start() {
	modules := []*web.Module{exchange.Module, proxy.Module, fastcgi.Module, headers.Module}
	w := webtest.Start(s.t, "events {}\nhttp {\n"+strings.Replace(s.conf, "LISTEN", "127.0.0.1:8080", 1)+"}", modules, nil)
	s.tandem = w.Addr(s.t, "8080")
}

// get asks one of the two, and returns what its cache did, and the body.
func (s *shared) get(addr, path, who string) (status, body string) {
	s.t.Helper()
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nX-Who: %s\r\nConnection: close\r\n\r\n", path, who)
	var raw strings.Builder
	if _, err := bufferFrom(&raw, c); err != nil {
		s.t.Fatal(err)
	}
	a := webtest.ParseAnswer(s.t, "GET", raw.String())
	return a.Header.Get("X-Cache"), a.Body
}

func bufferFrom(to *strings.Builder, c net.Conn) (int64, error) {
	var buf [32 << 10]byte
	total := int64(0)
	for {
		n, err := c.Read(buf[:])
		to.Write(buf[:n])
		total += int64(n)
		if err != nil {
			if total > 0 {
				return total, nil
			}
			return total, err
		}
	}
}

// TestTakeOver: what the one has kept the other one answers with, byte for byte.
func TestTakeOver(t *testing.T) {
	s := share(t)
	paths := []string{"/a", "/c?control=max-age%3d100", "/large", "/v?vary=X-Who", "/fast/a", "/fast/v?vary=X-Who", "/a%20b"}
	kept := make(map[string]string)
	fill := func(addr, more string) {
		for _, path := range paths {
			for _, who := range []string{"me", "you"} {
				if status, body := s.get(addr, more+path, who); status == "MISS" || status == "HIT" && !strings.Contains(path, "vary") {
					kept[more+path+who] = body
				} else {
					t.Errorf("%s%s for %s: %s", more, path, who, status)
				}
			}
		}
	}
	same := func(addr, more string) {
		for _, path := range paths {
			for _, who := range []string{"me", "you"} {
				if status, body := s.get(addr, more+path, who); status != "HIT" || body != kept[more+path+who] {
					t.Errorf("%s%s for %s: %s, %.80q, want %.80q", more, path, who, status, body, kept[more+path+who])
				}
			}
		}
	}
	fill(s.nginx, "")
	s.start()
	same(s.tandem, "")
	fill(s.tandem, "/fast/2")
	same(s.nginx, "/fast/2")
	fill(s.tandem, "/more")
	same(s.nginx, "/more")
}

// TestBothAtOnce: both fill, refresh and lose entries in the same folder, and
// nobody gets what another path has, or half of it.
func TestBothAtOnce(t *testing.T) {
	s := share(t)
	s.start()
	ended := time.Now().Add(2 * time.Second)
	var clients sync.WaitGroup
	for n, addr := range []string{s.nginx, s.tandem, s.nginx, s.tandem} {
		clients.Go(func() {
			for i := n; time.Now().Before(ended); i++ {
				path := fmt.Sprintf("/p%d", i%7)
				if _, body := s.get(addr, path+"?control=max-age%3d1", "me"); !strings.HasPrefix(body, path+" ") {
					t.Errorf("%s: %q", path, body)
				}
			}
		})
	}
	clients.Go(func() {
		for time.Now().Before(ended) {
			_ = os.RemoveAll(s.folder) // a purge by hand
			time.Sleep(100 * time.Millisecond)
		}
	})
	clients.Wait()
}
