package cache_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem/proxy/cache"
	"tandem/proxy/cache/entry"
	"tandem/web/webtest"
)

// cached is a server with a cache, and a back end whose answers to a path are the
// header lines and body that are set for it.
type cached struct {
	*webtest.Server
	t     *testing.T
	asked atomic.Int64
	mu    sync.Mutex
	path  map[string]string // the answer, without its status and length
	heads []string
}

// startCached starts one whose locations say what is in conf.
func startCached(t *testing.T, conf string) *cached {
	t.Helper()
	s := webtest.Start(t, cachedConf(conf), cacheModules, nil)
	c := &cached{Server: s, t: t, path: make(map[string]string)}
	serve(t, s.Addr(t, "8081"), c.answer)
	return c
}

func cachedConf(conf string) string {
	return begin + `proxy_cache_path cache levels=1:2 keys_zone=z:1m; add_header X-Cache $upstream_cache_status always;
	server { listen 127.0.0.1:8080; proxy_cache z; proxy_cache_key $request_uri; location / { proxy_pass http://127.0.0.1:8081; ` + conf + ` } } }`
}

func (c *cached) answer(head, _ string) (string, bool) {
	c.asked.Add(1)
	_, path, _ := strings.Cut(head, " ")
	path, _, _ = strings.Cut(path, " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heads = append(c.heads, head)
	a, known := c.path[path]
	if !known {
		return "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", true
	}
	lines, body, _ := strings.Cut(a, "\n\n")
	status := "200 OK"
	if first, rest, ok := strings.Cut(lines, "\n"); ok && strings.HasPrefix(first, "HTTP ") {
		status, lines = first[len("HTTP "):], rest
	} else if strings.HasPrefix(lines, "HTTP ") {
		status, lines = lines[len("HTTP "):], ""
	}
	if lines != "" {
		lines = strings.ReplaceAll(lines, "\n", "\r\n") + "\r\n"
	}
	response := fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n", status, lines, len(body))
	if !strings.HasPrefix(head, "HEAD ") {
		response += body
	}
	return response, true
}

// set has the back end answer a path so: header lines, an empty line, the body.
func (c *cached) set(path, answer string) {
	c.mu.Lock()
	c.path[path] = answer
	c.mu.Unlock()
}

// ask asks and expects a status of the cache and a body.
func (c *cached) ask(method, path, want, body string, headers ...string) *webtest.Answer {
	c.t.Helper()
	a := c.Do(c.t, method, path, headers...)
	if got := a.Header.Get("X-Cache"); got != want || a.Body != body {
		c.t.Errorf("%s %s: %q with %q, want %q with %q", method, path, got, a.Body, want, body)
	}
	return a
}

func (c *cached) get(path, want, body string, headers ...string) *webtest.Answer {
	c.t.Helper()
	return c.ask("GET", path, want, body, headers...)
}

// files returns the names of the files below the cache's folder.
func (c *cached) files() (names []string) {
	_ = filepath.WalkDir(filepath.Join(c.Dir, "cache"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return nil
	})
	return names
}

// file returns the name of the entry's file.
func (c *cached) file(key string) string {
	return string(entry.Levels{1, 2}.AppendPath(nil, filepath.Join(c.Dir, "cache"), entry.KeyOf([]byte(key))))
}

// head returns the latest request that the back end got.
func (c *cached) head() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heads[len(c.heads)-1]
}

