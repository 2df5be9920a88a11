package node

import (
	"io"
	"os"
	"runtime"
	"testing"
	"time"
	"weak"

	"tandem/node/configuration"
	"tandem/web"
)

// TestReloadForgets: of a configuration that is no longer in force nothing is
// kept, not by the sockets either that were opened for it.
func TestReloadForgets(t *testing.T) {
	dir := t.TempDir()
	o := &configuration.Source{Prefix: dir + "/", Nginx: dir + "/nginx.conf", ErrorLog: "stderr"}
	text := "events {}\nhttp { server { listen unix:" + dir + "/s; } }\n"
	if err := os.WriteFile(o.Nginx, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &node{source: o, stderr: io.Discard, set: &web.ListenSet{}}
	defer func() { n.set.Close() }()
	n.garbage = time.AfterFunc(time.Hour, func() {})
	defer n.garbage.Stop()
	read := func(previous *web.HTTP) (*configuration.Configuration, *web.Opened) {
		c, errs := configuration.Load(o, &n.logs, previous)
		if errs.Failed() {
			t.Fatal(errs)
		}
		opened, err := n.set.Open(c.HTTP.Ports)
		if err != nil {
			t.Fatal(err)
		}
		return c, opened
	}
	n.use(read(nil))
	first := weak.Make(n.conf.HTTP)
	func() {
		before, old := n.gen, n.conf
		n.use(read(old.HTTP))
		n.retire(before, old, n.gen)
	}()
	for end := time.Now().Add(10 * time.Second); first.Value() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the first configuration is still there")
		}
		runtime.GC()
	}
}
