package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// language is what a peer's configuration is written in.
type language string

const (
	nginxLanguage   language = "nginx"
	haproxyLanguage language = "haproxy"
	caddyLanguage   language = "caddy"
)

// peer is a program that is measured.
type peer struct {
	name    string
	program string // a path, or found in PATH
	reads   language
	args    func(dir, conf string) []string
	version []string // how it tells its version
}

func newPeer(name, program string, reads language) *peer {
	p := &peer{name: name, program: program, reads: reads, args: nginxArgs, version: []string{"-v"}}
	switch reads {
	case haproxyLanguage:
		p.args = func(_, conf string) []string { return []string{"-db", "-f", conf} }
	case caddyLanguage:
		p.args = func(_, conf string) []string { return []string{"run", "--adapter", "caddyfile", "--config", conf} }
		p.version = []string{"version"}
	}
	return p
}

func nginxArgs(dir, conf string) []string {
	return []string{"-p", dir + "/", "-c", conf, "-e", dir + "/error.log", "-g", "daemon off; pid " + dir + "/pid; user root;"}
}

// server is a peer at work.
type server struct {
	peer  *peer
	dir   string
	files string // FILES
	cmd   *exec.Cmd
	addr  netip.AddrPort
}

// find settles the path of the peer's program, or returns an error when it is
// not there.
func (p *peer) find() error {
	path, err := exec.LookPath(p.program)
	if err != nil {
		path = "/usr/sbin/" + p.program
		_, err = os.Stat(path)
	}
	p.program = path
	return err
}

// start runs the peer on a configuration, on the first core unless others are
// given, and waits until it listens.
func (p *peer) start(b *bench, conf string, on ...int) (*server, error) {
	s, err := p.prepare(b, conf)
	if err != nil {
		return nil, err
	}
	if len(on) == 0 {
		on = cores(1)
	}
	if err := s.launch(on...); err != nil {
		return nil, err
	}
	return s, s.wait()
}

// prepare makes the folder of a server that is to be started.
func (p *peer) prepare(b *bench, conf string) (*server, error) {
	dir, err := os.MkdirTemp(b.dir, "server-")
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"logs", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{peer: p, dir: dir, files: b.files(), addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))}
	return s, s.configure(conf)
}

// configure writes the configuration.
func (s *server) configure(conf string) error {
	text := strings.NewReplacer("PORT", strconv.Itoa(int(s.addr.Port())), "DIR", s.dir, "FILES", s.files, "CERT", filepath.Join(filepath.Dir(s.files), "cert")).Replace(conf)
	return os.WriteFile(s.confFile(), []byte(text), 0o644)
}

func (s *server) confFile() string { return filepath.Join(s.dir, "conf") }

// launch starts the program on these cores.
func (s *server) launch(cores ...int) error {
	s.cmd = exec.Command(s.peer.program, s.peer.args(s.dir, s.confFile())...)
	return launch(s.cmd, filepath.Join(s.dir, "output"), cores...)
}

// launch starts a program, whose output goes to a file, on these cores.
func launch(cmd *exec.Cmd, output string, cores ...int) error {
	logs, err := os.Create(output)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = logs, logs
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	// A child inherits the affinity of the thread that starts it.
	if err := pin(0, cores...); err != nil {
		return err
	}
	err = cmd.Start()
	_ = logs.Close()
	return errors.Join(err, pin(0, lastCore()))
}

func (s *server) wait() error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", s.addr.String())
		if err == nil {
			return c.Close()
		}
	}
	out, _ := os.ReadFile(filepath.Join(s.dir, "output"))
	s.stop()
	return fmt.Errorf("%s does not listen\n%s", s.peer.name, out)
}

// stop ends the server and waits for it.
func (s *server) stop() { end(s.cmd) }

// ask sends a request over a connection of its own and returns the body of the
// answer, which has to have this status.
func (s *server) ask(request []byte, status int) ([]byte, error) {
	c, err := net.DialTimeout("tcp", s.addr.String(), time.Second)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != status {
		return nil, fmt.Errorf("status %d instead of %d", answer.StatusCode, status)
	}
	return io.ReadAll(answer.Body)
}

// end ends a program and waits for it.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	timer.Stop()
}

// family returns a process and its children.
func family(pid int) []int {
	pids := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[0]))
	for _, t := range tasks {
		text, _ := os.ReadFile(t)
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// cpu returns the processor time that the server has used so far.
func (s *server) cpu() time.Duration {
	var sum time.Duration
	for _, pid := range family(s.cmd.Process.Pid) {
		// The clock of a process, by its number: see clock_getcpuclockid(3).
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|2), &t); err == nil {
			sum += time.Duration(t.Nano())
		}
	}
	return sum
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func lastCore() int { return runtime.NumCPU() - 1 }

// cores returns the numbers of the first n cores.
func cores(n int) []int {
	list := []int{0}
	for i := 1; i < n; i++ {
		list = append(list, i)
	}
	return list
}

// pin puts a thread (0: the calling one) and what it starts on these cores.
func pin(tid int, cores ...int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	return unix.SchedSetaffinity(tid, &set)
}

// pinAll puts every thread of this process on one core, and before whoever else is at
// work on the machine.
func pinAll(core int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		err = pin(tid, core)
		if err == nil {
			err = unix.Setpriority(unix.PRIO_PROCESS, tid, -20)
		}
		if err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
