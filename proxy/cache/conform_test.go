package cache_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/proxy/cache/entry"
	"tandem/web/message"
	"tandem/web/webtest"
)

func date(t time.Time) string { return string(message.AppendDate(nil, t.Unix())) }

// conforming is a server that follows RFC 9111.
func conforming(t *testing.T, conf string) *cached {
	return startCached(t, "proxy_cache_rfc9111 on; proxy_cache_revalidate on; "+conf)
}

// age returns the answer's Age, -1 for none.
func age(a *webtest.Answer) int {
	n, err := strconv.Atoi(a.Header.Get("Age"))
	if err != nil {
		return -1
	}
	return n
}

// outdated has the entry of a key expire, seconds ago.
func (c *cached) expire(key string, seconds int64) {
	c.t.Helper()
	c.change(key, func(h *entry.Header) { h.ValidUntil = time.Now().Unix() - seconds })
}

// TestConformingResponses: what back ends say, where nginx understands it
// otherwise (RFC 9111).
func TestConformingResponses(t *testing.T) {
	c := conforming(t, "")
	now := time.Now()
	for _, step := range []struct{ section, answer, want string }{
		{"4.2.3", "Cache-Control: max-age=10\nAge: 20", "MISS"},
		{"4.2.3", "Cache-Control: max-age=100\nAge: 20", "HIT"},
		{"4.2.3", "Cache-Control: max-age=100\nDate: " + date(now.Add(-200*time.Second)), "MISS"},
		{"4.2.2", "Last-Modified: " + date(now.Add(-time.Hour)), "HIT"},
		{"4.2.2", "Last-Modified: " + date(now), "MISS"},
		{"4.2.2", "HTTP 403 Forbidden\nLast-Modified: " + date(now.Add(-time.Hour)), "MISS"},
		{"4.1", "Cache-Control: max-age=100\nVary: a, *", "MISS"},
		{"5.2.2.3", "Cache-Control: max-age=100, no-store, must-understand", "HIT"},
		{"5.2.2.5", "Cache-Control: max-age=100, no-store", "MISS"},
		{"5.2.2.7", "Cache-Control: max-age=100, private", "MISS"},
		{"5.2.2.10", "Cache-Control: max-age=0, s-maxage=100", "HIT"},
		{"5.3", "Expires: " + date(now.Add(50*time.Second)) + "\nDate: " + date(now.Add(60*time.Second)), "MISS"},
		{"5.2", `Cache-Control: x="no-store", max-age="100"`, "HIT"},
		{"7.3, but as nginx has it", "Cache-Control: max-age=100\nSet-Cookie: a=b", "MISS"},
		{"X-Accel-Expires is for this cache", "Cache-Control: no-store\nX-Accel-Expires: 100", "HIT"},
	} {
		path := "/" + strconv.Itoa(int(c.asked.Load()))
		c.set(path, step.answer+"\n\nx")
		c.Get(t, path)
		if a := c.Get(t, path); a.Header.Get("X-Cache") != step.want {
			t.Errorf("%s: %q: %s, want %s", step.section, step.answer, a.Header.Get("X-Cache"), step.want)
		}
	}
	// 3.5
	c.set("/auth", "Cache-Control: max-age=100\n\nmine")
	c.get("/auth", "MISS", "mine", "Authorization: me")
	c.get("/auth", "MISS", "mine")
	c.get("/auth", "HIT", "mine", "Authorization: me")
}

