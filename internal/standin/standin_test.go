package standin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/internal/child"
)

// serving is this process in the place of nginx and keepalived, with its pid file.
func serving(t *testing.T) Process {
	// A process of this user, who may ask for no other.
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	name := filepath.Join(t.TempDir(), "nginx.pid")
	if err := os.WriteFile(name, fmt.Appendln(nil, cmd.Process.Pid), 0o644); err != nil {
		t.Fatal(err)
	}
	return Process{Serves: true, PIDFile: name}
}

// run runs a check and returns whether it succeeds.
func run(t *testing.T, c *Check, serves bool) (ok bool, output string) {
	t.Helper()
	command := c.Command(&child.Command{}, serves)
	cmd := exec.Command(command.Args[0], command.Args[1:]...)
	cmd.Env = append(os.Environ(), command.Env...)
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

// commands are checks as they stand in a vrrp_script, in one line.
var commands = []string{
	"killall -0 nginx",
	"/usr/bin/killall -0 nginx",
	"killall -s 0 nginx",
	"pkill -0 nginx",
	"/usr/bin/pkill -0 -x nginx",
	"pidof nginx",
	"/sbin/pidof nginx",
	"/bin/pidof -s nginx",
	"pgrep nginx",
	"pgrep -x nginx",
	"/usr/bin/pgrep -f 'nginx: master'",
	"systemctl is-active nginx",
	"/usr/bin/systemctl is-active --quiet nginx.service",
	"systemctl status nginx",
	"service nginx status",
	"/usr/sbin/service nginx status",
	"/etc/init.d/nginx status",
	"sudo -n killall -0 nginx",
	"timeout 2 pidof nginx",
	"test -f /run/nginx.pid",
	"[ -s /var/run/nginx.pid ]",
	"</var/run/nginx.pid",
	`/bin/sh -c "kill -0 $(cat /run/nginx.pid)"`,
	`/bin/bash -c 'kill -0 $(</var/run/nginx.pid)'`,
	`sh -c '[ -f /usr/local/nginx/logs/nginx.pid ] && ps -p $(cat /usr/local/nginx/logs/nginx.pid) >/dev/null'`,
	`bash -ec "ps -C nginx --no-header | grep -q nginx"`,
	`sh -c 'test $(ps -C nginx --no-header | wc -l) -gt 0'`,
	`sh -c 'test $(ps -C nginx | wc -l) -gt 1'`,
	`sh -c "ps -ef | grep nginx | grep -v grep"`,
	`sh -c 'ps aux | grep "[n]ginx: master"'`,
	`bash -c 'ps cax | grep nginx > /dev/null'`,
	`sh -c 'ps -A -o comm | grep -q "^ .*nginx"'`,
	`sh -c '[ "$(systemctl is-active nginx)" = active ]'`,
	`sh -c 'systemctl show -p ActiveState --value nginx | grep -qx active'`,
	`sh -c "systemctl status nginx | grep -q 'active (running)'"`,
	`sh -c "service nginx status | grep -q running"`,
	`sh -c 'for s in nginx; do pidof $s || exit 1; done'`,
	`sh -c 'if [ "$(pgrep -c nginx)" -ge 1 ]; then exit 0; else exit 1; fi'`,
	`sh -c '! systemctl is-failed -q nginx'`,
}

// need skips a test of scripts on a machine that could not run them with nginx either.
func need(t *testing.T) {
	for _, program := range []string{"/bin/bash", "ps", "awk"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
}

func TestCommands(t *testing.T) {
	need(t)
	p := serving(t)
	for _, line := range commands {
		c := Find(words(t, line), p, os.ReadFile)
		if c == nil {
			t.Errorf("%s: not found to ask for nginx", line)
			continue
		}
		for _, serves := range []bool{true, false} {
			if ok, out := run(t, c, serves); ok != serves {
				t.Errorf("%s: succeeds %t, while the process serves %t\n%s", line, ok, serves, out)
			}
		}
	}
}

// words splits a line as a shell does.
func words(t *testing.T, line string) []string {
	t.Helper()
	if strings.HasPrefix(line, "<") {
		return []string{line}
	}
	var list []string
	var quote rune
	word, in := "", false
	for _, c := range line + " " {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, in = c, true
		case quote == 0 && c == ' ':
			if in {
				list = append(list, word)
			}
			word, in = "", false
		default:
			word, in = word+string(c), true
		}
	}
	return list
}

// scripts are files as guides have them.
var scripts = map[string]string{
	"count and start": `#!/bin/bash
if [ $(ps -C nginx --no-header | wc -l) -eq 0 ];then
  systemctl start nginx
  sleep 0.1
  if [ $(ps -C nginx --no-header | wc -l) -eq 0 ];then
    killall keepalived
  fi
fi
`,
	"count and start, by paths": `#!/bin/bash
counter=$(ps -C nginx --no-heading|wc -l)
if [ "${counter}" = "0" ]; then
    /usr/local/nginx/sbin/nginx
    sleep 0.1
    counter=$(ps -C nginx --no-heading|wc -l)
    if [ "${counter}" = "0" ]; then
        /etc/init.d/keepalived stop
    fi
fi
`,
	"count and stop": `#!/bin/sh
# check the nginx process
A=` + "`ps -C nginx --no-header | wc -l`" + `
if [ $A -eq 0 ]
then
	/usr/sbin/nginx
	sleep 0.1
	if [ ` + "`ps -C nginx --no-header | wc -l`" + ` -eq 0 ]
	then
		systemctl stop keepalived.service
	fi
fi
`,
	"ps, grep": `#!/bin/bash
count=$(ps -ef |grep nginx |egrep -cv "grep|$$")
if [ "$count" -eq 0 ];then
    exit 1
else
    exit 0
fi
`,
	"pidof with variables": `#!/bin/sh
SERVICE="nginx"
if pidof -x $SERVICE >/dev/null
then
    exit 0
else
    exit 1
fi
`,
	"killall in a condition": `#!/bin/sh
if ! killall -0 nginx 2>/dev/null; then
    logger -t check "nginx is down" 2>/dev/null
    exit 1
fi
exit 0
`,
	"is-active": `#!/usr/bin/env bash
set -eu
systemctl is-active --quiet nginx || exit 1
`,
	"status and restart": `#!/bin/bash
STATUS=$(systemctl is-active nginx)
if [ "$STATUS" != "active" ]; then
  systemctl restart nginx
  sleep 0.1
  if [ "$(systemctl is-active nginx)" != "active" ]; then
    systemctl stop keepalived
  fi
fi
`,
	"pid file": `#!/bin/sh
PIDFILE=/var/run/nginx.pid
[ -f $PIDFILE ] && kill -0 $(cat $PIDFILE) 2>/dev/null
`,
	"service status": `#!/bin/sh -e
err=0
for k in 1 2 3; do
    if ! service nginx status >/dev/null 2>&1; then
        err=$((err + 1))
        continue
    else
        err=0
        break
    fi
done
if [ $err != 0 ]; then
    /usr/bin/systemctl stop keepalived
    exit 1
fi
exit 0
`,
	"pkill of the other one": `#!/bin/bash
pgrep -x nginx > /dev/null || pkill keepalived
`,
	"argument": `#!/bin/sh
pgrep "$1" >/dev/null
`,
	"kill by what pidof says": `#!/bin/sh
pidof nginx >/dev/null && exit 0
kill -TERM $(pidof keepalived)
`,
	"kill -0 what pidof says": `#!/bin/sh
pid=$(pidof nginx) || exit 1
kill -0 $pid && ps -p $pid -o comm= | grep -qx nginx
`,
	"kill what ps says": `#!/bin/sh
ps -ef | grep -v grep | grep -q nginx && exit 0
ps -ef | grep keepalived | grep -v grep | awk '{print $2}' | xargs kill -9 2>/dev/null
exit 1
`,
	"sockets": `#!/bin/bash
pidof nginx > /dev/null || exit 1
n=$(netstat -lntp 2>/dev/null | grep -c nginx)
exit 0
`,
}

func TestFiles(t *testing.T) {
	need(t)
	p := serving(t)
	dir := t.TempDir()
	for name, text := range scripts {
		file := filepath.Join(dir, "check_nginx.sh")
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		args := []string{file}
		if name == "argument" {
			args = append(args, "nginx")
		}
		for _, how := range [][]string{args, append([]string{"/bin/bash"}, args...)} {
			c := Find(how, p, os.ReadFile)
			if c == nil {
				t.Errorf("%s: not found to ask for nginx", name)
				continue
			}
			for _, serves := range []bool{true, false} {
				if ok, out := run(t, c, serves); ok != serves {
					t.Errorf("%s: succeeds %t, while the process serves %t\n%s", name, ok, serves, out)
				}
			}
		}
	}
}

// What a script does is told by its lines.
func TestUses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "check.sh")
	if err := os.WriteFile(file, []byte(scripts["count and start, by paths"]), 0o755); err != nil {
		t.Fatal(err)
	}
	c := Find([]string{file}, serving(t), os.ReadFile)
	want := []Use{
		{"counter=$(ps -C nginx --no-heading|wc -l)", 2, Looks},
		{"nginx", 4, Starts},
		{"counter=$(ps -C nginx --no-heading|wc -l)", 6, Looks},
		{"service keepalived stop", 8, Ends},
	}
	if c == nil || !slices.Equal(c.Uses, want) {
		t.Errorf("uses %+v, want %+v", c, want)
	}
}

