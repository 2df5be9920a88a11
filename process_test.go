package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem/status"
)

// program is the name of the built program, made once for all tests: it has to
// be a process of its own, without cgo. It lies in the folder of the test's own
// program, which go test removes.
var program = sync.OnceValues(func() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	name := filepath.Join(filepath.Dir(self), "tandem-without-cgo")
	cmd := exec.Command("go", "build", "-o", name, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

// box is a folder with a configuration, and perhaps a process on it.
type box struct {
	t    *testing.T
	dir  string // prefix, with conf, logs and html; everybody may look in
	port string // PORT in configurations
	cmd  *exec.Cmd
	said bytes.Buffer // what the process wrote on stderr
	gone chan error
}

func newBox(t *testing.T) *box {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, dir: t.TempDir(), port: port}
	for _, d := range []string{filepath.Dir(b.dir), b.dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"conf", "logs", "html"} {
		if err := os.Mkdir(filepath.Join(b.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// write writes a file below the folder; DIR and PORT in it are replaced.
func (b *box) write(name, text string, mode os.FileMode) {
	b.t.Helper()
	text = strings.NewReplacer("DIR", b.dir, "PORT", b.port).Replace(text)
	full := filepath.Join(b.dir, name)
	if err := os.WriteFile(full, []byte(text), mode); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chmod(full, mode); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(b.dir, name))
	return string(text)
}

// command returns the program with flags, on the folder. A keepalived.conf of
// the machine is not looked at.
func (b *box) command(flags ...string) *exec.Cmd {
	b.t.Helper()
	name, err := program()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(name, append([]string{"-p", b.dir, "-e", "stderr"}, flags...)...)
	cmd.Dir = b.dir
	return cmd
}

// run runs the program to its end.
func (b *box) run(flags ...string) (output string, code int) {
	b.t.Helper()
	out, err := b.command(flags...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return string(out), code
}

// start starts the process and waits until it serves.
func (b *box) start(flags ...string) {
	b.t.Helper()
	b.cmd = b.command(flags...)
	b.cmd.Stderr = &b.said
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.gone = make(chan error, 1)
	go func() { b.gone <- b.cmd.Wait() }()
	b.t.Cleanup(func() {
		_ = b.cmd.Process.Kill()
		<-b.gone
		if b.t.Failed() {
			b.t.Logf("stderr:\n%s\nerror log:\n%s", b.said.String(), b.read("logs/error.log"))
		}
	})
	b.until("the pid file", func() bool { return b.read("logs/nginx.pid") != "" })
}

// until waits for something to become true.
func (b *box) until(what string, is func() bool) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain for %s", what)
		}
		select {
		case err := <-b.gone:
			b.gone <- err
			b.t.Fatalf("process ended while waiting for %s: %v", what, err)
		default:
		}
	}
}

// wait waits for the process to end by itself.
func (b *box) wait() error {
	b.t.Helper()
	select {
	case err := <-b.gone:
		b.gone <- nil
		return err
	case <-time.After(20 * time.Second):
		b.t.Fatal("the process does not end")
		return nil
	}
}

func (b *box) signal(sig syscall.Signal) {
	b.t.Helper()
	if err := b.cmd.Process.Signal(sig); err != nil {
		b.t.Fatal(err)
	}
}

// get asks for a path and returns status and body.
func (b *box) get(path string) (int, string) {
	b.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%s%s", b.port, path))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// conf is a configuration with a server that says what it is told to.
func conf(top, text string) string {
	return top + `
pid logs/nginx.pid;
error_log logs/error.log info;
events {}
http {
    access_log logs/access.log;
    server {
        listen 127.0.0.1:PORT;
        location = /say { return 200 "` + text + `"; }
        location / { root html; }
    }
}
`
}

func TestReloadSaysHowItWent(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", conf("", "one"), 0o644)
	b.start()
	b.write("conf/nginx.conf", conf("", "two"), 0o644)
	if out, code := b.run("-s", "reload"); code != 0 || out != "" {
		t.Errorf("good reload: %d %q", code, out)
	}
	if _, body := b.get("/say"); body != "two" {
		t.Errorf("after the reload: %q", body)
	}

	// The files are right, but the address is taken: only the process itself
	// can find out.
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := conf("", "three") + fmt.Sprintf("# %s", taken.Addr())
	busy = strings.Replace(busy, "location = /say", fmt.Sprintf("listen %s; location = /say", taken.Addr()), 1)
	b.write("conf/nginx.conf", busy, 0o644)
	out, code := b.run("-s", "reload")
	if want := fmt.Sprintf("nginx: [emerg] bind() to %s failed (98: Address already in use)\n", taken.Addr()); code != 1 || out != want {
		t.Errorf("reload on a taken address: %d %q, want %q", code, out, want)
	}

	// The files are wrong.
	b.write("conf/nginx.conf", "bogus;", 0o644)
	out, code = b.run("-s", "reload")
	if code != 1 || !strings.Contains(out, `[emerg] unknown directive "bogus" in `+b.dir+`/conf/nginx.conf:1`) {
		t.Errorf("reload of nonsense: %d %q", code, out)
	}
	b.signal(syscall.SIGHUP)
	b.until("the complaint in the log", func() bool { return strings.Contains(b.read("logs/error.log"), `unknown directive "bogus"`) })
	if _, body := b.get("/say"); body != "two" {
		t.Errorf("after failed reloads: %q", body)
	}

	b.write("conf/nginx.conf", conf("", "four"), 0o644)
	if out, code := b.run("-s", "quit"); code != 0 || out != "" {
		t.Errorf("quit: %d %q", code, out)
	}
	if err := b.wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	for _, name := range []string{"nginx.pid", "nginx.control"} {
		if _, err := os.Stat(filepath.Join(b.dir, "logs", name)); !os.IsNotExist(err) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
	out, code = b.run("-s", "reload")
	if want := fmt.Sprintf("nginx: [error] open() \"%s/logs/nginx.pid\" failed (2: No such file or directory)\n", b.dir); code != 1 || out != want {
		t.Errorf("reload of nobody: %d %q, want %q", code, out, want)
	}
}

// A reload is for new requests: whatever a client has begun to ask is answered
// by the configuration that it began with, its connection goes on with the new
// one, and no attempt to connect fails.
func TestReloadLosesNothing(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", conf("", "generation 0"), 0o644)
	b.start()

	stop := make(chan struct{})
	var clients sync.WaitGroup
	var mu sync.Mutex
	asked := 0
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				answer, err := b.ask()
				mu.Lock()
				asked++
				if err != nil || !strings.HasPrefix(answer, "HTTP/1.1 200 ") || !strings.Contains(answer, "\r\n\r\ngeneration ") {
					t.Errorf("%q: %v", answer, err)
				}
				mu.Unlock()
			}
		})
	}

	const reloads = 20
	for i := range reloads {
		begun, err := net.Dial("tcp4", b.addr())
		if err != nil {
			t.Fatal(err)
		}
		silent, err := net.Dial("tcp4", b.addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(begun, "GET /say HTTP/1.1\r\nHost: "); err != nil {
			t.Fatal(err)
		}
		// An answer to a later connection shows that these have been accepted.
		if _, err := b.ask(); err != nil {
			t.Fatal(err)
		}
		b.write("conf/nginx.conf", conf("", fmt.Sprintf("generation %d", i+1)), 0o644)
		if out, code := b.run("-s", "reload"); code != 0 {
			t.Fatalf("reload: %s", out)
		}
		if _, body := b.get("/say"); body != fmt.Sprintf("generation %d", i+1) {
			t.Errorf("after reload %d: %q", i+1, body)
		}
		const request = "GET /say HTTP/1.1\r\nHost: localhost\r\n\r\n"
		for _, one := range []struct {
			c          net.Conn
			send       string
			generation int
		}{{begun, "localhost\r\n\r\n", i}, {silent, request, i + 1}} {
			_ = one.c.SetDeadline(time.Now().Add(10 * time.Second))
			r := bufio.NewReader(one.c)
			for _, generation := range []int{one.generation, i + 1} {
				_, _ = io.WriteString(one.c, one.send)
				answer, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatalf("connection from before reload %d, then %q: %v", i+1, one.send, err)
				}
				body, err := io.ReadAll(answer.Body)
				if err != nil || string(body) != fmt.Sprintf("generation %d", generation) || answer.Close {
					t.Errorf("connection from before reload %d, then %q: %q, close %t, %v; want generation %d", i+1, one.send, body, answer.Close, err, generation)
				}
				one.send = request
			}
			_ = one.c.Close()
		}
	}
	close(stop)
	clients.Wait()
	if asked < reloads {
		t.Errorf("only %d requests during the reloads", asked)
	}
}