// TestConformingAge: 4 and 5.1: what comes from the cache says how old it is, and
// keeps its date; without the directive it is as nginx sends it.
func TestConformingAge(t *testing.T) {
	c := conforming(t, "")
	then := time.Now().Add(-30 * time.Second)
	c.set("/a", "Cache-Control: max-age=100\nAge: 40\nDate: "+date(then)+"\n\nx")
	if a := c.get("/a", "MISS", "x"); age(a) != 40 {
		t.Errorf("from the back end: %q", a.Raw)
	}
	if a := c.get("/a", "HIT", "x"); age(a) < 40 || age(a) > 60 || a.Header.Get("Date") != date(then) || len(a.Header["Age"]) != 1 {
		t.Errorf("got %q", a.Raw)
	}
	c.change("/a", func(h *entry.Header) { h.Date -= 20 })
	if a := c.get("/a", "HIT", "x"); age(a) < 60 {
		t.Errorf("20 s later: %q", a.Raw)
	}

	c = startCached(t, "")
	c.set("/a", "Cache-Control: max-age=100\n\nx")
	c.get("/a", "MISS", "x")
	if a := c.get("/a", "HIT", "x"); age(a) != -1 {
		t.Errorf("without the directive: %q", a.Raw)
	}
}

// TestConformingFields: 3.1, 5.2.2.4, 5.2.2.7: fields that are not stored, and
// those that are sent only when the back end was asked.
func TestConformingFields(t *testing.T) {
	c := conforming(t, "")
	c.set("/a", "ETag: \"x\"\nCache-Control: max-age=100, private=\"X-Mine\", no-cache=\"X-Fresh\"\nConnection: X-Hop\nX-Mine: 1\nX-Fresh: 2\nX-Hop: 3\nX-All: 4\n\nx")
	a := c.get("/a", "MISS", "x")
	if a.Header.Get("X-Mine") != "1" || a.Header.Get("X-Fresh") != "2" {
		t.Errorf("the one who asked got %q", a.Raw)
	}
	a = c.get("/a", "HIT", "x")
	if a.Header.Get("X-Mine") != "" || a.Header.Get("X-Fresh") != "" || a.Header.Get("X-Hop") != "" || a.Header.Get("X-All") != "4" {
		t.Errorf("the next one got %q", a.Raw)
	}
	if strings.Contains(c.fileContent("/a"), "X-Mine:") {
		t.Error("what is private is in the file")
	}
	c.expire("/a", 1)
	c.set("/a", "HTTP 304 Not Modified\n\n")
	if a := c.get("/a", "REVALIDATED", "x"); a.Header.Get("X-Fresh") != "2" || a.Header.Get("X-Mine") != "" {
		t.Errorf("after asking: %q", a.Raw)
	}
}

// TestConformingFreshening: 3.2 and 4.3.4: a 304 changes the stored head, in the
// file too.
func TestConformingFreshening(t *testing.T) {
	for _, parameter := range []string{"", "proxy_cache_lock on;"} {
		c := conforming(t, parameter)
		body := strings.Repeat("0123456789", 10_000)
		c.set("/a", "ETag: \"x\"\nCache-Control: max-age=100\nX-Old: 1\nX-New: 1\n\n"+body)
		c.get("/a", "MISS", body)
		c.expire("/a", 5)
		c.set("/a", "HTTP 304 Not Modified\nETag: \"x\"\nX-New: longer than before\nCache-Control: max-age=200\n\n")
		for _, want := range []string{"REVALIDATED", "HIT"} {
			a := c.get("/a", want, body)
			if a.Header.Get("X-Old") != "1" || a.Header.Get("X-New") != "longer than before" || a.Header.Get("Cache-Control") != "max-age=200" {
				t.Errorf("%s: %q", want, a.Raw[:300])
			}
		}
		if n := len(c.files()); n != 1 {
			t.Errorf("%d files", n)
		}
		// A 304 that changes nothing leaves the file, and one that says not to store it
		// leaves a stale entry.
		c.expire("/a", 5)
		c.set("/a", "HTTP 304 Not Modified\nCache-Control: no-store\n\n")
		c.get("/a", "REVALIDATED", body)
		c.get("/a", "REVALIDATED", body)
	}
}