func TestCache(t *testing.T) {
	c := startCached(t, "proxy_cache_valid 200 1h; proxy_cache_valid 404 0; proxy_no_cache $arg_no; proxy_cache_bypass $arg_by;")
	for _, step := range []struct{ method, path, answer, want string }{
		{"GET", "/a", "X: y\n\none", "MISS one"},
		{"GET", "/a", "\n\ntwo", "HIT one"},
		{"HEAD", "/a", "", "HIT "},
		{"POST", "/a", "\n\nposted", " posted"},
		{"HEAD", "/head", "\n\nwhole", "MISS "}, // the back end is asked for the whole
		{"becomes", "/head", "", "HIT whole"},   // its head may be sent before the body has come
		{"GET", "/none", "", "MISS none"},
		{"GET", "/none", "", "MISS none"},
		{"GET", "/no?no=1", "\n\nkept?", "MISS kept?"},
		{"GET", "/no?no=1", "\n\nno", "MISS no"},
		{"GET", "/by?by=1", "\n\none", "BYPASS one"},
		{"GET", "/by?by=1", "\n\ntwo", "BYPASS two"},
		{"GET", "/cookie", "Set-Cookie: a\n\none", "MISS one"},
		{"GET", "/cookie", "Set-Cookie: a\n\ntwo", "MISS two"},
		{"GET", "/private", "Cache-Control: max-age=9, Private\n\none", "MISS one"},
		{"GET", "/private", "Cache-Control: NO-STORE\n\ntwo", "MISS two"},
		{"GET", "/accel", "Cache-Control: no-cache\nX-Accel-Expires: 60\n\none", "MISS one"},
		{"GET", "/accel", "", "HIT one"},
		{"GET", "/never", "X-Accel-Expires: 0\n\none", "MISS one"},
		{"GET", "/never", "\n\ntwo", "MISS two"},
		{"GET", "/never", "", "HIT two"},
		{"GET", "/old", "Expires: Thu, 01 Jan 1970 00:00:01 GMT\n\none", "MISS one"},
		{"GET", "/old", "Expires: Thu, 01 Jan 2970 00:00:01 GMT\n\ntwo", "MISS two"},
		{"GET", "/old", "", "HIT two"},
		{"GET", "/stale", "X-Accel-Expires: @1\n\none", "MISS one"},
		{"GET", "/stale", "X-Accel-Expires: @1\n\ntwo", "EXPIRED two"},
		{"GET", "/star", "Vary: *\n\none", "MISS one"},
		{"GET", "/star", "Vary: *\n\ntwo", "MISS two"},
		{"GET", "/long", "Vary: " + strings.Repeat("x", 129) + "\n\none", "MISS one"},
		{"GET", "/long", "\n\ntwo", "MISS two"},
		{"GET", "/big", "X: " + strings.Repeat("x", 3800) + "\n\none", "MISS one"}, // with its key longer than the buffer
		{"GET", "/big", "\n\ntwo", "MISS two"},
	} {
		if step.answer != "" {
			c.set(step.path, step.answer)
		}
		want, body, _ := strings.Cut(step.want, " ")
		if step.method == "becomes" {
			c.becomes(step.path, body)
			continue
		}
		c.ask(step.method, step.path, want, body)
	}
}

func TestCacheVary(t *testing.T) {
	c := startCached(t, "proxy_cache_valid 1h;")
	c.set("/a", "Vary: Accept-Language, X-Who\n\nen")
	c.get("/a", "MISS", "en", "Accept-Language: en")
	c.set("/a", "Vary: Accept-Language, X-Who\n\nde")
	c.get("/a", "HIT", "en", "Accept-Language: en")
	c.get("/a", "MISS", "de", "Accept-Language: de, fr")
	c.get("/a", "HIT", "de", "Accept-Language: de,fr")
	c.get("/a", "HIT", "en", "Accept-Language: en")
	// A variant that no longer varies so takes the place of all.
	c.set("/a", "Vary: X-Who\n\nany")
	c.get("/a", "MISS", "any", "Accept-Language: it")
	c.get("/a", "HIT", "any", "Accept-Language: en")
}

func TestCacheRangesAndConditions(t *testing.T) {
	webtest.OnHTTP1(t, "the names of fields have capitals")
	c := startCached(t, "proxy_cache_valid 1h; proxy_cache_max_range_offset 3;")
	c.set("/a", "ETag: \"x\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nAccept-Ranges: bytes\n\n0123456789")
	a := c.get("/a", "MISS", "12", "Range: bytes=1-2", "If-None-Match: \"y\"")
	if a.Status != 206 || strings.Contains(c.head(), "Range") || strings.Contains(c.head(), "If-None") {
		t.Errorf("%d for %q", a.Status, c.head())
	}
	if a := c.get("/a", "HIT", "9", "Range: bytes=-1"); a.Status != 206 {
		t.Errorf("got %d", a.Status)
	}
	if a := c.get("/a", "HIT", "", "If-None-Match: \"x\""); a.Status != 304 {
		t.Errorf("got %d", a.Status)
	}
	if c.asked.Load() != 1 {
		t.Errorf("the back end was asked %d times", c.asked.Load())
	}
	c.set("/far", "\n\n0123456789")
	c.get("/far", "MISS", "0123456789", "Range: bytes=3-")
	if !strings.Contains(c.head(), "Range: bytes=3-") || len(c.files()) != 1 {
		t.Errorf("asked %q, %d files", c.head(), len(c.files()))
	}
}

