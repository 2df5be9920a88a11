package static_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/web/webtest"
)

// awaitKept asks for a file until it is old enough to be kept in memory, and
// then once more, so that it is.
func awaitKept(t testing.TB, s *webtest.Server, path string) {
	t.Helper()
	info, err := os.Stat(filepath.Join(s.Dir, "html", path))
	if err != nil {
		t.Fatal(err)
	}
	for time.Since(info.ModTime()) < 100*time.Millisecond {
		s.Get(t, path)
	}
	s.Get(t, path)
}

// TestChanges: whatever happens to a file that is kept in memory, the next
// answer shows it.
func TestChanges(t *testing.T) {
	s := start(t, "root html;", map[string]string{"html/f": "first", "html/other": "another", "html/dir/x": ""})
	name := filepath.Join(s.Dir, "html/f")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(content string) func() {
		return func() { must(os.WriteFile(name, []byte(content), 0o644)) }
	}
	for _, step := range []struct {
		name   string
		change func()
		status int
		body   string
	}{
		{"nothing", func() {}, 200, "first"},
		{"written over, same size", write("fresh"), 200, "fresh"},
		{"appended to", func() {
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			must(err)
			_, err = f.WriteString("er")
			must(err)
			must(f.Close())
		}, 200, "fresher"},
		{"cut off", func() { must(os.Truncate(name, 2)) }, 200, "fr"},
		{"emptied", func() { must(os.Truncate(name, 0)) }, 200, ""},
		{"written again", write("again"), 200, "again"},
		{"replaced", func() { must(os.Rename(filepath.Join(s.Dir, "html/other"), name)) }, 200, "another"},
		{"grown large", write(strings.Repeat("x", 100_000)), 200, strings.Repeat("x", 100_000)},
		{"small again", write("small"), 200, "small"},
		{"removed", func() { must(os.Remove(name)) }, 404, ""},
		{"made anew", write("anew"), 200, "anew"},
		{"replaced by a directory", func() {
			must(os.Remove(name))
			must(os.Mkdir(name, 0o755))
		}, 301, ""},
		{"replaced by a link", func() {
			must(os.Remove(name))
			s.Write(t, "html/target", "target")
			must(os.Symlink("target", name))
		}, 200, "target"},
		{"its target written", func() { s.Write(t, "html/target", "target2") }, 200, "target2"},
		{"its target replaced", func() {
			s.Write(t, "html/target3", "target3")
			must(os.Rename(filepath.Join(s.Dir, "html/target3"), filepath.Join(s.Dir, "html/target")))
		}, 200, "target3"},
	} {
		step.change()
		a := s.Get(t, "/f")
		if a.Status != step.status || step.status == 200 && a.Body != step.body {
			t.Fatalf("%s: %d %.100q, want %d %.100q", step.name, a.Status, a.Body, step.status, step.body)
		}
		if a.Status == 200 {
			awaitKept(t, s, "/f")
		}
	}
}

// TestChangesOfOpenFile is TestChanges for files that open_file_cache keeps
// open.
func TestChangesOfOpenFile(t *testing.T) {
	first, second := string(version(1, 80_000)), string(version(2, 80_000))
	s := start(t, "root html; open_file_cache max=10;", map[string]string{"html/f": first, "html/other": second})
	name := filepath.Join(s.Dir, "html/f")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name   string
		change func()
		status int
		body   string
	}{
		{"nothing", func() {}, 200, first},
		{"nothing again", func() {}, 200, first},
		{"written over", func() { must(os.WriteFile(name, []byte(second), 0o644)) }, 200, second},
		{"cut off", func() { must(os.Truncate(name, 40_000)) }, 200, second[:40_000]},
		{"made small", func() { must(os.Truncate(name, 8)) }, 200, second[:8]},
		{"large again", func() { must(os.WriteFile(name, []byte(first), 0o644)) }, 200, first},
		{"replaced", func() { must(os.Rename(filepath.Join(s.Dir, "html/other"), name)) }, 200, second},
		{"removed", func() { must(os.Remove(name)) }, 404, ""},
		{"made anew", func() { must(os.WriteFile(name, []byte(first), 0o644)) }, 200, first},
	} {
		step.change()
		for range 3 {
			if a := s.Get(t, "/f"); a.Status != step.status || step.status == 200 && a.Body != step.body {
				t.Fatalf("%s: %d, %d bytes from %.8q, want %d, %d", step.name, a.Status, len(a.Body), a.Body, step.status, len(step.body))
			}
		}
	}
}

// version is the content of a file that says in every place which it is.
func version(n, size int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%08d", n), size/8)
}

