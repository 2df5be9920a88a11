package cache_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestChangedWhileServed: what becomes of a file while a slow client gets it. One that
// is replaced or removed is sent to its end as it was; one that is cut off ends the
// answer before its end, and neither is mixed with anything else.
func TestChangedWhileServed(t *testing.T) {
	c := startCached(t, "proxy_cache_valid 1h; proxy_cache_purge $arg_purge; proxy_cache_key $uri; proxy_max_temp_file_size 0;")
	const size = 24 << 20 // more than sockets hold
	old := strings.Repeat("0123456789abcdef", size/16)
	for name, change := range map[string]func(file string) error{
		"replaced": func(file string) error {
			if err := os.WriteFile(file+"2", []byte(strings.Repeat("x", size)), 0o600); err != nil {
				return err
			}
			return os.Rename(file+"2", file)
		},
		"removed": os.Remove,
		"purged": func(string) error {
			c.Do(t, "PURGE", "/purged?purge=1")
			return nil
		},
		"cut off": func(file string) error { return os.Truncate(file, 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			path := "/" + strings.ReplaceAll(name, " ", "")
			c.set(path, "\n\n"+old)
			c.Get(t, path)
			conn := c.Dial(t)
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
			a, err := http.ReadResponse(bufio.NewReaderSize(conn, 4096), nil)
			if err != nil || a.Header.Get("X-Cache") != "HIT" {
				t.Fatalf("%v %v", err, a)
			}
			if err := change(c.file(path)); err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(a.Body)
			if whole := string(body) == old; whole != (name != "cut off") || !whole && err == nil {
				t.Errorf("%d bytes, %v", len(body), err)
			}
			if !strings.HasPrefix(old, string(body)) {
				t.Error("it is not what the file was")
			}
		})
	}
}