// What has nothing to do with nginx or keepalived is left alone, and so is everything about nginx while the process
// serves no HTTP: another program does.
func TestNotOurs(t *testing.T) {
	p := serving(t)
	for _, line := range []string{
		"killall -0 haproxy", "pidof mysqld", "systemctl is-active apache2", "/bin/true", "sh -c 'ps aux | grep haproxy'",
		"curl -fsS http://127.0.0.1/nginx_status", "sh -c 'curl -s http://localhost/nginx_status | grep Active'", "/no/such/check_nginx.sh",
		"sh -c 'tail -1 /var/log/nginx/error.log'", "test -f /run/haproxy.pid",
	} {
		if c := Find(words(t, line), p, os.ReadFile); c != nil {
			t.Errorf("%s: taken for a question for nginx: %+v", line, c.Uses)
		}
	}
	p.Serves = false
	for _, line := range commands {
		if c := Find(words(t, line), p, os.ReadFile); c != nil {
			t.Errorf("%s: taken for ours without HTTP: %+v", line, c.Uses)
		}
	}
	if c := Find(words(t, "killall -0 keepalived"), p, os.ReadFile); c == nil {
		t.Error("keepalived is this process, with or without HTTP")
	} else if ok, out := run(t, c, false); !ok {
		t.Errorf("keepalived is not found: %s", out)
	}
}

// Other programs are asked as always, by a script that also asks for nginx.
func TestOthersAreAsked(t *testing.T) {
	need(t)
	p := serving(t)
	for line, want := range map[string]bool{
		`sh -c 'pidof nginx && kill -0 $$'`:                              true,
		`sh -c 'pidof nginx && pgrep -x no-such-one'`:                    false,
		`sh -c 'pidof nginx && ps -p $$ >/dev/null'`:                     true,
		`sh -c 'pidof nginx && ps -p 999999999 >/dev/null'`:              false,
		`sh -c 'pidof nginx && ps -ef | grep -v grep | grep -q no-such'`: false,
		`sh -c 'pidof nginx && timeout 5 false'`:                         false,
		`sh -c 'pidof nginx; sh -c "exit 7"; exit $?'`:                   false,
	} {
		c := Find(words(t, line), p, os.ReadFile)
		if c == nil {
			t.Fatalf("%s: not found", line)
		}
		if ok, out := run(t, c, true); ok != want {
			t.Errorf("%s: succeeds %t, want %t\n%s", line, ok, want, out)
		}
	}
}
