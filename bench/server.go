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

// peer is a program that is measured.
type peer struct {
	name    string
	program string // found in PATH; "" for tandem itself
	args    func(dir, conf string) []string
	version []string // how it tells its version
}

var (
	tandemPeer  = &peer{name: "tandem", args: nginxArgs, version: []string{"-v"}}
	nginxPeer   = &peer{name: "nginx", program: "nginx", args: nginxArgs, version: []string{"-v"}}
	haproxyPeer = &peer{name: "haproxy", program: "haproxy", args: func(_, conf string) []string { return []string{"-db", "-f", conf} }, version: []string{"-v"}}
)

func nginxArgs(dir, conf string) []string {
	return []string{"-p", dir + "/", "-c", conf, "-e", dir + "/error.log", "-g", "daemon off; pid " + dir + "/pid; user root;"}
}

// server is a peer at work.
type server struct {
	cmd  *exec.Cmd
	addr netip.AddrPort
}

// find returns the peer's program, or an error when it is not there.
func (p *peer) find(b *bench) (string, error) {
	if p.program == "" {
		return b.binary, nil
	}
	if path, err := exec.LookPath(p.program); err == nil {
		return path, nil
	}
	path := "/usr/sbin/" + p.program
	_, err := os.Stat(path)
	return path, err
}

// start runs the peer on a configuration, on the first core, and waits until
// it listens. In the configuration PORT is its port, DIR its folder.
func (p *peer) start(b *bench, conf string) (*server, error) {
	program, err := p.find(b)
	if err != nil {
		return nil, err
	}
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
	cmd := exec.Command(program, p.args(dir, file)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	logs, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// A child inherits the affinity of the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
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
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The name, in parentheses, may hold spaces.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, i := range []int{11, 12} {
			ticks, _ := strconv.ParseInt(fields[i], 10, 64)
			sum += time.Duration(ticks) * (time.Second / 100)
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
