package cache_test

import (
	"os"
	"strings"
	"testing"

	"tandem/proxy/cache/entry"
	"tandem/web/smallfile"
)

// remembered asks until the entry is in memory.
func (c *cached) remembered(path, body string) *smallfile.Entry {
	c.t.Helper()
	name := append([]byte(c.file(path)), 0)
	var e *smallfile.Entry
	await(c.t, path+" is not kept in memory", func() bool {
		c.Get(c.t, path)
		e = smallfile.Of(&c.HTTP.Realm).Lookup(name)
		return e != nil
	})
	c.get(path, "HIT", body)
	return e
}

// TestMemory: small entries are answered from memory, and whatever becomes of their
// file is seen by the next request.
func TestMemory(t *testing.T) {
	c := startCached(t, "proxy_cache_valid 1h; proxy_cache_purge $arg_purge; proxy_cache_key $uri;")
	c.set("/a", "X-A: b\n\nfirst")
	a := c.file("/a")
	content := func() []byte { return []byte(c.fileContent("/a")) }
	for name, step := range map[string]struct {
		change func() error
		want   string
	}{
		"removed": {func() error { return os.Remove(a) }, "MISS first"},
		"written in place": {func() error {
			return os.WriteFile(a, []byte(strings.Replace(string(content()), "first", "FIRST", 1)), 0o600)
		}, "HIT FIRST"},
		"replaced": {func() error {
			if err := os.WriteFile(a+"2", []byte(strings.Replace(string(content()), "first", "other", 1)), 0o600); err != nil {
				return err
			}
			return os.Rename(a+"2", a)
		}, "HIT other"},
		"cut off": {func() error { return os.Truncate(a, int64(len(content())-1)) }, "MISS first"},
		"made stale": {func() error {
			c.change("/a", func(h *entry.Header) { h.ValidUntil = 1 })
			return nil
		}, "EXPIRED first"},
		"purged": {func() error { c.Do(t, "PURGE", "/a?purge=1"); return nil }, "MISS first"},
		"a link": {func() error {
			if err := os.Rename(a, a+"3"); err != nil {
				return err
			}
			return os.Symlink(a+"3", a)
		}, "MISS first"},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(a)
			c.get("/a", "MISS", "first")
			e := c.remembered("/a", "first")
			if !strings.HasSuffix(string(e.Data), "first") {
				t.Fatalf("kept: %q", e.Data)
			}
			if err := step.change(); err != nil {
				t.Fatal(err)
			}
			want, body, _ := strings.Cut(step.want, " ")
			c.get("/a", want, body)
		})
	}
	// One that is too large is sent from its file.
	large := strings.Repeat("0123456789", smallfile.Largest/10)
	c.set("/large", "\n\n"+large)
	c.get("/large", "MISS", large)
	c.get("/large", "HIT", large)
	if smallfile.Of(&c.HTTP.Realm).Lookup(append([]byte(c.file("/large")), 0)) != nil {
		t.Error("a large one is kept in memory")
	}
}

// TestMemoryKeepsItsContent: what a request does with its buffers is not done to
// what is kept.
func TestMemoryKeepsItsContent(t *testing.T) {
	c := startCached(t, "proxy_cache_valid 1h;")
	full := strings.Repeat("x", smallfile.Largest-entry.HeadStart(len("/full"))-len("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"))
	c.set("/full", "\n\n"+full) // as large as a buffer
	c.get("/full", "MISS", full)
	e := c.remembered("/full", full)
	if len(e.Data) != smallfile.Largest {
		t.Fatalf("%d bytes", len(e.Data))
	}
	before := string(e.Data)
	for i := range 20 {
		path := "/other" + strings.Repeat("o", i)
		c.set(path, "\n\n"+strings.Repeat("y", 20_000))
		c.Get(t, path)
		c.Get(t, path)
		c.get("/full", "HIT", full)
	}
	if string(e.Data) != before {
		t.Error("what is kept has changed")
	}
}