func (b *box) addr() string { return "127.0.0.1:" + b.port }

// ask connects, asks, and returns all that comes back.
func (b *box) ask() (string, error) {
	c, err := net.Dial("tcp4", b.addr())
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "GET /say HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}

func TestShutdownTimeout(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", conf("worker_shutdown_timeout 20ms;", "hello"), 0o644)
	b.start()
	c, err := net.Dial("tcp4", b.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ask(); err != nil {
		t.Fatal(err)
	}
	b.signal(syscall.SIGQUIT)
	if err := b.wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
}

func TestPIDFileMovesOnReload(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", conf("", "hello"), 0o644)
	b.start()
	if out, code := b.run(); code != 1 || !strings.Contains(out, "failed (98: Address already in use)") {
		t.Errorf("a second process on the same address: %d %q", code, out)
	}
	pid := b.read("logs/nginx.pid")
	b.write("conf/nginx.conf", strings.Replace(conf("", "hello"), "nginx.pid", "moved.pid", 1), 0o644)
	b.signal(syscall.SIGHUP)
	b.until("the new pid file", func() bool { return b.read("logs/moved.pid") == pid })
	b.until("the old one's end", func() bool { return b.read("logs/nginx.pid") == "" })
	if out, code := b.run("-s", "reload"); code != 0 || out != "" {
		t.Errorf("reload through the new one: %d %q", code, out)
	}
}

func TestDaemon(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", conf("daemon on;", "hello"), 0o644)
	out, code := b.run()
	pid, err := strconv.Atoi(strings.TrimSpace(b.read("logs/nginx.pid")))
	if code != 0 || out != "" || err != nil {
		t.Fatalf("start: %d %q, pid file: %v", code, out, err)
	}
	b.t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	// The one that started it returned when it served.
	if _, body := b.get("/say"); body != "hello" {
		t.Errorf("answer %q", body)
	}
	if out, code := b.run("-s", "stop"); code != 0 || out != "" {
		t.Errorf("stop: %d %q", code, out)
	}
	b.until("the end of the pid file", func() bool { return b.read("logs/nginx.pid") == "" })

	b.write("conf/nginx.conf", conf("daemon on;", "hello")+"bogus;", 0o644)
	if out, code := b.run(); code != 1 || strings.Count(out, `unknown directive "bogus"`) != 1 {
		t.Errorf("start with a mistake: %d %q", code, out)
	}
}

func TestEnvironment(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", strings.Replace(conf("env TZ=America/New_York; worker_rlimit_nofile 700; working_directory DIR/html;", "hello"),
		"events {}", "events {} ", 1), 0o644)
	b.start()
	// What answers has taken up its environment.
	if _, body := b.get("/say"); body != "hello" {
		t.Errorf("answer %q", body)
	}
	proc := fmt.Sprintf("/proc/%d/", b.cmd.Process.Pid)
	if limits, _ := os.ReadFile(proc + "limits"); !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max open files 700 700 ") {
		t.Errorf("limits:\n%s", limits)
	}
	if cwd, _ := os.Readlink(proc + "cwd"); cwd != b.dir+"/html" {
		t.Errorf("working directory %q", cwd)
	}
	b.until("the line in the log", func() bool { return strings.Contains(b.read("logs/access.log"), "GET /say") })
	log := b.read("logs/access.log")
	if !strings.Contains(log, " -0400] ") && !strings.Contains(log, " -0500] ") {
		t.Errorf("time zone: %s", log)
	}
}

