package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/status"
)

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
	// Nothing is told of the sockets, and the file is left as it is.
	if out, code := b.run(); code != 1 || out != fmt.Sprintf("nginx: [emerg] another tandem (process %s) is running with the pid file \"%s/logs/nginx.pid\"\n",
		strings.TrimSpace(b.read("logs/nginx.pid")), b.dir) {
		t.Errorf("a second process: %d %q", code, out)
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

// A tandem that was started through a link keeps its name as a daemon.
func TestDaemonKeepsItsName(t *testing.T) {
	b := newBox(t)
	b.write("conf/nginx.conf", conf("daemon on;", "hello"), 0o644)
	cmd := b.command()
	link := filepath.Join(b.dir, "nginx")
	if err := os.Symlink(cmd.Path, link); err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args[0] = link, link
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("start: %v, %s", err, out)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(b.read("logs/nginx.pid")))
	if err != nil {
		t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if string(comm) != "nginx\n" {
		t.Errorf("the process is called %q, %v", comm, err)
	}
	if out, code := b.run("-s", "stop"); code != 0 || out != "" {
		t.Errorf("stop: %d %q", code, out)
	}
	b.until("the end of the pid file", func() bool { return b.read("logs/nginx.pid") == "" })
}

// What stands in the way at the start is named, once, and its pid file is left
// to it.
func TestAddressInUse(t *testing.T) {
	b, first := newBox(t), newBox(t)
	first.write("conf/nginx.conf", conf("", "hello"), 0o644)
	first.start()
	b.write("conf/nginx.conf", strings.Replace(conf("", "hello"), "listen ", "listen "+first.addr()+"; listen ", 1), 0o644)
	b.write("logs/nginx.pid", "1\n", 0o644)
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", first.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	out, code := b.run()
	want := fmt.Sprintf(`nginx: [emerg] bind() to %[1]s failed (98: Address already in use)
tandem: [notice] %[1]s is in use by %[3]s (process %[2]d)
nginx: [emerg] still could not bind()
`, first.addr(), first.cmd.Process.Pid, strings.TrimSpace(string(comm)))
	if code != 1 || out != want {
		t.Errorf("start: %d\n%swant\n%s", code, out, want)
	}
	if pid := b.read("logs/nginx.pid"); pid != "1\n" {
		t.Errorf("the pid file says %q", pid)
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
		// One may be root for as long as it takes to open a file.
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			text, err := os.ReadFile(task)
			if err != nil || strings.Contains(string(text), "\nUid:\t0\t0\t0\t65534\n") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s:\n%s", task, text)
			}
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

	// Who files are opened as is changed once.
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

// TestReopenInUsersFolder: who owns the folder of the logs cannot have root
// write elsewhere by a link.
func TestReopenInUsersFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may become another user")
	}
	const nobody = 65534
	b := newBox(t)
	b.write("conf/nginx.conf", conf("user nobody nogroup;\n", "here"), 0o644)
	b.start()
	for _, d := range []string{"logs", "html"} {
		if err := os.Chown(filepath.Join(b.dir, d), nobody, -1); err != nil {
			t.Fatal(err)
		}
	}
	b.write("conf/victim", "root's\n", 0o600)
	access := filepath.Join(b.dir, "logs/access.log")
	link := func(to string) {
		t.Helper()
		_ = os.Remove(access)
		if err := errors.Join(os.Symlink(to, access), os.Lchown(access, nobody, -1)); err != nil {
			t.Fatal(err)
		}
		b.signal(syscall.SIGUSR1)
	}
	link("../conf/victim")
	b.until("the error", func() bool {
		return strings.Contains(b.read("logs/error.log"), `open() "`+access+`" failed (13: Permission denied)`)
	})
	b.get("/say?refused")
	if text := b.read("conf/victim"); text != "root's\n" {
		t.Errorf("root's file: %q", text)
	}
	// Where the user may write, the user's link may lead.
	link("../html/access.log")
	b.until("the log behind the link", func() bool { _, err := os.Stat(filepath.Join(b.dir, "html/access.log")); return err == nil })
	b.get("/say?followed")
	b.until("the line", func() bool { return strings.Contains(b.read("html/access.log"), "GET /say?followed") })
	// A log that root makes becomes the user's, as with nginx.
	_ = os.Remove(access)
	b.signal(syscall.SIGUSR1)
	b.until("a log of the user's", func() bool {
		info, err := os.Stat(access)
		return err == nil && info.Sys().(*syscall.Stat_t).Uid == nobody
	})
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
		{"an unknown user", "pid logs/nginx.pid; user nobody-of-this-name; events {}", []string{"-t"}},
		{"an unknown group", "pid logs/nginx.pid; user root nobody-of-this-name; events {}", []string{"-t"}},
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