// TestConformingStale: 4.2.4, 5.2.2.2, 5.2.2.4, 5.2.2.8, 5.2.2.10 and RFC 5861.
func TestConformingStale(t *testing.T) {
	c := conforming(t, "proxy_cache_use_stale http_503;")
	for control, want := range map[string]string{
		"max-age=10":                                    "STALE",
		"max-age=10, must-revalidate":                   "EXPIRED",
		"max-age=10, proxy-revalidate":                  "EXPIRED",
		"s-maxage=10":                                   "EXPIRED",
		"s-maxage=10, stale-if-error=100":               "STALE",
		"max-age=10, no-cache":                          "EXPIRED",
		"max-age=10, must-revalidate, stale-if-error=9": "EXPIRED",
	} {
		path := "/" + strings.NewReplacer(" ", "", "=", "").Replace(control)
		c.set(path, "ETag: \"x\"\nCache-Control: "+control+"\n\nx")
		c.get(path, "MISS", "x")
		if !strings.Contains(control, "no-cache") {
			c.expire(path, 5)
		}
		c.set(path, "HTTP 503 Busy\n\nbusy")
		if a := c.Get(t, path); a.Header.Get("X-Cache") != want {
			t.Errorf("%s: %s, want %s", control, a.Header.Get("X-Cache"), want)
		}
	}
	// RFC 5861, 3: it is used, and updated behind the client's back.
	c.set("/swr", "Cache-Control: max-age=10, stale-while-revalidate=100\n\none")
	c.get("/swr", "MISS", "one")
	c.expire("/swr", 5)
	c.set("/swr", "Cache-Control: max-age=10\n\ntwo")
	c.get("/swr", "STALE", "one")
	c.becomes("/swr", "two")
}

// TestConformingRequests: 5.2.1.
func TestConformingRequests(t *testing.T) {
	c := conforming(t, "")
	c.set("/a", "ETag: \"x\"\nCache-Control: max-age=100\n\nx")
	if a := c.Get(t, "/a", "Cache-Control: only-if-cached"); a.Status != 504 || c.asked.Load() != 0 { // 5.2.1.7
		t.Errorf("only-if-cached: %d, asked %d", a.Status, c.asked.Load())
	}
	c.get("/a", "MISS", "x", "Cache-Control: no-store") // 5.2.1.5
	c.get("/a", "MISS", "x")
	c.get("/a", "HIT", "x", "Cache-Control: only-if-cached")
	c.get("/a", "HIT", "x", "Cache-Control: max-age=50, min-fresh=10")
	c.change("/a", func(h *entry.Header) { h.Date -= 60; h.ValidUntil -= 60 })
	c.get("/a", "HIT", "x", "Cache-Control: max-age=70, min-fresh=20")
	c.set("/a", "HTTP 304 Not Modified\n\n")
	c.get("/a", "REVALIDATED", "x", "Cache-Control: max-age=50") // 5.2.1.1
	c.get("/a", "HIT", "x", "Cache-Control: min-fresh=50")
	c.get("/a", "REVALIDATED", "x", "Cache-Control: min-fresh=200") // 5.2.1.3
	c.get("/a", "REVALIDATED", "x", "Cache-Control: no-cache")      // 5.2.1.4
	if !strings.Contains(c.head(), "If-None-Match: \"x\"") {
		t.Errorf("asked %q", c.head())
	}
	c.expire("/a", 50)
	c.get("/a", "STALE", "x", "Cache-Control: max-stale=60") // 5.2.1.2
	c.get("/a", "REVALIDATED", "x", "Cache-Control: max-stale=40")

	// Where only responses count, clients cannot have the back end asked.
	c = startCached(t, "proxy_cache_rfc9111 responses;")
	c.set("/a", "Cache-Control: max-age=100\n\nx")
	c.get("/a", "MISS", "x", "Cache-Control: only-if-cached")
	if a := c.get("/a", "HIT", "x", "Cache-Control: no-cache"); age(a) < 0 {
		t.Errorf("got %q", a.Raw)
	}
}

