package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/proxy/cache/entry"
)

// cachedBody is what the back end of these tests answers a path with: the larger
// the number at its end, the longer.
func cachedBody(path string) []byte {
	n := 1 + int(path[len(path)-1]-'0')*40_000
	return bytes.Repeat([]byte(path+"\n"), n/len(path)+1)
}

// cachingBox returns a box that keeps the answers of such a back end.
func cachingBox(t *testing.T, parameters string) *box {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := cachedBody(r.URL.Path)
			if strings.HasPrefix(r.URL.Path, "/length") {
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			}
			_, _ = w.Write(body)
		}))
	}()
	b := newBox(t)
	b.write("conf/nginx.conf", fmt.Sprintf(`
pid logs/nginx.pid;
error_log logs/error.log info;
events {}
http {
    access_log off;
    proxy_cache_path cache levels=1:2 keys_zone=z:1m %s;
    server { listen 127.0.0.1:PORT; location / { proxy_pass http://%s; proxy_cache z; proxy_cache_key $uri; proxy_cache_valid 1s; proxy_cache_lock on; } }
}
`, parameters, l.Addr()), 0o644)
	return b
}

var kills = flag.Int("kills", 20, "how often TestCacheAfterKills kills the process")

// TestCacheAfterKills: a process that is killed while it fills its cache leaves no
// entry that is not whole.
func TestCacheAfterKills(t *testing.T) {
	times := *kills
	if testing.Short() {
		times = min(times, 6)
	}
	for _, parameters := range []string{"", "use_temp_path=off"} {
		b := cachingBox(t, parameters)
		for range times / 2 {
			cmd := b.command()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			killed := make(chan struct{})
			var clients sync.WaitGroup
			for n := range 4 {
				clients.Go(func() { askUntil(b, n, killed) })
			}
			time.Sleep(300 * time.Millisecond) // any moment of its life will do
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			close(killed)
			clients.Wait()
			checkEntries(t, filepath.Join(b.dir, "cache"))
			if t.Failed() {
				return
			}
		}
	}
}

// askUntil asks for one path after another. What comes whole is to be right.
func askUntil(b *box, n int, end chan struct{}) {
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for i := n; ; i++ {
		select {
		case <-end:
			return
		default:
		}
		path := fmt.Sprintf("/%s%d", []string{"length", "chunks"}[i%2], i%10)
		resp, err := client.Get("http://" + b.addr() + path)
		if err != nil {
			time.Sleep(5 * time.Millisecond) // it does not serve yet
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil && resp.StatusCode == 200 && !bytes.Equal(body, cachedBody(path)) {
			b.t.Errorf("%s: %d bytes that are not the answer", path, len(body))
		}
	}
}

// checkEntries looks at all files that an answer could come from.
func checkEntries(t *testing.T, folder string) {
	t.Helper()
	_ = filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if _, ok := entry.ParseName(d.Name()); !ok {
			return nil // on its way
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			return nil
		}
		key, _ := entry.KeyText(content)
		h, err := entry.Parse(content, key, entry.MaxHead)
		if err != nil || !bytes.Equal(content[h.BodyStart:], cachedBody(string(key))) {
			t.Errorf("%s, the entry of %q, is wrong: %v", name, key, err)
		}
		return nil
	})
}

// TestCacheOnFullDisk: requests go on, nothing is kept that does not fit, and the
// log tells of it once.
func TestCacheOnFullDisk(t *testing.T) {
	b := cachingBox(t, "use_temp_path=off")
	folder := filepath.Join(b.dir, "cache")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	inside := []string{"-m", "sh", "-c", `mount -t tmpfs -o size=300k tmpfs "$0" && exec "$@"`, folder}
	if out, err := exec.Command("unshare", append(inside, "true")...).CombinedOutput(); err != nil {
		t.Skipf("no file system of its own: %v %s", err, out)
	}
	cmd := b.command()
	b.startAs(exec.Command("unshare", append(append(inside, cmd.Path), cmd.Args[1:]...)...))
	for i := range 60 {
		path := fmt.Sprintf("/%s%d", []string{"length", "chunks"}[i%2], i%10)
		if status, body := b.get(path); status != 200 || body != string(cachedBody(path)) {
			t.Errorf("%s: %d with %d bytes", path, status, len(body))
		}
	}
	if n := strings.Count(b.read("logs/error.log"), "No space left on device"); n != 1 {
		t.Errorf("the log tells of it %d times", n)
	}
}
