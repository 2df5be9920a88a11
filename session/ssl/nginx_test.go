package ssl_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/internal/loopback"
)

var confPort = regexp.MustCompile(`127\.0\.0\.1:(80\d\d)`)

// startNginx runs nginx on what stands in an http block, beside the files in
// dir; the addresses 127.0.0.1:80NN become free ones. It returns the address
// that stands for a port.
func startNginx(t *testing.T, binary, dir, http string) (addr func(port string) string) {
	t.Helper()
	addrs := map[string]string{}
	addr = func(port string) string { return addrs[port] }
	http = confPort.ReplaceAllStringFunc(http, func(text string) string {
		port := strings.TrimPrefix(text, "127.0.0.1:")
		if addrs[port] == "" {
			addrs[port] = loopback.Addr(t)
		}
		return addrs[port]
	})
	log, file := filepath.Join(dir, "nginx-error.log"), filepath.Join(dir, "other.conf")
	conf := fmt.Sprintf("daemon off; master_process off; pid %[1]s/nginx.pid; error_log %[2]s info;\nevents {}\nhttp { access_log off;\n"+
		"client_body_temp_path %[1]s/tmp; proxy_temp_path %[1]s/tmp; fastcgi_temp_path %[1]s/tmp; uwsgi_temp_path %[1]s/tmp; scgi_temp_path %[1]s/tmp;\n%[3]s\n}\n", dir, log, http)
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-p", dir+"/", "-e", log, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Skipf("nginx does not start: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for _, a := range addrs {
		for until := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			c, err := net.Dial("tcp", a)
			if err == nil {
				_ = c.Close()
				break
			}
			if time.Now().After(until) {
				text, _ := os.ReadFile(log)
				t.Fatalf("nginx does not answer: %v\n%s", err, text)
			}
		}
	}
	return addr
}
