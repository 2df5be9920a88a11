package balance

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/internal/errorlog"
	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/vserver/ipvs"
	"tandem/vserver/table"
)

// patience is how long is waited for what comes at once.
const patience = 10 * time.Second

// kernelInMemory is a kernel whose String tells all that has been set.
type kernelInMemory struct {
	table.Fake
	mu       sync.Mutex
	timeouts ipvs.Timeouts
	daemon   string
	flushed  int
	closed   bool
}

func (k *kernelInMemory) SetTimeouts(t ipvs.Timeouts) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timeouts = t
	return nil
}

func (k *kernelInMemory) SetDaemon(d ipvs.Daemon, r ipvs.Role) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.daemon = fmt.Sprintf("%v %s %d", r, d.Interface, d.ID)
	return nil
}

func (k *kernelInMemory) Flush() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flushed++
	return nil
}

func (k *kernelInMemory) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	return nil
}

func (k *kernelInMemory) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Sprintf("%sdaemon %s, timeouts %v, flushed %d, closed %v\n", k.Fake.String(), k.daemon, k.timeouts, k.flushed, k.closed)
}

// terminal is what is printed.
type terminal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *terminal) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// read reads a keepalived.conf.
func read(t *testing.T, file string) *keepalivedconf.Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(name, []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	k, _ := keepalivedconf.Read(name, keepalivedconf.Options{Text: text.Options{ConfigID: "tandem"}})
	return k
}

// await waits until something prints as wanted.
func await(t *testing.T, what fmt.Stringer, want string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(what.String(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s\nwant %s", what, want)
		}
	}
}

func start(t *testing.T, file string, kernel table.Engine) (*Balancer, *terminal) {
	t.Helper()
	out := &terminal{}
	b := Start(read(t, file), Side{
		Log: func() *errorlog.Log { return nil }, Terminal: out,
		Kernel: func(*keepalivedconf.LVS) (table.Engine, error) {
			if kernel == nil {
				return nil, errors.New("no kernel at all")
			}
			return kernel, nil
		},
	})
	return b, out
}

// file is what a script or a FIFO has written.
type file string

func (f file) String() string {
	data, _ := os.ReadFile(string(f)) // there may be none yet
	return string(data)
}

// Scripts of real servers and of the quorum are run, FIFOs get their lines, and the
// engine what is decided.
func TestBalancer(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	port := l.Addr().(*net.TCPAddr).Port
	virtual := func(weight int) string {
		return fmt.Sprintf(`
virtual_server 192.0.2.1 80 {
    delay_loop 0.05
    warmup 0
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    quorum_up "/bin/sh -c 'echo quorum up >> %[1]s/told'"
    quorum_down "/bin/sh -c 'echo quorum down >> %[1]s/told'"
    real_server 127.0.0.1 %[2]d {
        weight %[3]d
        notify_up "/bin/sh -c 'echo up >> %[1]s/told'"
        notify_down "/bin/sh -c 'echo down >> %[1]s/told'"
        TCP_CHECK {
            retry 0
        }
    }
}
`, dir, port, weight)
	}
	global := "global_defs {\n lvs_notify_fifo " + dir + "/fifo\n lvs_timeouts tcp 77\n}\n"
	k := &kernelInMemory{}
	b, out := start(t, global+virtual(1), k)
	fifo, err := os.OpenFile(dir+"/fifo", os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	await(t, out, "virtual server [192.0.2.1]:tcp:80 is served by the kernel's IP Virtual Server")
	rule := fmt.Sprintf("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 127.0.0.1:%d -m -w 1\n", port)
	await(t, k, rule+"daemon none  0, timeouts {1m17s 0s 0s}, flushed 0, closed false")
	told := file(dir + "/told")
	await(t, told, "quorum up\n")
	all := []keepalivedconf.VirtualRef{{}}
	if err := b.Without(all); err != nil {
		t.Error(err)
	}
	_ = l.Close()
	await(t, told, "down\n")
	await(t, told, "quorum down\n")
	if err := b.Without([]keepalivedconf.VirtualRef{{Words: []string{"192.0.2.1", "80"}}}); err == nil || err.Error() != "virtual server [192.0.2.1]:tcp:80 has no quorum" {
		t.Errorf("%v", err)
	}
	if err := b.Without([]keepalivedconf.VirtualRef{{Words: []string{"192.0.2.1", "81"}}, {Words: []string{"fwmark", "1"}}, {Words: []string{"group", "G"}}}); err != nil {
		t.Error(err)
	}
	if r := b.Report(); len(r) != 1 || r[0].Quorum || len(r[0].RealServers) != 1 {
		t.Errorf("%+v", r)
	}
	// A reload goes on with what is known.
	b.Reload(read(t, virtual(7)))
	await(t, k, "-A -t 192.0.2.1:80 -s rr\ndaemon none  0, timeouts {0s 0s 0s}")
	b.Reload(read(t, "global_defs {\n lvs_flush_on_stop\n}\n"+virtual(7)))
	b.Stop()
	if got := k.String(); got != "daemon none  0, timeouts {0s 0s 0s}, flushed 1, closed true\n" {
		t.Error(got)
	}
	name := fmt.Sprintf("[127.0.0.1]:tcp:%d [192.0.2.1]:tcp:80", port)
	buf := make([]byte, 1000)
	n, err := fifo.Read(buf)
	if want := "VS [192.0.2.1]:tcp:80 UP\nRS " + name + " DOWN\nVS [192.0.2.1]:tcp:80 DOWN\n"; string(buf[:n]) != want {
		t.Errorf("FIFO: %q, %v", buf[:n], err)
	}
}

// The sync daemon is a master's while its instance is master, a backup's otherwise,
// and both without an instance.
func TestSyncDaemon(t *testing.T) {
	const virtual = `
vrrp_instance V {
    interface lo
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.1
    }
}
virtual_server 192.0.2.1 80 {
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    real_server 10.0.0.1 80 {
    }
}
`
	k := &kernelInMemory{}
	b, _ := start(t, "global_defs {\n lvs_sync_daemon eth0 V\n}\n"+virtual, k)
	defer b.Stop()
	await(t, k, "daemon backup eth0 51")
	b.Moved("V", true)
	await(t, k, "daemon master eth0 51")
	b.Moved("other", true)
	b.Moved("V", false)
	await(t, k, "daemon backup eth0 51")
	b.Reload(read(t, "global_defs {\n lvs_sync_daemon eth1\n}\n"+virtual))
	await(t, k, "daemon master and backup eth1 0")
}

// Where the kernel has no IPVS the process serves, and says why.
func TestNoKernel(t *testing.T) {
	b, out := start(t, "virtual_server 127.0.0.1 1 {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\n@tandem virtual_server_engine kernel\nreal_server 10.0.0.1 80 {\n}\n}\n"+
		"virtual_server fwmark 3 {\nlvs_sched rr\nlvs_method NAT\nreal_server 10.0.0.1 80 {\n}\n}\n", nil)
	defer b.Stop()
	for _, want := range []string{
		"virtual server [127.0.0.1]:tcp:1 cannot be served: no kernel at all",
		"virtual server FWM 3 is served by this process: no kernel at all",
		"cannot add virtual server -f 3: firewall marks need the kernel's IP Virtual Server",
	} {
		await(t, out, want)
	}
}