func TestCacheRevalidate(t *testing.T) {
	c := startCached(t, "proxy_cache_revalidate on; proxy_cache_valid 1h;")
	c.set("/a", "ETag: \"x\"\nX-Accel-Expires: @1\n\none")
	c.get("/a", "MISS", "one")
	c.set("/a", "HTTP 304 Not Modified\nCache-Control: max-age=60\n\n")
	c.get("/a", "REVALIDATED", "one")
	if !strings.Contains(c.head(), "If-None-Match: \"x\"\r\n") {
		t.Errorf("asked %q", c.head())
	}
	c.get("/a", "HIT", "one")
}

func TestCacheUseStale(t *testing.T) {
	c := startCached(t, "proxy_cache_use_stale http_503 timeout; proxy_cache_valid 502 1h; proxy_intercept_errors on; error_page 500 =503 @own;")
	c.set("/a", "X-Accel-Expires: @1\n\none")
	c.get("/a", "MISS", "one")
	c.set("/a", "HTTP 503 Busy\n\nbusy")
	c.get("/a", "STALE", "one")
	c.set("/a", "HTTP 502 Bad\n\nbad")
	c.get("/a", "EXPIRED", "bad")
	// The entry says it itself; failures to answer at all count then.
	c.set("/b", "X-Accel-Expires: @1\nCache-Control: stale-if-error=9999999999\n\nb")
	c.get("/b", "MISS", "b")
	c.set("/b", "HTTP 99 Nonsense\n\n")
	c.get("/b", "STALE", "b")
}

func TestCacheBackgroundUpdate(t *testing.T) {
	c := startCached(t, "proxy_cache_use_stale updating; proxy_cache_background_update on; proxy_cache_valid 1h;")
	c.set("/a", "X-Accel-Expires: @1\n\none")
	c.get("/a", "MISS", "one")
	c.set("/a", "\n\ntwo")
	c.get("/a", "STALE", "one")
	c.becomes("/a", "two")
}

// TestCacheCollapses: many clients of one cold entry are one request to the back
// end, and none of them waits longer than that takes.
func TestCacheCollapses(t *testing.T) {
	c := startCached(t, "proxy_cache_lock on; proxy_cache_lock_timeout 1m; proxy_cache_lock_age 1m; proxy_cache_valid 1h;")
	c.set("/a", "\n\none")
	var clients sync.WaitGroup
	for range 1000 {
		clients.Go(func() {
			if a := c.Get(t, "/a"); a.Body != "one" {
				t.Errorf("got %q", a.Body)
			}
		})
	}
	clients.Wait()
	if n := c.asked.Load(); n != 1 {
		t.Errorf("the back end was asked %d times", n)
	}
}

// TestCacheLockIsReleased: when the one that makes an entry fails, the next one
// does so at once.
func TestCacheLockIsReleased(t *testing.T) {
	c := startCached(t, "proxy_cache_lock on; proxy_cache_lock_timeout 1m; proxy_cache_lock_age 1m; proxy_cache_valid 200 1h;")
	c.set("/a", "HTTP 500 Broken\n\nbroken")
	var clients sync.WaitGroup
	began := time.Now()
	for range 20 {
		clients.Go(func() { c.get("/a", "MISS", "broken") })
	}
	clients.Wait()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("20 requests took %v", took)
	}
}

