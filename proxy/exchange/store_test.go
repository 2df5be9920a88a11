package exchange_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/web/webtest"
)

// Complete responses are stored, whether the client takes them or not, and
// nothing else is.
func TestStore(t *testing.T) {
	s := webtest.Start(t, "events {}\nhttp {"+`
	server { listen 127.0.0.1:8080; root files; proxy_max_temp_file_size 0;
		location /on/ { proxy_pass http://127.0.0.1:8081; proxy_store on; proxy_store_access group:rw all:r; }
		location /path/ { proxy_pass http://127.0.0.1:8081; proxy_store $document_root/else/$arg_name; }
		location /unbuffered/ { proxy_pass http://127.0.0.1:8081; proxy_store on; proxy_buffering off; }
		location /off/ { proxy_pass http://127.0.0.1:8081; proxy_store off; }
	} }`, modules, nil)
	const large = 20 << 20
	serveAt(t, s.Addr(t, "8081"), func(_ net.Conn, r *http.Request) (string, bool) {
		head := r.Method + " " + r.URL.Path
		last := "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		switch {
		case strings.HasPrefix(head, "HEAD"):
			return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true
		case strings.Contains(head, "/large"):
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", large, strings.Repeat("x", large)), true
		case strings.Contains(head, "/empty"):
			return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true
		case strings.Contains(head, "/short"):
			return "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", false
		case strings.Contains(head, "/chunks-short"):
			return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", false
		case strings.Contains(head, "/chunks"):
			return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n", true
		case strings.Contains(head, "/404"):
			return "HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\n12345", true
		}
		return "HTTP/1.1 200 OK\r\n" + last + "Content-Length: 5\r\n\r\n12345", true
	})
	size := func(name string) int64 {
		info, err := os.Stat(filepath.Join(s.Dir, "files", name))
		if err != nil {
			return -1
		}
		return info.Size()
	}
	noTemporary := func() bool {
		left, err := os.ReadDir(filepath.Join(s.Dir, "proxy_temp"))
		return len(left) == 0 && (err == nil || os.IsNotExist(err))
	}
	for _, c := range []struct {
		method, path, file string
		want               int64
	}{
		{"GET", "/on/deep/er/a", "on/deep/er/a", 5},
		{"GET", "/on/deep/er/a", "on/deep/er/a", 5},
		{"GET", "/on/empty", "on/empty", 0},
		{"GET", "/on/chunks", "on/chunks", 5},
		{"GET", "/on/chunks-short", "on/chunks-short", -1},
		{"GET", "/on/short", "on/short", -1},
		{"GET", "/on/404", "on/404", -1},
		{"HEAD", "/on/head", "on/head", -1},
		{"GET", "/path/x?name=other", "else/other", 5},
		{"GET", "/unbuffered/a", "unbuffered/a", -1},
		{"GET", "/off/a", "off/a", -1},
	} {
		s.Raw(t, c.method+" "+c.path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if got := size(c.file); got != c.want {
			t.Errorf("%s %s: %s has %d bytes, want %d", c.method, c.path, c.file, got, c.want)
		}
		webtest.Await(t, "temporary files are left", noTemporary)
	}
	info, err := os.Stat(filepath.Join(s.Dir, "files/on/deep/er/a"))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.ModTime().Unix(); got != 784111777 {
		t.Errorf("modified at %d", got)
	}
	if got := info.Mode().Perm(); got != 0o664 {
		t.Errorf("permissions %o", got)
	}

	// A client that reads nothing before all has been stored, and one that
	// leaves.
	for _, stays := range []bool{true, false} {
		c := s.Dial(t)
		if _, err := io.WriteString(c, "GET /on/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if !stays {
			_, _ = c.Read(make([]byte, 100))
			_ = c.Close()
		}
		webtest.Await(t, "not stored", func() bool { return size("on/large") == large })
		if stays {
			all, err := io.ReadAll(c)
			if err != nil || len(all) < large || strings.Count(string(all), "x") < large {
				t.Errorf("%d bytes received, %v", len(all), err)
			}
		}
		webtest.Await(t, "temporary files are left", noTemporary)
		if err := os.Remove(filepath.Join(s.Dir, "files/on/large")); err != nil {
			t.Fatal(err)
		}
	}
}
