package wire

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/internal/flow/flowtest"
	"tandem/web/message"
)

const pathConf = `
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
    merge_slashes MERGE;
    server {
        listen %[2]s;
        return 200 "[$uri|$args]";
    }
}
`

// TestNginxPaths lets the installed nginx normalize random targets and
// compares.
func TestNginxPaths(t *testing.T) {
	parts := []string{"/", "/", ".", "..", "a", "b", "%2e", "%2F", "%25", "%3f", "%23", "?", "#", "+", "%41", "%", "%0", "%00", "%zz", "%01", "\xff"}
	answer := regexp.MustCompile(`(?s)\[.*\]`)
	for _, merge := range []bool{true, false} {
		setting := map[bool]string{true: "on", false: "off"}[merge]
		address, version := startNginx(t, strings.Replace(pathConf, "MERGE", setting, 1))
		random := rand.New(rand.NewPCG(7, 8))
		for range 1500 {
			target := "/"
			for range random.IntN(9) {
				target += parts[random.IntN(len(parts))]
			}
			s, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_ = s.SetDeadline(time.Now().Add(20 * time.Second))
			flowtest.Send(t, s, "GET "+target+" HTTP/1.0\r\n\r\n")
			said, err := io.ReadAll(s)
			s.Close()
			if err != nil {
				t.Fatal(err)
			}
			want := "refused"
			if bytes.HasPrefix(said, []byte("HTTP/1.1 200")) {
				want = answer.FindString(string(said))
			}
			got := "refused"
			if path, args, ok := message.NormalizePath(nil, []byte(target), merge); ok {
				got = fmt.Sprintf("[%s|%s]", path, args)
			}
			if got != want {
				t.Errorf("%q, merge_slashes %s: %q, nginx %s says %q", target, setting, got, version, want)
			}
		}
	}
}
