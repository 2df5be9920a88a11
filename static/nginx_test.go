package static_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/static"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

// likeNginx is the server that both programs run on the same files.
const likeNginx = `
	root html;
	types { text/html html; text/css css; image/gif gif; }
	default_type application/octet-stream;
	location /exact/ { alias html/d/; }
	location /noslash { alias html/d/; }
	location ~ ^/re/(?<rest>.*)$ { alias html/d/$rest; index a.html; autoindex on; }
	location /quiet/ { root html; log_not_found off; }
	location /tags { alias html/d; etag off; expires 1h; add_header X-A $uri; add_header X-B $request_filename always; }
	location /index/ { alias html/d/; index none.html $arg_index b.css; }
	location /index/absolute/ { alias html/d/e/; index none.html /d/a.html; }
	location /auto/ { alias html/d/; autoindex on; index none; }
	location /auto/rounded/ { alias html/d/; autoindex on; index none; autoindex_exact_size off; }
	location /auto/json/ { alias html/d/; autoindex on; index none; autoindex_format json; }
	location /auto/jsonp/ { alias html/d/; autoindex on; index none; autoindex_format jsonp; }
	location /auto/xml/ { alias html/d/; autoindex on; index none; autoindex_format xml; }
	location /auto/ENAME/ { alias html/none/; autoindex on; index none; }
	location /try/ { try_files $uri /d/a.html; }
	location /try/dir { try_files /d/e/ /d/a.html; }
	location /try/code { try_files $uri =418; }
	location /try/named { try_files $uri @named; }
	location /try/args { try_files $uri /d/b.css?x=y; }
	location /try/alias/ { alias html/d/; try_files $uri $uri/ /d/a.html; }
	location ~ ^/try-re/(.*)$ { alias html/d; try_files /$1 /e/ =404; }
	location @named { add_header X-Named $uri; try_files /d/b.css =404; }
	location /links/on/ { alias html/; disable_symlinks on from=$document_root; }
	location /links/owner/ { alias html/; disable_symlinks if_not_owner; }
	location /links/all/ { alias html/; disable_symlinks on; }
	location /random/ { alias html/one/; random_index on; }
	location /random/none/ { alias html/d/e/; random_index on; }
	location = /pixel { empty_gif; }
	location /ranges/ { alias html/; max_ranges 1; }
	location /error/ { error_page 404 /d/a.html; error_page 403 =200 /d/b.css; }
	location /large/ { alias html/; sendfile on; tcp_nopush on; }
`

