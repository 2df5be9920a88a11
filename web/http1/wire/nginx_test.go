package wire

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/flow/flowtest"
	"tandem/internal/loopback"
	"tandem/web/message"
)

// TestMessages holds the reading of every message of the table, delivered at
// once and byte by byte, against the table.
func TestMessages(t *testing.T) {
	for _, m := range messages {
		for _, piece := range []int{0, 1} {
			if piece == 1 && len(m.bytes) > 10000 {
				piece = 7
			}
			client, server := flowtest.Pair(t)
			go answer(server, &message.Limits{IgnoreInvalidHeaders: true})
			got := exchange(client, m.bytes, piece)
			if codes := statuses(got); !slices.Equal(codes, m.ours) {
				t.Errorf("%s, in pieces of %d: %v, want %v: %.200q", m.name, piece, codes, m.ours, got)
			}
		}
	}
}

// nginxConf is a proxy to itself, so that nginx reads bodies.
const nginxConf = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log %[1]s/error.log info;
events { }
http {
    access_log off;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    server {
        listen %[2]s;
        proxy_ignore_client_abort on;
        location / { proxy_pass http://unix:%[1]s/back; }
    }
    server {
        listen unix:%[1]s/back;
        large_client_header_buffers 8 16k;
        return 200 "path $uri";
    }
}
`

// startNginx runs the installed nginx on a free port of the loopback. In the
// configuration %[1]s is a folder and %[2]s the address.
func startNginx(t *testing.T, text string) (address, version string) {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	said, err := exec.Command(binary, "-v").CombinedOutput()
	if err != nil {
		t.Skipf("nginx -v: %v", err)
	}
	_, version, _ = strings.Cut(strings.TrimSpace(string(said)), "nginx/")
	address = loopback.Addr(t)
	dir, err := os.MkdirTemp("", "http1-nginx-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, text, dir, address), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Skipf("nginx does not start: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for until := time.Now().Add(10 * time.Second); ; {
		s, err := net.Dial("tcp", address)
		if err == nil {
			s.Close()
			return address, version
		}
		if time.Now().After(until) {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Fatalf("nginx does not answer: %v\n%s", err, log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestNginxAgrees sends the table to the installed nginx. What nginx refuses
// must not be accepted here; and for the version the table was made with, its
// column is checked too.
func TestNginxAgrees(t *testing.T) {
	address, version := startNginx(t, nginxConf)
	for _, m := range messages {
		s, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		got := exchange(s, m.bytes, 0)
		s.Close()
		codes := statuses(got)
		if strings.HasPrefix(version, "1.22.") && !slices.Equal(codes, m.nginx) {
			t.Errorf("%s: nginx %s says %v, the table %v: %.200q", m.name, version, codes, m.nginx, got)
		}
		if a, b := accepted(m.ours), accepted(codes); a > b {
			t.Errorf("%s: %d requests accepted here, %d by nginx %s", m.name, a, b, version)
		}
	}
}

// accepted counts the requests before the first that was refused.
func accepted(codes []int) int {
	for i, code := range codes {
		if code >= 400 {
			return i
		}
	}
	return len(codes)
}