// TestConformingInvalidation: 4.4.
func TestConformingInvalidation(t *testing.T) {
	c := conforming(t, "proxy_cache_key $request_method$request_uri;")
	fill := func() {
		t.Helper()
		for _, path := range []string{"/a", "/b", "/d/c", "/other"} {
			c.set(path, "Cache-Control: max-age=100\n\nx")
			c.Get(t, path)
			c.get(path, "HIT", "x")
		}
	}
	state := func() string {
		var out []string
		for _, path := range []string{"/a", "/b", "/d/c", "/other"} {
			if a := c.Get(t, path, "Cache-Control: only-if-cached"); a.Status == 200 {
				out = append(out, path)
			}
		}
		return strings.Join(out, " ")
	}
	for _, step := range []struct{ method, answer, left string }{
		{"POST", "x: y", "/b /d/c /other"},
		{"DELETE", "HTTP 204 No Content", "/b /d/c /other"},
		{"PATCH", "HTTP 303 See Other\nLocation: /b", "/d/c /other"},
		{"PUT", "HTTP 201 Created\nLocation: http://localhost/b#top\nContent-Location: d/c", "/other"},
		{"POST", "HTTP 201 Created\nLocation: http://elsewhere/b", "/b /d/c /other"},
		{"POST", "HTTP 500 Broken\nLocation: /b", "/a /b /d/c /other"},
		{"POST", "HTTP 404 Not Found", "/a /b /d/c /other"},
		{"OPTIONS", "x: y", "/a /b /d/c /other"},
		{"UNHEARD-OF", "x: y", "/b /d/c /other"},
	} {
		fill()
		c.set("/a", step.answer+"\n\n")
		c.Do(t, step.method, "/a")
		if got := state(); got != step.left {
			t.Errorf("%s %q: %s are left, want %s", step.method, step.answer, got, step.left)
		}
	}
}

// TestConformingVariants: 4.4: after a POST no variant is used, and the files go.
func TestConformingVariants(t *testing.T) {
	c := conforming(t, "")
	c.set("/v", "Cache-Control: max-age=100\nVary: X-Who\n\nold")
	c.get("/v", "MISS", "old", "X-Who: me")
	c.get("/v", "MISS", "old", "X-Who: you")
	c.get("/v", "HIT", "old", "X-Who: you")
	c.set("/v", "Cache-Control: max-age=100\nVary: X-Who\n\nnew")
	c.Do(t, "POST", "/v")
	c.get("/v", "MISS", "new", "X-Who: me")
	a := c.Get(t, "/v", "X-Who: you")
	if a.Body != "new" {
		t.Errorf("a variant has outlived a POST: %q", a.Raw)
	}
}

// TestConformingConditions: RFC 9110, 13.1.3 and 14.2, of what is stored.
func TestConformingConditions(t *testing.T) {
	c := conforming(t, "")
	modified := time.Now().Add(-time.Hour)
	c.set("/a", "ETag: \"x\"\nLast-Modified: "+date(modified)+"\nCache-Control: max-age=100\n\n0123456789")
	c.get("/a", "MISS", "0123456789")
	for _, step := range []struct {
		headers []string
		want    int
	}{
		{[]string{"If-None-Match: \"x\"", "If-Modified-Since: " + date(modified.Add(-time.Hour))}, 304},
		{[]string{"If-None-Match: \"y\"", "If-Modified-Since: " + date(modified)}, 200},
		{[]string{"If-Modified-Since: " + date(modified.Add(time.Minute))}, 304},
		{[]string{"If-Modified-Since: " + date(modified.Add(-time.Minute))}, 200},
		{[]string{"Range: bytes=2-3"}, 206},
	} {
		if a := c.Get(t, "/a", step.headers...); a.Status != step.want || a.Header.Get("X-Cache") != "HIT" || age(a) < 0 {
			t.Errorf("%q: %q", step.headers, a.Raw)
		}
	}
}