// likeNginxRequests are what both are asked: method, path and further header
// lines.
var likeNginxRequests = []string{
	"GET /", "GET /index.html", "HEAD /index.html", "POST /index.html", "PUT /index.html", "DELETE /d/", "OPTIONS /", "POST /", "POST /d", "POST /none",
	"GET /index.html/", "GET /index.html/x", "GET /none", "GET /none/", "GET /d", "HEAD /d", "GET /d?a=b", "GET /d/", "GET /d/e/", "GET /quiet/none", "GET /quiet/none/",
	"GET /x%20y", "GET /x%20y/", "GET /%D1%84", "GET /with%3Fmark", "GET /with%23hash", "GET /dir%20with%20space", "GET /dir%20with%20space?q", "GET /a+b", "GET /per%25cent",
	"GET /d/../index.html", "GET /d/%2e%2e/index.html", "GET /d/..%2findex.html", "GET /../index.html", "GET /..", "GET /%2e%2e/%2e%2e/etc/passwd", "GET /d/../../etc/passwd",
	"GET /index.html%00", "GET /index.html%00.png", "GET //index.html", "GET /./index.html", "GET /d/./../index.html", "GET /d//a.html", "GET /d%2fa.html", "GET /d\\a.html",
	"GET /...", "GET /.../", "GET /..x", "GET /.hidden", "GET /d/e/..", "GET /d/e/.",
	"GET /out/passwd", "GET /link.html", "GET /dangling", "GET /loop", "GET /loop/x", "GET /dirlink", "GET /dirlink/a.html", "GET /fifo", "GET /socket",
	"GET /" + strings.Repeat("n", 255), "GET /" + strings.Repeat("n", 256), "GET " + strings.Repeat("/"+strings.Repeat("y", 200), 25),
	"GET /exact/a.html", "GET /exact/", "GET /exact", "GET /noslash/a.html", "GET /noslasha.html", "GET /noslash", "GET /re/a.html", "GET /re/", "GET /re/e", "GET /re/e/",
	"GET /tags", "GET /tags/", "GET /tags/a.html", "GET /tags/none",
	"GET /index/", "GET /index/?index=a.html", "GET /index/?index=e", "GET /index/?index=/d/b.css", "GET /index/none/", "GET /index/absolute/", "GET /index/a.html/",
	"GET /auto/", "HEAD /auto/", "POST /auto/", "GET /auto/rounded/", "GET /auto/json/", "GET /auto/jsonp/", "GET /auto/jsonp/?callback=f.g", "GET /auto/jsonp/?callback=f(", "GET /auto/xml/",
	"GET /auto/ENAME/", "GET /auto/none/", "GET /auto/a.html/", "GET /auto/e/", "GET /auto/%3Cx%3E/",
	"GET /try/x", "GET /try/dir", "GET /try/code", "GET /try/named", "GET /try/args", "GET /try/alias/a.html", "GET /try/alias/e", "GET /try/alias/none", "GET /try-re/a.html", "GET /try-re/none",
	"GET /links/on/index.html", "GET /links/on/link.html", "GET /links/on/dirlink/a.html", "GET /links/on/d/", "GET /links/on/dirlink/", "GET /links/all/index.html",
	"GET /links/owner/link.html", "GET /links/owner/dirlink/a.html", "GET /links/owner/none", "GET /links/on/d", "GET /links/on/dangling",
	"GET /random/", "GET /random/none/", "GET /random/x/", "GET /pixel", "HEAD /pixel", "POST /pixel", "GET /pixel\r\nIf-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT",
	"GET /error/none", "POST /error/none", "HEAD /error/none", "GET /large/big", "HEAD /large/big", "GET /empty", "GET /empty\r\nRange: bytes=0-0",
	"GET /index.html\r\nIf-Modified-Since: Fri, 02 Jan 2026 03:04:05 GMT", "GET /index.html\r\nIf-Modified-Since: Fri, 02 Jan 2026 03:04:06 GMT",
	"GET /index.html\r\nIf-Unmodified-Since: Fri, 02 Jan 2026 03:04:04 GMT", "GET /index.html\r\nIf-Match: \"x\"", "GET /index.html\r\nIf-None-Match: W/\"695735a5-5\"",
	"GET /index.html\r\nRange: bytes=1-2", "GET /index.html\r\nRange: bytes=9-", "GET /index.html\r\nRange: bytes=0-0,2-2", "GET /index.html\r\nRange: x=0-0",
	"GET /large/big\r\nRange: bytes=100000-100009", "GET /large/big\r\nRange: bytes=0-9,200000-200009", "GET /ranges/big\r\nRange: bytes=0-9,20-29", "GET /ranges/big\r\nRange: bytes=0-9",
	"GET /index.html\r\nRange: bytes=1-2\r\nIf-Range: \"695735a5-5\"", "GET /index.html\r\nRange: bytes=1-2\r\nIf-Range: Fri, 02 Jan 2026 03:04:06 GMT",
	"GET /none\r\nUser-Agent: Mozilla/5.0 Chrome/120.0",
}

// likeNginxFiles makes the files.
func likeNginxFiles(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	html := filepath.Join(dir, "html")
	for _, d := range []string{"d/e", "one", "dir with space", "..."} {
		must(os.MkdirAll(filepath.Join(html, d), 0o755))
	}
	for name, content := range map[string]string{
		"index.html": "index", "d/a.html": "<p>a", "d/b.css": "b {}", "d/large": strings.Repeat("l", 123456), "one/only.html": "one", "one/.hidden": "", ".hidden": "h",
		"x y": "xy", "ф": "utf8", "with?mark": "mark", "with#hash": "hash", "a+b": "plus", "per%cent": "percent", "empty": "", "big": strings.Repeat("0123456789", 30000),
		"d/" + strings.Repeat("long", 20): "", "d/<&\"'>": "", "d/ф\tx\\": "",
	} {
		must(os.WriteFile(filepath.Join(html, name), []byte(content), 0o644))
	}
	for name, to := range map[string]string{"link.html": "index.html", "dirlink": "d", "dangling": "nowhere", "loop": "loop", "out": "/etc", "d/dangling": "x"} {
		must(os.Symlink(to, filepath.Join(html, name)))
	}
	must(exec.Command("mkfifo", filepath.Join(html, "fifo")).Run())
	l, err := net.Listen("unix", filepath.Join(html, "socket"))
	must(err)
	t.Cleanup(func() { _ = l.Close() })
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	must(filepath.WalkDir(html, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSymlink == 0 {
			err = os.Chtimes(name, modified, modified)
		}
		return err
	}))
}

