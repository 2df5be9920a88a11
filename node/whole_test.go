package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem/node/configuration"
	"tandem/node/failover"
	"tandem/node/failover/failovertest"
	"tandem/vrrp/netif"
	"tandem/vrrp/vrrptest"
	"tandem/web"
	"tandem/web/rewrite"
)

// whole is a node in this process, with a machine in memory.
type whole struct {
	*node
	t    *testing.T
	dir  string
	host *vrrptest.Host
	// refused is an interface on which the machine has no socket to give.
	refused string
}

// kernel is the machine's.
type kernel struct {
	*vrrptest.Host
	w *whole
}

// OpenSocket implements failover.Kernel.
func (k kernel) OpenSocket(c netif.SocketConfig) (netif.Conn, error) {
	if k.w.refused != "" && c.Interface == k.w.refused {
		return nil, errors.New("no socket for " + c.Interface)
	}
	return k.Host.OpenSocket(c)
}

func newWhole(t *testing.T) *whole {
	w := &whole{t: t, dir: t.TempDir(), host: vrrptest.NewLAN().Host("a", "192.0.2.1/24")}
	for _, name := range []string{w.dir, filepath.Dir(w.dir)} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	source := &configuration.Source{
		Prefix: w.dir + "/", Nginx: w.dir + "/nginx.conf", ErrorLog: w.dir + "/error.log", Keepalived: w.dir + "/keepalived.conf", ConfigID: "a",
		Modules: configuration.Modules{HTTP: []*web.Module{rewrite.Module}},
	}
	w.node = newNode(source, io.Discard, func() (*failover.Machine, error) {
		m := failovertest.Machine(w.host)
		m.Kernel = kernel{w.host, w}
		return m, nil
	})
	t.Cleanup(func() { w.garbage.Stop() })
	return w
}

func (w *whole) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// begin starts the node.
func (w *whole) begin() error {
	c, errs := configuration.Load(w.source, &w.logs, nil)
	if errs.Failed() {
		w.t.Fatal(errs)
	}
	return w.start(c, unconfined)
}

// everything is what a reload might change, as text.
func (w *whole) everything() map[string]string {
	cwd, _ := os.Getwd()
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	all := map[string]string{
		"force": fmt.Sprintf("%p", w.inForce.Load()), "folder": cwd, "environment": os.Getenv("TANDEM_RELOAD_TEST"),
		"limit": fmt.Sprint(limit), "addresses": fmt.Sprint(w.host.Present()),
	}
	_ = filepath.WalkDir(w.dir, func(name string, d fs.DirEntry, _ error) error {
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprint(info.Mode(), " of ", st.Uid)
		if strings.HasSuffix(name, ".pid") {
			content, _ := os.ReadFile(name)
			text += " " + string(content)
		}
		all[name] = text
		return nil
	})
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && to != "/proc/self/fd" && !strings.HasPrefix(to, "/proc/") {
			all["descriptor "+e.Name()] = to
		}
	}
	return all
}

