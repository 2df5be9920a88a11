package node

import (
	"io"
	"os"
	"runtime"
	"testing"
	"time"
	"weak"

	"tandem/node/configuration"
	"tandem/node/failover"
)

// TestReloadForgets: of a configuration that is no longer in force nothing is
// kept, not by the sockets either that were opened for it.
func TestReloadForgets(t *testing.T) {
	dir := t.TempDir()
	o := &configuration.Source{Prefix: dir + "/", Nginx: dir + "/nginx.conf", ErrorLog: "stderr"}
	text := "pid " + dir + "/nginx.pid; events {}\nhttp { server { listen unix:" + dir + "/s; } }\n"
	if err := os.WriteFile(o.Nginx, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newNode(o, io.Discard, failover.OpenMachine)
	defer n.garbage.Stop()
	c, errs := configuration.Load(o, &n.logs, nil)
	if errs.Failed() {
		t.Fatal(errs)
	}
	if err := n.start(c, unconfined); err != nil {
		t.Fatal(err)
	}
	defer n.stop(false)
	first := weak.Make(c.HTTP)
	c = nil
	if !n.reload(io.Discard) {
		t.Fatal("the reload fails")
	}
	for end := time.Now().Add(10 * time.Second); first.Value() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the first configuration is still there")
		}
		runtime.GC()
	}
}

// unconfined leaves the test's process its rights.
func unconfined(*configuration.Configuration) error { return nil }
