package main

import (
	"errors"
	"fmt"
	"net"
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
	if reads == haproxyLanguage {
		p.args = func(_, conf string) []string { return []string{"-db", "-f", conf} }
	}
	return p
}

func nginxArgs(dir, conf string) []string {
	return []string{"-p", dir + "/", "-c", conf, "-e", dir + "/error.log", "-g", "daemon off; pid " + dir + "/pid; user root;"}
}

// server is a peer at work.
type server struct {
	cmd     *exec.Cmd
	addr    netip.AddrPort
	backend *backend // nil: it needs none
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

// start runs the peer on a configuration, on the first core, and waits until
// it listens. In the configuration PORT is its port, DIR its folder.
func (p *peer) start(b *bench, conf string) (*server, error) {
	dir, err := os.MkdirTemp(b.dir, p.name+"-")
	if err != nil {
		return nil, err
	}
	if err := writeFiles(dir); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer("PORT", strconv.Itoa(port), "DIR", dir).Replace(conf)
	file := filepath.Join(dir, "conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command(p.program, p.args(dir, file)...)
	logs, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// A child inherits the affinity of the thread that starts it.
	if err := pin(0, 0); err != nil {
		return nil, err
	}
	err = cmd.Start()
	_ = logs.Close()
	if err := errors.Join(err, pin(0, lastCore())); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))}
	if err := s.wait(); err != nil {
		out, _ := os.ReadFile(filepath.Join(dir, "output"))
		s.stop()
		return nil, fmt.Errorf("%s: %w\n%s", p.name, err, out)
	}
	return s, nil
}

func (s *server) wait() error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", s.addr.String())
		if err == nil {
			return c.Close()
		}
	}
	return errors.New("it does not listen")
}

// stop ends the server and waits for it.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait()
	timer.Stop()
}

// processes returns the server's process and its children.
func (s *server) processes() []int {
	pids := []int{s.cmd.Process.Pid}
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
	for _, pid := range s.processes() {
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

// pin puts a thread (0: the calling one) and what it starts on one core.
func pin(tid, core int) error {
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(tid, &set)
}

// pinAll puts every thread of this process on one core.
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
		if err := pin(tid, core); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
