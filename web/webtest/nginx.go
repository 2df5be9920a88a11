package webtest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// NginxSays returns the first message of the installed nginx about what stands in
// an http block, without its place; "" for none. The test is skipped where nginx is
// not installed. What it says of folders and sockets, which is about the machine,
// does not count.
func NginxSays(t testing.TB, http string) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	dir := t.TempDir()
	conf := "pid " + dir + "/pid; error_log stderr; events {} http { access_log off; " + http + " }\n"
	if err := os.WriteFile(dir+"/nginx.conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(program, "-t", "-p", dir, "-c", dir+"/nginx.conf").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		_, message, found := strings.Cut(line, "#")
		_, message, _ = strings.Cut(message, ": ")
		message, _, _ = strings.Cut(strings.TrimSpace(message), " in "+dir)
		if found && !strings.Contains(message, "failed (") {
			return message
		}
	}
	return ""
}
