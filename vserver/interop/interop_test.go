package interop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vserver/ipvs"
)

func TestMain(m *testing.M) {
	lab.Main()
	os.Exit(m.Run())
}

// binaryEnv names the program under test.
const binaryEnv = "TANDEM_BINARY"

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// director is a host that runs one of the two programs.
type director struct {
	*lab.Host
	t       *testing.T
	program string
	dir     string
	process *lab.Process
}

// pair is two directors in front of the same real servers, with the same configuration.
type pair struct {
	t         *testing.T
	shared    string // folder of the files that the configuration names
	reals     []*lab.Host
	directors []*director
	listening map[string]net.Listener
}

// reals is how many real servers there are: 198.51.100.1 and on, and 2001:db8:51::1 and on.
const reals = 3

func newPair(t *testing.T) *pair {
	t.Helper()
	l := lab.New(t)
	lab.Needs(t, "keepalived", "ipvsadm")
	p := &pair{t: t, shared: t.TempDir(), listening: map[string]net.Listener{}}
	back, err := l.Switch()
	must(t, err)
	for i, program := range []string{"tandem", "keepalived"} {
		h, err := l.Host(program)
		must(t, err)
		must(t, h.Do(func() error {
			e, err := ipvs.Open()
			if errors.Is(err, ipvs.ErrAbsent) {
				t.Skipf("%v; internal/kernellab runs this test on a kernel that has it", err)
			}
			if err != nil {
				return err
			}
			return e.Close()
		}))
		_, err = back.Connect(h, "eth0", netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(250 + i)}), 24),
			netip.MustParsePrefix(fmt.Sprintf("2001:db8:51::%d/64", 250+i)))
		must(t, err)
		p.directors = append(p.directors, &director{Host: h, t: t, program: program, dir: t.TempDir()})
	}
	if os.Getenv(binaryEnv) == "" {
		t.Skipf("%s does not name the program", binaryEnv)
	}
	for i := range reals {
		h, err := l.Host(fmt.Sprint("real", i+1))
		must(t, err)
		_, err = back.Connect(h, "eth0", netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}), 24),
			netip.MustParsePrefix(fmt.Sprintf("2001:db8:51::%d/64", i+1)))
		must(t, err)
		p.reals = append(p.reals, h)
	}
	return p
}

// listen has a real server answer at a port.
func (p *pair) listen(real int, port int) {
	p.t.Helper()
	l, err := p.reals[real-1].Listen("tcp", fmt.Sprintf(":%d", port))
	must(p.t, err)
	p.t.Cleanup(func() { _ = l.Close() })
	p.listening[fmt.Sprint(real, port)] = l
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				_, _ = c.Read(make([]byte, 1000))
				_, _ = c.Write([]byte("HTTP/1.0 200 OK\r\n\r\nfine\n"))
				_ = c.Close()
			}()
		}
	}()
}

// silence ends that.
func (p *pair) silence(real int, port int) { must(p.t, p.listening[fmt.Sprint(real, port)].Close()) }

// write writes one of the files that the configuration names.
func (p *pair) write(name, content string, mode os.FileMode) {
	p.t.Helper()
	file := filepath.Join(p.shared, name)
	// Written at once: both programs may be reading it.
	must(p.t, os.WriteFile(file+".new", []byte(content), mode), os.Rename(file+".new", file))
}

// configure writes keepalived.conf for both.
func (p *pair) configure(conf string) {
	p.t.Helper()
	for _, d := range p.directors {
		must(p.t, os.WriteFile(filepath.Join(d.dir, "keepalived.conf"), []byte(strings.ReplaceAll(conf, "DIR", p.shared)), 0o644))
	}
}

func (p *pair) start() {
	p.t.Helper()
	for _, d := range p.directors {
		d.start()
	}
}

func (d *director) start() {
	d.t.Helper()
	file := func(name string) string { return filepath.Join(d.dir, name) }
	cmd := exec.Command("keepalived", "--dont-fork", "--log-console", "--log-detail", "--check", "-f", file("keepalived.conf"),
		"-p", file("keepalived.pid"), "-c", file("checkers.pid"))
	if d.program == "tandem" {
		must(d.t, os.MkdirAll(file("logs"), 0o755), os.WriteFile(file("nginx.conf"),
			[]byte("user root; error_log logs/error.log info; pid logs/nginx.pid; events {}\n"), 0o644))
		cmd = exec.Command(os.Getenv(binaryEnv), "-p", d.dir, "-c", "nginx.conf", "-k", "keepalived.conf")
	}
	log, err := os.OpenFile(file("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	must(d.t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	d.process, err = d.Start(cmd)
	must(d.t, err)
	d.t.Cleanup(func() {
		if d.t.Failed() {
			data, _ := os.ReadFile(file("log"))
			d.t.Logf("log of %s:\n%s", d.program, data)
		}
	})
}

// signal sends a signal to both.
func (p *pair) signal(s syscall.Signal) {
	for _, d := range p.directors {
		must(p.t, syscall.Kill(d.process.Pid, s))
	}
}

// rules is what ipvsadm lists.
func (d *director) rules() string {
	out, err := d.Output("ipvsadm", "-Sn")
	must(d.t, err)
	return out
}

// stageLimit is for the checks of an emulated machine to come to a stage.
const stageLimit = 40 * time.Second

// stage waits until both tables are the same, and have or, after a '!', have not what is given.
func (p *pair) stage(name string, want ...string) {
	p.t.Helper()
	var tables [2]string
	reached := func() bool {
		for i, d := range p.directors {
			tables[i] = d.rules()
		}
		for _, w := range want {
			text, not := strings.CutPrefix(w, "!")
			if strings.Contains(tables[1], text) == not {
				return false
			}
		}
		return tables[0] == tables[1]
	}
	begin := time.Now()
	defer func() { p.t.Logf("%s: after %v", name, time.Since(begin).Round(100*time.Millisecond)) }()
	for deadline := begin.Add(stageLimit); !reached(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: tandem's table is\n%s\nkeepalived's is\n%s\nboth should have %q", name, tables[0], tables[1], want)
		}
	}
}