// TestLikeNginx holds answers and error logs against those of the installed
// nginx.
func TestLikeNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	s := webtest.Start(t, "events {}\nhttp { server { listen 127.0.0.1:8080;\n"+likeNginx+"\n} }", []*web.Module{
		rewrite.Module, static.TryFiles, static.RandomIndex, static.Index, static.AutoIndex, static.Module, static.EmptyGIF,
		notmodified.Module, headers.Module, ranges.Module,
	}, nil)
	likeNginxFiles(t, s.Dir)
	other := startNginx(t, nginx, s)

	for _, request := range likeNginxRequests {
		request, more, _ := strings.Cut(request, "\r\n")
		if more != "" {
			more += "\r\n"
		}
		bytes := request + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + more + "\r\n"
		logged := len(s.Log())
		got := normalize(s.Raw(t, bytes), s.Addr(t, "8080"))
		gotLog := messages(s.Log()[logged:])
		want := normalize(other.ask(t, bytes), other.addr)
		wantLog := messages(other.logged(t))
		if got != want {
			t.Errorf("%.100s %q:\ngot   %.900q\nnginx %.900q", request, more, got, want)
		}
		if gotLog != wantLog {
			t.Errorf("%.100s %q logs:\ngot   %.500s\nnginx %.500s", request, more, gotLog, wantLog)
		}
	}
}

// nginxProcess is nginx running on the same files.
type nginxProcess struct {
	addr, log string
	read      int // of the log
}

func startNginx(t *testing.T, binary string, s *webtest.Server) *nginxProcess {
	t.Helper()
	n := &nginxProcess{addr: s.Addr(t, "8081"), log: filepath.Join(s.Dir, "nginx-error.log")}
	// This nginx writes 0 for a time that it does not know.
	conf := fmt.Sprintf("daemon off; master_process off; pid %[1]s/nginx.pid; error_log %[2]s error; user root;\nevents {}\nhttp { access_log off;\n"+
		"client_body_temp_path %[1]s/tmp; proxy_temp_path %[1]s/tmp; fastcgi_temp_path %[1]s/tmp; uwsgi_temp_path %[1]s/tmp; scgi_temp_path %[1]s/tmp;\n"+
		"server { listen %[3]s;\n%[4]s\n} }\n", s.Dir, n.log, n.addr, likeNginx)
	file := filepath.Join(s.Dir, "other.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-p", s.Dir+"/", "-e", n.log, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Skipf("nginx does not start: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", n.addr)
		if err == nil {
			_ = c.Close()
			return n
		}
		if time.Now().After(until) {
			log, _ := os.ReadFile(n.log)
			t.Fatalf("nginx does not answer: %v\n%s", err, log)
		}
	}
}

func (n *nginxProcess) ask(t *testing.T, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%.100q: %v", request, err)
	}
	return string(answer)
}

// logged returns what nginx has logged since the last call. It logs before it
// closes the connection.
func (n *nginxProcess) logged(t *testing.T) string {
	t.Helper()
	all, err := os.ReadFile(n.log)
	if err != nil {
		t.Fatal(err)
	}
	added := string(all[n.read:])
	n.read = len(all)
	return added
}

var (
	dates      = regexp.MustCompile(`(?m)^(Date|Expires): .*\r$`)
	versions   = regexp.MustCompile(`nginx/[0-9.]+`)
	boundaries = regexp.MustCompile(`\b\d{20}\b`)
	contexts   = regexp.MustCompile(`, client: .*`)
	prefixes   = regexp.MustCompile(`^.*?\[(\w+)\] \S+ (\*\d+ )?`)
)

// normalize takes out of an answer what differs without meaning.
func normalize(raw, addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	raw = dates.ReplaceAllString(raw, "$1: -\r")
	raw = versions.ReplaceAllString(raw, "nginx/0")
	raw = strings.ReplaceAll(raw, "localhost:"+port, "localhost:0")
	return boundaries.ReplaceAllString(raw, "00000000000000000000")
}

// messages returns the messages of error and graver in a log, with their
// levels.
func messages(log string) string {
	var kept []string
	for _, line := range strings.Split(log, "\n") {
		m := prefixes.FindStringSubmatch(line)
		if m == nil || m[1] == "info" || m[1] == "notice" || m[1] == "warn" || m[1] == "debug" {
			continue
		}
		message := contexts.ReplaceAllString(line[len(m[0]):], "")
		// nginx cuts lines of more than 2048 bytes.
		kept = append(kept, m[1]+": "+message[:min(len(message), 1500)])
	}
	return strings.Join(kept, "\n")
}