// TestCacheStatus: RFC 9211.
func TestCacheStatus(t *testing.T) {
	c := conforming(t, "proxy_cache_status edge; proxy_cache_bypass $arg_by; proxy_cache_use_stale http_503;")
	c.set("/a", "Cache-Control: max-age=100\nCache-Status: inner; hit\nVary: X-Who\nETag: \"x\"\n\nx")
	check := func(path, want string, headers ...string) {
		t.Helper()
		a := c.Get(t, path, headers...)
		got := a.Header.Values("Cache-Status")
		if len(got) == 0 || got[len(got)-1] != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	check("/a", "edge; fwd=uri-miss; fwd-status=200; stored; ttl=100")
	if a := c.Get(t, "/a"); strings.Join(a.Header.Values("Cache-Status"), ", ") != "inner; hit, edge; hit; ttl=100" && !strings.HasSuffix(strings.Join(a.Header.Values("Cache-Status"), ", "), "ttl=99") {
		t.Errorf("got %q", a.Raw)
	}
	check("/a", "edge; fwd=vary-miss; fwd-status=200; stored; ttl=100", "X-Who: me")
	check("/none", "edge; fwd=uri-miss; fwd-status=404")
	c.set("/a?by=1", "Cache-Control: no-store\n\nx")
	check("/a?by=1", "edge; fwd=bypass; fwd-status=200")
	a := c.Do(t, "POST", "/none")
	if got := a.Header.Get("Cache-Status"); got != "edge; fwd=method; fwd-status=404" {
		t.Errorf("POST: %q", got)
	}
	c.set("/s", "Cache-Control: max-age=100\nETag: \"x\"\n\nx")
	check("/s", "edge; fwd=uri-miss; fwd-status=200; stored; ttl=100")
	c.set("/s", "HTTP 304 Not Modified\n\n")
	check("/s", "edge; fwd=request; fwd-status=304", "Cache-Control: no-cache")
	c.expire("/s", 5)
	c.set("/s", "HTTP 503 Busy\n\n")
	check("/s", "edge; fwd=stale; fwd-status=503")

	c = startCached(t, "")
	c.set("/a", "\n\nx")
	if a := c.Get(t, "/a"); a.Header.Get("Cache-Status") != "" {
		t.Errorf("without the directive: %q", a.Raw)
	}
	for conf, want := range map[string]string{
		"proxy_cache_status 1x;":                      `invalid value "1x", it must be a token that begins with a letter`,
		"proxy_cache_status \"a b\";":                 `invalid value "a b", it must be a token that begins with a letter`,
		"proxy_cache_rfc9111 strict;":                 `invalid value "strict"`,
		"proxy_cache_status a; proxy_cache_status b;": "is duplicate",
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+conf+"\n}", cacheModules)
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v", conf, errs)
		}
	}
}

// TestNextPeerIsKept: that one peer's error is not to be kept says nothing of another
// peer's answer.
func TestNextPeerIsKept(t *testing.T) {
	for _, conf := range []string{"", "proxy_cache_rfc9111 on;"} {
		s := webtest.Start(t, begin+`proxy_cache_path cache keys_zone=z:1m; add_header X-Cache $upstream_cache_status always;
		upstream u { server 127.0.0.1:8081; server 127.0.0.1:8082 backup; }
		server { listen 127.0.0.1:8080; location / { proxy_pass http://u; proxy_cache z; proxy_next_upstream http_503; `+conf+` } } }`, cacheModules, nil)
		serve(t, s.Addr(t, "8081"), func(string, string) (string, bool) {
			return "HTTP/1.1 503 Busy\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n", true
		})
		serve(t, s.Addr(t, "8082"), func(string, string) (string, bool) {
			return "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nContent-Length: 1\r\n\r\nx", true
		})
		for _, want := range []string{"MISS", "HIT"} {
			if a := s.Get(t, "/a"); a.Body != "x" || a.Header.Get("X-Cache") != want {
				t.Errorf("%s got %q, want %s", conf, a.Raw, want)
			}
		}
	}
}
