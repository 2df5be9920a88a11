package smallfile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/openfile"
)

// TestLook: what another request saw holds for a request that had come by then,
// and for no other. The file has gone meanwhile, so that who looks sees that.
func TestLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	name := append([]byte(path), 0)
	request := func(at time.Time) *web.Request {
		r := &web.Request{Start: at}
		r.Main = r
		return r
	}
	var links openfile.Links
	e := new(Entry)
	if failed := links.Stat(name, &e.Info); !failed.OK() {
		t.Fatal(failed)
	}
	before := request(time.Now())
	var i openfile.Info
	if failed := e.Look(before, links, name, &i); !failed.OK() || i != e.Info {
		t.Fatal(failed, i)
	}
	after := request(time.Now())
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	waited := request(before.Start)
	waited.Waited()
	sub := request(before.Start)
	sub.Main = before
	for _, c := range []struct {
		what  string
		r     *web.Request
		looks bool
	}{
		{"a request that came before the look", before, false},
		{"one that came after it", after, true},
		{"one that has waited", waited, true},
		{"a subrequest", sub, true},
	} {
		i = openfile.Info{}
		if failed := e.Look(c.r, links, name, &i); failed.OK() == c.looks || !c.looks && i != e.Info {
			t.Errorf("%s: looks %t, want %t", c.what, !failed.OK(), c.looks)
		}
	}
}

// TestSawAt: an earlier look that ends later changes nothing.
func TestSawAt(t *testing.T) {
	e := new(Entry)
	for _, at := range []int64{5, 3, 7} {
		e.sawAt(at)
	}
	if got := e.seen.Load(); got != 7 {
		t.Errorf("%d", got)
	}
}