// TestCacheDamagedFiles: what is in the cache's folder and is not the entry is a
// miss, and never what a client gets.
func TestCacheDamagedFiles(t *testing.T) {
	c := startCached(t, "proxy_cache_valid 1h;")
	c.set("/a", "\n\nright")
	c.set("/b", "\n\nother")
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a, b := c.file("/a"), c.file("/b")
	for name, damage := range map[string]func() error{
		"another entry":       func() error { return os.WriteFile(a, read(b), 0o600) },
		"cut in its header":   func() error { return os.Truncate(a, 100) },
		"cut in its head":     func() error { return os.Truncate(a, int64(entry.HeadStart(2)+5)) },
		"cut in its body":     func() error { return os.Truncate(a, int64(len(read(a))-2)) },
		"longer than it says": func() error { return os.WriteFile(a, append(read(a), "more"...), 0o600) },
		"empty":               func() error { return os.Truncate(a, 0) },
		"a head that is none": func() error {
			return os.WriteFile(a, []byte(strings.Replace(string(read(a)), "HTTP/1.1", "HTTP:1.1", 1)), 0o600)
		},
		"older version":       func() error { return os.WriteFile(a, append([]byte{3}, read(a)[1:]...), 0o600) },
		"gone":                func() error { return os.Remove(a) },
		"a directory":         func() error { return replace(a, func() error { return os.Mkdir(a, 0o700) }) },
		"a link to its like":  func() error { return replace(a, func() error { return os.Symlink(b, a) }) },
		"a link to a secret":  func() error { return replace(a, func() error { return os.Symlink("/etc/passwd", a) }) },
		"the like of another": func() error { return replace(a, func() error { return os.Link(b, a) }) },
		"not to be read":      func() error { return replace(a, func() error { return os.Symlink(a, a) }) },
	} {
		t.Run(name, func(t *testing.T) {
			c.Get(t, "/b")
			c.get("/a", "MISS", "right")
			c.get("/a", "HIT", "right")
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			c.get("/a", "MISS", "right")
			if err := os.RemoveAll(a); err != nil {
				t.Fatal(err)
			}
			c.get("/b", "HIT", "other")
		})
	}
}

func replace(name string, make func() error) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return make()
}

// TestCacheIncomplete: an answer that breaks off is not kept, and leaves nothing
// behind.
func TestCacheIncomplete(t *testing.T) {
	s := webtest.Start(t, cachedConf("proxy_cache_valid 1h;"), cacheModules, nil)
	serve(t, s.Addr(t, "8081"), func(head, _ string) (string, bool) {
		if strings.Contains(head, "/chunks") {
			return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", false
		}
		return "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", false
	})
	for _, path := range []string{"/length", "/chunks"} {
		s.Raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	}
	c := &cached{Server: s, t: t}
	webtest.Await(t, "files are left", func() bool {
		left, _ := os.ReadDir(filepath.Join(s.Dir, "proxy_temp"))
		return len(left) == 0 && len(c.files()) == 0
	})
}

// TestCacheSurvives a reload, and the end of the process.
func TestCacheSurvives(t *testing.T) {
	c := startCached(t, "proxy_cache_valid 1h; proxy_cache_min_uses 2;")
	c.set("/a", "\n\none")
	c.get("/a", "MISS", "one")
	c.Reload(t, cachedConf("proxy_cache_valid 1h; proxy_cache_min_uses 2;"), cacheModules)
	c.get("/a", "MISS", "one") // the second use
	c.set("/a", "\n\ntwo")
	c.Reload(t, cachedConf("proxy_cache_valid 1h;"), cacheModules)
	c.get("/a", "HIT", "one")

	next := webtest.Start(t, strings.Replace(cachedConf("proxy_cache_valid 1h;"), "_path cache", "_path "+c.Dir+"/cache", 1), cacheModules, nil)
	if a := next.Get(t, "/a"); a.Header.Get("X-Cache") != "HIT" || a.Body != "one" {
		t.Errorf("after a start: %q %q", a.Header.Get("X-Cache"), a.Body)
	}
}