// difference returns the names that two states do not have in common.
func difference(a, b map[string]string) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if b[name] != a[name] {
			list = append(list, fmt.Sprintf("%s: %q, now %q", name, a[name], b[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			list = append(list, fmt.Sprintf("%s: now %q", name, b[name]))
		}
	}
	return list
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// anyInterface: interfaces need not be those of the machine that tests.
const anyInterface = "global_defs {\n\tdynamic_interfaces\n}\n"

const wholeInstance = `vrrp_instance %s {
	interface %s
	virtual_router_id %d
	virtual_ipaddress { %s }
}
`

// settings are what the configurations of TestFailedReload differ in.
type settings struct {
	top, pid, listen, folder, keepalived, body string
}

func (w *whole) configure(s settings) {
	user := ""
	if os.Geteuid() == 0 {
		user = "user nobody nogroup;\n"
	}
	w.write("nginx.conf", fmt.Sprintf(`%s%s
pid %s/%s;
working_directory %s/%s;
events {}
http {
	client_body_temp_path %s/%s;
	server { %s return 200; }
}
`, user, s.top, w.dir, s.pid, w.dir, s.folder, w.dir, s.body, s.listen))
	w.write("keepalived.conf", s.keepalived)
}

// A reload of which one part fails, whichever it is, leaves everything as it was:
// what the parts before it have prepared is given up.
func TestFailedReload(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) })
	t.Setenv("TANDEM_RELOAD_TEST", "before")
	// What nobody closes is not to be closed by the garbage collector.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	w := newWhole(t)
	t.Chdir(w.dir)
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.write("stale.pid", "1\n")
	first := freeAddress(t)
	one := anyInterface + fmt.Sprintf(wholeInstance, "VI_1", vrrptest.Interface, 1, "192.0.2.101")
	before := settings{pid: "nginx.pid", listen: "listen " + first + ";", folder: "one", keepalived: one, body: "body"}
	w.configure(before)
	if err := w.begin(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		w.stop(false)
		w.contact.close()
	}()
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	second := freeAddress(t)
	after := settings{
		top: "worker_rlimit_nofile 700; env TANDEM_RELOAD_TEST=after;", pid: "moved.pid", folder: "two", body: "other", keepalived: one +
			fmt.Sprintf(wholeInstance, "VI_2", "ens34", 2, "192.0.2.102") + fmt.Sprintf(wholeInstance, "VI_3", "ens35", 3, "192.0.2.103"), listen: before.listen + " listen " + second + ";",
	}
	for _, c := range []struct {
		part   string
		change func(s *settings)
		says   string
		root   bool
	}{
		{part: "the language", change: func(s *settings) { s.top += " bogus;" }, says: `unknown directive "bogus"`},
		{part: "logs", change: func(s *settings) { s.top += " error_log none/error.log;" }, says: "none/error.log\" failed (2:"},
		{part: "the pid file", change: func(s *settings) { s.pid = "none/nginx.pid" }, says: "none/nginx.pid\" failed (2:"},
		{part: "sockets", change: func(s *settings) { s.listen += " listen " + taken.Addr().String() + ";" }, says: "bind() to " + taken.Addr().String() + " failed (98:"},
		{part: "sockets, with a stale pid file", change: func(s *settings) {
			s.pid, s.listen = "stale.pid", s.listen+" listen "+taken.Addr().String()+";"
		}, says: "bind() to"},
		{part: "the folder", change: func(s *settings) { s.folder = "none" }, says: "chdir(\"" + w.dir + "/none\") failed (2:"},
		{part: "the folder, with a stale pid file", change: func(s *settings) { s.folder, s.pid = "none", "stale.pid" }, says: "chdir("},
		{part: "temporary files", change: func(s *settings) { s.body = "nginx.conf/body" }, says: "nginx.conf/body\" failed (20:", root: true},
		{part: "VRRP", change: func(*settings) { w.refused = "ens35" }, says: "no socket for ens35"},
	} {
		t.Run(c.part, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("only root gives folders away")
			}
			w.refused = ""
			s := after
			c.change(&s)
			w.configure(s)
			is, running := w.everything(), runtime.NumGoroutine()
			var out bytes.Buffer
			if w.reload(&out) {
				t.Fatal("the reload succeeds")
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("it says %q, not %q", out.String(), c.says)
			}
			// What is closed is forgotten a little later.
			var left []string
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				left = difference(is, w.everything())
				if n := runtime.NumGoroutine(); n > running {
					left = append(left, fmt.Sprintf("%d goroutines, now %d", running, n))
				}
				if left == nil || time.Now().After(end) {
					break
				}
			}
			if left != nil {
				t.Errorf("it has changed:\n%s", strings.Join(left, "\n"))
			}
		})
	}
	// The same with nothing in its way changes all of it.
	w.refused = ""
	w.configure(after)
	var out bytes.Buffer
	if !w.reload(&out) {
		t.Fatalf("a good reload fails: %s", out.String())
	}
	is := w.everything()
	for name, want := range map[string]string{
		"folder": w.dir + "/two", "environment": "after", "limit": "{700 700}",
	} {
		if is[name] != want {
			t.Errorf("%s: %q, want %q", name, is[name], want)
		}
	}
	if _, ok := is[w.dir+"/nginx.pid"]; ok || !strings.Contains(is[w.dir+"/moved.pid"], fmt.Sprint(os.Getpid())) {
		t.Errorf("pid files: %q", is)
	}
	for _, addr := range []string{first, second} {
		conn, err := net.Dial("tcp4", addr)
		if err != nil {
			t.Error(err)
			continue
		}
		_ = conn.Close()
	}
	if n := len(w.report().Instances); n != 3 {
		t.Errorf("%d instances", n)
	}
}

// A start that fails leaves nothing that runs.
func TestFailedStart(t *testing.T) {
	w := newWhole(t)
	t.Chdir(w.dir)
	addr := freeAddress(t)
	w.write("nginx.conf", "pid nginx.pid; events {} http { server { listen "+addr+"; } }")
	w.write("keepalived.conf", anyInterface+fmt.Sprintf(wholeInstance, "VI_1", vrrptest.Interface, 1, "192.0.2.101"))
	w.refused = vrrptest.Interface
	if err := w.begin(); err == nil || !strings.Contains(err.Error(), "no socket for ens33") {
		t.Fatalf("start: %v", err)
	}
	if conn, err := net.Dial("tcp4", addr); err == nil {
		_ = conn.Close()
		t.Error("it is still listened")
	}
	if _, err := os.Stat("nginx.pid"); !os.IsNotExist(err) {
		t.Errorf("the pid file: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := w.generation.web.Wait(ctx); err != nil {
		t.Errorf("the generation goes on: %v", err)
	}
}

// A report is of one moment: what it says of the configuration, the web side and
// VRRP belongs together, also while a reload is under way.
func TestReportOfOneMoment(t *testing.T) {
	w := newWhole(t)
	t.Chdir(w.dir)
	configure := func(number int) {
		nginx, keepalived := "pid nginx.pid; events {} http { server {", anyInterface
		for i := range number {
			nginx += fmt.Sprintf(" listen unix:%s/s%d;", w.dir, i)
			keepalived += fmt.Sprintf(wholeInstance, fmt.Sprint("VI_", i), vrrptest.Interface, i+1, fmt.Sprint("192.0.2.", 100+i))
		}
		w.write("nginx.conf", nginx+" } }")
		w.write("keepalived.conf", keepalived)
	}
	configure(1)
	if err := w.begin(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		w.stop(false)
		w.contact.close()
	}()
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for range 2 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := w.report()
				if n := r.Configuration.Generation; len(r.Web.Listeners) != n || len(r.Instances) != n {
					t.Errorf("generation %d with %d listeners and %d instances", n, len(r.Web.Listeners), len(r.Instances))
					return
				}
			}
		})
	}
	for number := 2; number <= 20; number++ {
		configure(number)
		if !w.reload(io.Discard) {
			t.Fatal("the reload fails")
		}
	}
	close(stop)
	asking.Wait()
}
