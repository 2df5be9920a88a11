package proxy

import (
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"

	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/session"
	"tandem/web"
)

// bareCall returns a call whose request has no client and whose log is silent.
func bareCall() *call {
	c := &call{settings: &settings{}}
	c.Request = web.NewRequest(nil)
	c.Request.Server = &web.Server{HTTP: &web.HTTP{Realm: session.Realm{Log: errorlog.New()}}}
	c.Request.Main = c.Request
	c.Settings = &c.settings.Settings
	c.settings.BufferSize.V = 4096
	return c
}

// FuzzParseHead reads the head of a response. What is taken for one is no
// longer than what there is, has nothing in it that could end a line, and one
// way to tell where its body ends.
func FuzzParseHead(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nSet-Cookie: a=b; path=/\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: a, close\r\n\r\n",
		"HTTP/1.0 302\nLocation: /\nA\n\n",
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"HTTP/1.1 200 O\rK\r\n A: b\r\n: c\r\nD : e\r\nF: \x00\r\n\r\n",
	} {
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, head bool) {
		parse := func(b []byte) (*call, int, error) {
			c := bareCall()
			c.head = head
			c.Head.Reset()
			n, err := c.ParseHead(b)
			return c, n, err
		}
		c, n, err := parse(b)
		if n < 0 || n > len(b) {
			t.Fatalf("%q: %d bytes of %d", b, n, len(b))
		}
		if n == 0 || err != nil {
			return
		}
		for _, cut := range []int{1, n / 2, n - 1} {
			if _, n, err := parse(b[:cut]); n != 0 || err != nil {
				t.Fatalf("%q is a head, but of its first %d bytes: n %d, error %v", b, cut, n, err)
			}
		}
		h := &c.Head
		if h.Status < 101 || h.Status > 999 || breaks(h.StatusLine) || len(h.StatusLine) < 3 {
			t.Fatalf("%q: status %d, line %q", b, h.Status, h.StatusLine)
		}
		for _, field := range h.Fields {
			if len(field.Name) == 0 || breaks(field.Name) || breaks(field.Value) || bytes.ContainsAny(field.Name, " \t:") {
				t.Fatalf("%q: field %q: %q", b, field.Name, field.Value)
			}
		}
		if h.Status == 103 {
			return
		}
		if h.Chunked && h.ContentLength >= 0 || c.UntilClose && (h.Chunked || h.ContentLength >= 0 || c.Reusable) || c.Reusable && !c.Done {
			t.Fatalf("%q: chunked %v, length %d, until close %v, reusable %v, done %v", b, h.Chunked, h.ContentLength, c.UntilClose, c.Reusable, c.Done)
		}
	})
}

// breaks reports whether b has what some recipient takes for the end of a line.
func breaks(b []byte) bool { return bytes.ContainsAny(b, "\r\n\x00") }

// FuzzChunks undoes the chunked coding, in pieces of any size: with the same
// outcome as at once, and with the data that net/http finds, which takes more.
func FuzzChunks(f *testing.F) {
	for _, seed := range []string{
		"3\r\nabc\r\n0\r\n\r\n", "3;a=b\r\nabc\r\n00\r\nT: u\r\n\r\nrest", "A\r\n0123456789\r\n0\r\n\r\n",
		"3\nabc\r\n0\r\n\r\n", "-1\r\n", "ffffffffffffffff\r\n", "3 \r\nabcd\r\n", "0\r\n" + strings.Repeat("T: u\r\n", 1000) + "\r\n",
	} {
		f.Add([]byte(seed), uint8(1), false)
		f.Add([]byte(seed), uint8(200), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8, trailers bool) {
		decode := func(size int) (data []byte, fields []answer.Field, rest int, done bool, err error) {
			c := bareCall()
			c.settings.Answers.PassTrailers.V = trailers
			c.Head.Chunked = true
			for in := b; len(in) > 0 && !c.Done; {
				p := in[:min(size, len(in))]
				for len(p) > 0 && !c.Done {
					d, n, err := c.ParseBody(p)
					if n <= 0 && err == nil || n > len(p) || len(d) > n {
						t.Fatalf("%q: %d bytes of %d taken, %d of data", b, n, len(p), len(d))
					}
					if err != nil {
						return data, nil, 0, false, err
					}
					data = append(data, d...)
					p, in = p[n:], in[n:]
				}
				rest = len(in)
			}
			return data, c.Head.Trailers, rest, c.Done, nil
		}
		data, fields, rest, done, err := decode(max(1, len(b)))
		data2, _, rest2, done2, err2 := decode(max(1, int(piece)))
		if !bytes.Equal(data, data2) || rest != rest2 || done != done2 || (err == nil) != (err2 == nil) {
			t.Fatalf("%q at once: %q, %d left, %v, %v; in pieces of %d: %q, %d left, %v, %v", b, data, rest, done, err, piece, data2, rest2, done2, err2)
		}
		for _, field := range fields {
			if breaks(field.Name) || breaks(field.Value) || len(field.Name) == 0 {
				t.Fatalf("%q: trailer %q: %q", b, field.Name, field.Value)
			}
		}
		if !done {
			return
		}
		theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(b)))
		if err == nil && !bytes.Equal(data, theirs) {
			t.Fatalf("%q: %q, net/http has %q", b, data, theirs)
		}
	})
}

// FuzzCookie takes a cookie apart and puts it together: without a change it
// stays as it was but for the white space, and flags are set once.
func FuzzCookie(f *testing.F) {
	for _, seed := range []string{"a=b", "a=b; Path=/; Domain=.x; Secure; HttpOnly; SameSite=None", ";;=;a", "a", "a=b;secure;SECURE;samesite=x;samesite", strings.Repeat("a=b;", 50)} {
		f.Add([]byte(seed), uint8(0))
		f.Add([]byte(seed), uint8(secureOn|httpOnlyOff|sameSiteLax))
	}
	f.Fuzz(func(t *testing.T, v []byte, flags uint8) {
		if sameSite := cookieFlags(flags) & (sameSiteStrict | sameSiteLax | sameSiteNone); breaks(v) || sameSite&(sameSite-1) != 0 {
			return
		}
		var room [maxAttributes + 3]attribute
		attrs := parseCookie(room[:0], v)
		if len(attrs) == 0 || len(attrs) > maxAttributes {
			t.Fatalf("%q: %d parts", v, len(attrs))
		}
		plain := func(b []byte) string { return strings.ReplaceAll(string(b), " ", "") }
		if joined := joinCookie(nil, attrs); plain(joined) != plain(v) {
			t.Fatalf("%q is put together as %q", v, joined)
		}
		joined := joinCookie(nil, cookieFlags(flags).edit(attrs))
		if breaks(joined) {
			t.Fatalf("%q with flags %x is %q", v, flags, joined)
		}
		if again := joinCookie(nil, cookieFlags(flags).edit(parseCookie(nil, joined))); len(attrs) < maxAttributes-3 && plain(again) != plain(joined) {
			t.Fatalf("%q with flags %x is %q, and then %q", v, flags, joined, again)
		}
	})
}