// TestCachePurge: what was purged is asked for again, whichever variant it is.
func TestCachePurge(t *testing.T) {
	c := startCached(t, "proxy_cache_valid 1h; proxy_cache_purge $arg_purge; proxy_cache_key $uri;")
	for _, path := range []string{"/a/1", "/a/2", "/b"} {
		c.set(path, "\n\nx")
		c.get(path, "MISS", "x")
	}
	c.set("/v", "Vary: X-Who\n\nx")
	c.get("/v", "MISS", "x", "X-Who: me")
	c.get("/v", "MISS", "x", "X-Who: you")
	for _, step := range []struct {
		purge  string
		status int
		left   int
	}{
		{"/b", 204, 4}, {"/b", 404, 4}, {"/v", 204, 2}, {"/a/*", 204, 0}, {"/*", 404, 0},
	} {
		if a := c.Do(t, "PURGE", step.purge+"?purge=1"); a.Status != step.status || len(c.files()) != step.left {
			t.Errorf("%s: %d, %d files", step.purge, a.Status, len(c.files()))
		}
	}
	c.get("/b", "MISS", "x")
	if n := cache.Purge(t.Context(), c.HTTP, "*"); n != 1 {
		t.Errorf("%d purged", n)
	}
}

func TestCacheMistakes(t *testing.T) {
	path := "proxy_cache_path cache keys_zone=z:1m"
	for conf, want := range map[string]string{
		"proxy_cache z;":                                  `"proxy_cache" zone "z" is unknown`,
		"proxy_cache_path cache inactive=1m;":             `"proxy_cache_path" must have "keys_zone" parameter`,
		path + " levels=3;":                               `invalid "levels" "levels=3"`,
		path + " use_temp_path=maybe;":                    `invalid use_temp_path value "use_temp_path=maybe", it must be "on" or "off"`,
		path + " inactive=x;":                             `invalid inactive value "inactive=x"`,
		path + " max_size=-1;":                            `invalid max_size value "max_size=-1"`,
		path + " other=1;":                                `invalid parameter "other=1"`,
		"proxy_cache_path cache keys_zone=z;":             `invalid keys zone size "keys_zone=z"`,
		"proxy_cache_path cache keys_zone=z:4k;":          `keys zone "keys_zone=z:4k" is too small`,
		path + "; " + path + ";":                          "the same path name",
		path + "; proxy_cache_path other keys_zone=z:1m;": `duplicate zone "z"`,
		"proxy_cache_valid 200 x;":                        `invalid time value "x"`,
		"proxy_cache_valid 99 1m;":                        `invalid status "99"`,
		"proxy_cache_methods PUT;":                        `invalid value "PUT"`,
		"proxy_cache_use_stale sometimes;":                `invalid value "sometimes"`,
		path + "; proxy_cache z; proxy_store on;":         `is incompatible with "proxy_cache"`,
		path + "; proxy_store on; proxy_cache z;":         `is incompatible with "proxy_store"`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+conf+"\n}", cacheModules)
		if got := fmt.Sprint(errs); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", conf, got, want)
		}
	}
}

// TestHitAllocations: a small answer from the cache costs no allocation.
func TestHitAllocations(t *testing.T) {
	for _, more := range []string{"", "proxy_cache_rfc9111 on; proxy_cache_status on;"} {
		c := startCached(t, "proxy_cache_valid 1h; keepalive_requests 1000000;"+more)
		c.set("/a", "Content-Type: text/plain\nX-More: value\nCache-Control: max-age=90000, public\n\nsmall")
		c.get("/a", "MISS", "small")
		c.NoAllocations(t, "/a", "small")
		if c.asked.Load() != 1 {
			t.Errorf("%s: the back end was asked %d times", more, c.asked.Load())
		}
	}
}

// fileContent returns what the entry's file holds.
func (c *cached) fileContent(key string) string {
	c.t.Helper()
	b, err := os.ReadFile(c.file(key))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

// change changes the header of the entry's file.
func (c *cached) change(key string, with func(*entry.Header)) {
	c.t.Helper()
	b := []byte(c.fileContent(key))
	h, err := entry.Parse(b, []byte(key), len(b))
	if err != nil {
		c.t.Fatal(err)
	}
	with(&h)
	copy(b, h.AppendFixed(nil, []byte(key)))
	if err := os.WriteFile(c.file(key), b, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// becomes waits until a path is answered with that from the cache. The answer of one who
// got it stale may come to its end before the update does.
func (c *cached) becomes(path, body string) {
	c.t.Helper()
	await(c.t, path+" is not updated", func() bool {
		a := c.Get(c.t, path)
		return a.Header.Get("X-Cache") == "HIT" && a.Body == body
	})
}
