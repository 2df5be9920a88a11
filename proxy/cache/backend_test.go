package cache_test

import (
	"bufio"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	"tandem/web/webtest"
)

const begin = "events {}\nhttp {\n"

var cacheModules = []*web.Module{exchange.Module, proxy.Module, notmodified.Module, ranges.Module, headers.Module}

// serve answers every request on addr with answer, which returns the whole response
// and whether the connection stays open.
func serve(t testing.TB, addr string, answer func(head, body string) (response string, keep bool)) {
	t.Helper()
	webtest.Backend(t, addr, func(c net.Conn) {
		r := textproto.NewReader(bufio.NewReader(c))
		for {
			head, body, err := readRequest(r)
			if err != nil {
				return
			}
			response, keep := answer(head, body)
			if _, err := io.WriteString(c, response); err != nil || !keep {
				return
			}
		}
	})
}

func readRequest(r *textproto.Reader) (head, body string, err error) {
	line, err := r.ReadLine()
	if err != nil {
		return "", "", err
	}
	var b strings.Builder
	length := 0
	for ; err == nil && line != ""; line, err = r.ReadLine() {
		b.WriteString(line + "\r\n")
		if name, value, _ := strings.Cut(line, ": "); strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(value)
		}
	}
	if err != nil {
		return "", "", err
	}
	content := make([]byte, length)
	_, err = io.ReadFull(r.R, content)
	return b.String(), string(content), err
}

func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