// The targets of logs that are no files, through the whole program.
func TestLogTargets(t *testing.T) {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	b := newBox(t)
	text := conf("error_log memory:10k debug;", "hello")
	text = strings.Replace(text, "access_log logs/access.log;", fmt.Sprintf(`
		log_format plain "$uri $status";
		access_log syslog:server=%s,tag=site,nohostname plain;
		access_log logs/$status.log plain;
		access_log logs/gathered.log plain buffer=1k;
		error_log syslog:server=%s,facility=user,nohostname;
		error_log logs/http.log;`, server.LocalAddr(), server.LocalAddr()), 1)
	b.write("conf/nginx.conf", text, 0o644)
	b.start()
	// A request is logged when its answer is on its way: the next one waits
	// for that.
	b.get("/say")
	b.until("the log of 200", func() bool { return b.read("logs/200.log") == "/say 200\n" })
	b.get("/missing")
	var got []string
	packet := make([]byte, 4096)
	for range 3 {
		_ = server.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := server.Read(packet)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, string(packet[:n]))
	}
	for i, want := range []string{`^<190>\w{3} [ \d]\d \d\d:\d\d:\d\d site: /say 200$`,
		`^<11>\w{3} [ \d]\d \d\d:\d\d:\d\d nginx: \d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ open\(\) ".*/html/missing" failed \(2: No such file or directory\), client: 127.0.0.1, server: , request: "GET /missing HTTP/1.1", host: "127.0.0.1:\d+"$`,
		`^<190>\w{3} [ \d]\d \d\d:\d\d:\d\d site: /missing 404$`} {
		if !slices.ContainsFunc(got, regexp.MustCompile(want).MatchString) {
			t.Errorf("message %d is not among %q", i, got)
		}
	}
	b.until("the log of 404", func() bool { return b.read("logs/404.log") == "/missing 404\n" })
	b.until("the error", func() bool { return strings.Contains(b.read("logs/http.log"), "/html/missing") })
	if text := b.read("logs/gathered.log"); text != "" {
		t.Errorf("written at once: %q", text)
	}
	b.signal(syscall.SIGUSR1)
	b.until("what was gathered", func() bool { return b.read("logs/gathered.log") == "/say 200\n/missing 404\n" })
	var said bytes.Buffer
	if code, err := status.Ask(filepath.Join(b.dir, "logs/nginx.control"), "memory-log", &said); code != 0 || err != nil {
		t.Errorf("memory-log: %d %v", code, err)
	}
	if !strings.Contains(said.String(), "(SIGUSR1) received, reopening logs") {
		t.Errorf("log in memory: %q", said.String())
	}
}