// TestReplacedWhileServed: a file is replaced again and again while clients ask
// for it: every answer is one of the versions, whole, under its own tag.
func TestReplacedWhileServed(t *testing.T) {
	for _, c := range []struct {
		name, directives string
		size             int
	}{{"small", "", 24_000}, {"large", "", 240_000}, {"kept open", "open_file_cache max=10;", 240_000}} {
		t.Run(c.name, func(t *testing.T) {
			size := c.size
			s := start(t, "root html;"+c.directives, map[string]string{"html/f": string(version(0, size))})
			target := filepath.Join(s.Dir, "html/f")
			done := make(chan struct{})
			var writer, clients sync.WaitGroup
			writer.Go(func() {
				for n := 1; ; n++ {
					select {
					case <-done:
						return
					default:
					}
					// The sizes change, too.
					if err := os.WriteFile(target+".new", version(n, size+n%7*8), 0o644); err != nil {
						t.Error(err)
						return
					}
					if err := os.Rename(target+".new", target); err != nil {
						t.Error(err)
						return
					}
				}
			})
			var mu sync.Mutex
			bodies := make(map[string]string) // by tag
			for range 3 {
				clients.Go(func() {
					for range 150 {
						a := s.Get(t, "/f")
						if a.Status != 200 || len(a.Body) < 8 || a.Body != strings.Repeat(a.Body[:8], len(a.Body)/8) || len(a.Body) < size {
							t.Errorf("%d, %d bytes, from %.8q to %.8q", a.Status, len(a.Body), a.Body, a.Body[max(0, len(a.Body)-8):])
							return
						}
						// The tag tells versions apart as far as seconds and sizes do.
						mu.Lock()
						key := a.Header.Get("ETag") + a.Header.Get("Content-Length")
						if a.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)) {
							t.Errorf("%d bytes under %s", len(a.Body), key)
						}
						bodies[a.Body[:8]] = key
						mu.Unlock()
					}
				})
			}
			clients.Wait()
			close(done)
			writer.Wait()
			if len(bodies) < 2 {
				t.Errorf("only %d versions were seen", len(bodies))
			}
		})
	}
}

// TestWrittenWhileServed: a file that is written in place is answered in some
// state that it was in, with its length; and when the writer is done, as it is
// then.
func TestWrittenWhileServed(t *testing.T) {
	s := start(t, "root html;", map[string]string{"html/f": "x"})
	name := filepath.Join(s.Dir, "html/f")
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			default:
				if err := os.WriteFile(name, version(n, 8+n%5000*8), 0o644); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 250 {
		a := s.Get(t, "/f")
		if a.Status != 200 || a.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)) || len(a.Body) > 1 && len(a.Body)%8 != 0 && len(a.Body)%4096 != 0 {
			t.Errorf("%d, %d bytes", a.Status, len(a.Body))
		}
	}
	close(done)
	writer.Wait()
	now, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if a := s.Get(t, "/f"); a.Body != string(now) {
			t.Errorf("%d bytes, the file has %d", len(a.Body), len(now))
		}
	}
}

// TestTruncatedWhileSent: a large file that is cut off while it is on its way
// ends the connection rather than the answer.
func TestTruncatedWhileSent(t *testing.T) {
	const size = 64 << 20
	s := start(t, "root html;", map[string]string{"html/f": ""})
	name := filepath.Join(s.Dir, "html/f")
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	c := s.Dial(t)
	if _, err := c.Write([]byte("GET /f HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	n, err := c.Read(buf)
	if err != nil || !bytes.Contains(buf[:n], []byte("Content-Length: 67108864\r\n")) {
		t.Fatalf("%v %.300q", err, buf[:n])
	}
	if err := os.Truncate(name, 1000); err != nil {
		t.Fatal(err)
	}
	total := n
	for err == nil {
		n, err = c.Read(buf)
		total += n
	}
	if total >= size || os.IsTimeout(err) {
		t.Errorf("%d bytes, then %v", total, err)
	}
}

// TestAppears: a name that was missing is found as soon as there is a file.
func TestAppears(t *testing.T) {
	s := start(t, "root html;", map[string]string{"html/x": ""})
	name := filepath.Join(s.Dir, "html/f")
	for i := range 5 {
		for range 2 {
			if a := s.Get(t, "/f"); a.Status != 404 {
				t.Fatalf("%d: %q", i, a.Raw)
			}
		}
		want := strings.Repeat(fmt.Sprint(i), 40_000*(i%2)+10)
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		if a := s.Get(t, "/f"); a.Status != 200 || a.Body != want {
			t.Fatalf("%d: %.200q", i, a.Raw)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMoreFilesThanFit: files that find no place in memory are answered as well.
func TestMoreFilesThanFit(t *testing.T) {
	s := start(t, "root html; keepalive_requests 1000000;", map[string]string{"html/sub/x": ""})
	const files, size = 2500, 32 << 10
	for i := range files {
		name := filepath.Join(s.Dir, "html", fmt.Sprint(i))
		if err := os.WriteFile(name, fmt.Appendf(nil, "file %d", i), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
	}
	awaitKept(t, s, fmt.Sprint("/", files-1))
	client := s.Dial(t)
	for i := range 2 * files {
		e := exchange{conn: client, request: fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i%files), buf: make([]byte, 2*size)}
		n := e.first(t)
		_, body, _ := bytes.Cut(e.buf[:n], []byte("\r\n\r\n"))
		if got := string(bytes.TrimRight(body, "\x00")); len(body) != size || got != fmt.Sprint("file ", i%files) {
			t.Fatalf("file %d: %d bytes, %.100q", i%files, len(body), got)
		}
	}
}

// TestDirectoryChanges: what a name means besides a directory shows at once.
func TestDirectoryChanges(t *testing.T) {
	s := start(t, "root html;", map[string]string{"html/f/x": ""})
	awaitKept(t, s, "/f")
	name := filepath.Join(s.Dir, "html/f")
	for _, step := range []struct {
		change func() error
		status int
	}{
		{func() error { return nil }, 301},
		{func() error { return os.WriteFile(name+"/y", nil, 0o644) }, 301},
		{func() error { return os.RemoveAll(name) }, 404},
		{func() error { return os.WriteFile(name, []byte("file"), 0o644) }, 200},
		{func() error { return os.Remove(name) }, 404},
		{func() error { return os.Mkdir(name, 0o755) }, 301},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if a := s.Get(t, "/f"); a.Status != step.status {
				t.Fatalf("want %d, got %q", step.status, a.Raw)
			}
		}
	}
}