// TestUser: the process serves as the user of the user directive, and reads its
// configuration, writes its logs and takes its files away as root.
func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may become another user")
	}
	b := newBox(t)
	for _, d := range []string{"conf", "logs"} {
		if err := os.Chmod(filepath.Join(b.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const top = "user nobody nogroup;\n"
	b.write("conf/nginx.conf", conf(top, "one"), 0o600)
	b.write("html/public", "for all", 0o644)
	b.write("html/secret", "for root", 0o600)
	b.start()

	status, body := b.get("/public")
	if status != 200 || body != "for all" {
		t.Errorf("public file: %d %q", status, body)
	}
	if status, body = b.get("/secret"); status != 403 {
		t.Errorf("root's file: %d %q", status, body)
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", b.cmd.Process.Pid))
	if len(tasks) == 0 {
		t.Error("no threads")
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err == nil && !strings.Contains(string(text), "\nUid:\t65534\t65534\t65534\t65534\n") {
			t.Errorf("%s:\n%s", task, text)
		}
	}

	b.write("conf/nginx.conf", conf(top, "two"), 0o600)
	if out, code := b.run("-s", "reload"); code != 0 || out != "" {
		t.Errorf("reload: %d %q", code, out)
	}
	if _, body = b.get("/say"); body != "two" {
		t.Errorf("after the reload: %q", body)
	}
	if status, _ = b.get("/secret"); status != 403 {
		t.Errorf("root's file after the reload: %d", status)
	}

	access := filepath.Join(b.dir, "logs/access.log")
	if err := os.Rename(access, access+".1"); err != nil {
		t.Fatal(err)
	}
	b.signal(syscall.SIGUSR1)
	b.until("a new log", func() bool { _, err := os.Stat(access); return err == nil })
	b.get("/public?after")
	b.until("the line in the new log", func() bool { return strings.Contains(b.read("logs/access.log"), "GET /public?after") })

	// A process cannot become root again to become somebody else.
	b.write("conf/nginx.conf", conf("", "three"), 0o600)
	if out, code := b.run("-s", "reload"); code != 0 || out != "" {
		t.Errorf("reload without user: %d %q", code, out)
	}
	b.until("the warning", func() bool {
		return strings.Contains(b.read("logs/error.log"), `[warn] `) && strings.Contains(b.read("logs/error.log"), `the "user" directive has changed`)
	})

	// Files that are made after the change of user are root's to remove.
	b.write("conf/nginx.conf", strings.Replace(conf(top, "four"), "nginx.pid", "moved.pid", 1), 0o600)
	b.signal(syscall.SIGHUP)
	b.until("the new pid file", func() bool { return b.read("logs/moved.pid") != "" })
	b.until("the old one's end", func() bool { return b.read("logs/nginx.pid") == "" })
	if out, code := b.run("-s", "reload"); code != 0 || out != "" {
		t.Errorf("reload through the new control socket: %d %q", code, out)
	}
	info, err := os.Stat(filepath.Join(b.dir, "logs/moved.control"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("new control socket: %v %v", info, err)
	}

	b.signal(syscall.SIGTERM)
	if err := b.wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	for _, name := range []string{"nginx.pid", "nginx.control", "moved.pid", "moved.control"} {
		if _, err := os.Stat(filepath.Join(b.dir, "logs", name)); !os.IsNotExist(err) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
}

// TestLikeNginx runs nginx and the program side by side on the command line's
// ordinary cases.
func TestLikeNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	for _, test := range []struct {
		name  string
		conf  string
		flags []string
	}{
		{"good", conf("", "x"), []string{"-t"}},
		{"good and quiet", conf("", "x"), []string{"-t", "-q"}},
		{"joined flags", conf("", "x"), []string{"-tq"}},
		{"dump", conf("", "x") + "# the end\n", []string{"-T"}},
		{"quiet dump", conf("", "x"), []string{"-qT"}},
		{"unknown directive", "bogus on;", []string{"-t"}},
		{"broken", "events {", []string{"-t"}},
		{"unknown directive, dumped", "bogus on;", []string{"-T"}},
		{"no events", "pid logs/nginx.pid;", []string{"-t"}},
		{"globals", conf("", "x"), []string{"-t", "-g", "bogus;"}},
		{"nobody to signal", conf("", "x"), []string{"-s", "reload"}},
		{"unknown signal", conf("", "x"), []string{"-s", "pause"}},
		{"unknown flag", conf("", "x"), []string{"-x"}},
		{"a word", conf("", "x"), []string{"word"}},
		{"a flag without its value", conf("", "x"), []string{"-c"}},
		{"another file", conf("", "x"), []string{"-t", "-c", "conf/other.conf"}},
		{"the same pid twice", "pid a; pid b; events {}", []string{"-t"}},
		{"an unknown user", "user nobody-of-this-name; events {}", []string{"-t"}},
		{"an unknown group", "user root nobody-of-this-name; events {}", []string{"-t"}},
		{"an unknown log level", "error_log logs/error.log loud; events {}", []string{"-t"}},
		{"a log level twice", "error_log logs/error.log info warn; events {}", []string{"-t"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBox(t)
			b.write("conf/nginx.conf", test.conf, 0o644)
			got, gotCode := b.run(test.flags...)
			cmd := exec.Command(nginx, append([]string{"-p", b.dir, "-e", "logs/error.log", "-c", "conf/nginx.conf"}, test.flags...)...)
			cmd.Dir = b.dir
			raw, err := cmd.CombinedOutput()
			want, wantCode := string(raw), 0
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				wantCode = exit.ExitCode()
			}
			if got != want || gotCode != wantCode {
				t.Errorf("got %d %q\nnginx %d %q", gotCode, got, wantCode, want)
			}
		})
	}
}
