package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tandem/web/message"
)

// parse reads a head that arrives in two parts, cut at the given place.
func parse(h *message.Head, b []byte, cut int, lim *message.Limits) (length int, done bool, bad *message.BadRequest) {
	var p headParser
	h.Reset()
	if cut < len(b) {
		if done, bad = p.feed(h, b[:cut], lim); done || bad != nil {
			return p.scan, done, bad
		}
	}
	done, bad = p.feed(h, b, lim)
	return p.scan, done, bad
}

// summary is everything that a head says, as text.
func summary(h *message.Head) string {
	return fmt.Sprintf("%q %q %q %q %v %q name %q %d length %d chunked %v close %v keep %v 100 %v",
		h.Method, h.Target, h.Scheme, h.Authority, h.Version, show(h.Fields), h.ServerName, h.ServerPort,
		h.ContentLength, h.Body, h.ConnectionClose, h.ConnectionKeepAlive, h.Expect100)
}

// serialize writes a head as its fields say.
func serialize(h *message.Head) []byte {
	var b bytes.Buffer
	b.Write(h.Method)
	b.WriteByte(' ')
	switch {
	case h.Scheme != nil:
		fmt.Fprintf(&b, "%s://%s%s", h.Scheme, h.Authority, h.Target)
	default:
		b.Write(h.Target)
	}
	if h.Version == message.HTTP09 {
		b.WriteString("\r\n")
		return b.Bytes()
	}
	fmt.Fprintf(&b, " %v\r\n", h.Version)
	for _, f := range h.Fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// FuzzHead checks that a head has one reading: however it arrives, and after it
// has been written again from what was understood.
func FuzzHead(f *testing.F) {
	for _, m := range messages {
		if len(m.bytes) < 2000 {
			f.Add([]byte(m.bytes), uint(len(m.bytes)/2), byte(3))
		}
	}
	f.Add([]byte(typical), uint(100), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, cut uint, flags byte) {
		lim := &message.Limits{
			UnderscoresInHeaders: flags&1 != 0,
			IgnoreInvalidHeaders: flags&2 != 0,
			AllowConnect:         flags&4 != 0,
			HeaderBuffer:         100,
			LargeSize:            200,
			LargeCount:           1 + int(flags>>3&3),
			MaxHeaders:           20,
		}
		var whole, parts, again message.Head
		length, done, bad := parse(&whole, b, len(b), lim)
		length2, done2, bad2 := parse(&parts, b, int(cut%uint(len(b)+1)), lim)
		if done != done2 || (bad == nil) != (bad2 == nil) || bad != nil && bad.Status != bad2.Status {
			t.Fatalf("%q: %v %v at once, %v %v when cut", b, done, bad, done2, bad2)
		}
		if bad != nil || !done {
			return
		}
		if length != length2 || summary(&whole) != summary(&parts) {
			t.Fatalf("%q:\n%s at once\n%s when cut", b, summary(&whole), summary(&parts))
		}
		if whole.Has(message.TransferEncoding) && whole.ContentLength >= 0 {
			t.Fatalf("%q: framed twice", b)
		}
		for _, field := range whole.Fields {
			if bytes.ContainsAny(field.Name, "\r\n\x00 :") || bytes.ContainsAny(field.Value, "\r\n\x00") {
				t.Fatalf("%q: field %q: %q", b, field.Name, field.Value)
			}
		}
		if bytes.ContainsAny(whole.Target, "\r\n\x00 ") {
			t.Fatalf("%q: target %q", b, whole.Target)
		}
		written := serialize(&whole)
		wide := *lim
		wide.HeaderBuffer = len(written) // it may have become longer, by spaces and CRs
		length, done, bad = parse(&again, written, len(written), &wide)
		if !done || bad != nil || length != len(written) || summary(&whole) != summary(&again) {
			t.Fatalf("%q:\n%s\nwritten again %q:\n%s (%v, %v)", b, summary(&whole), written, summary(&again), done, bad)
		}
	})
}

// TestFullBuffers fills the header buffer and the large ones to the last byte.
func TestFullBuffers(t *testing.T) {
	pad := func(s string, n int) string { return s + strings.Repeat("x", n-len(s)-2) + "\r\n" }
	lim := &message.Limits{HeaderBuffer: 100, LargeCount: 1, LargeSize: 60}
	line := strings.Replace(pad("GET /", 91), "\r\n", " HTTP/1.0\r\n", 1)
	for _, test := range []struct {
		head   string
		status int // 0: accepted
	}{
		{line[:5] + line[5+4:] + "A:\r\n" + "\r\n", 0},
		{line + pad("A: ", 58) + "\r\n", 0},
		{line + pad("A: ", 59) + "\r\n", message.StatusHeaderTooLarge},
		{line + pad("A: ", 60) + "\r\n", message.StatusHeaderTooLarge},
		{line + pad("A: ", 60) + "B:\r\n\r\n", message.StatusHeaderTooLarge},
		{line + pad("A: ", 61) + "\r\n", message.StatusHeaderTooLarge},
		{strings.Replace(line, "/", "/y", 1) + "\r\n", 414},
	} {
		for cut := range len(test.head) + 1 {
			var h message.Head
			_, done, bad := parse(&h, []byte(test.head), cut, lim)
			status := 0
			if bad != nil {
				status = bad.Status
			}
			if status != test.status || done != (status == 0) {
				t.Errorf("%q cut at %d: %v %v, want %d", test.head, cut, done, bad, test.status)
			}
		}
	}
}

func TestConnect(t *testing.T) {
	for _, test := range []struct {
		target, version, fields string
		status                  int
	}{
		{"a.example:443", "1.1", "", 0},
		{"127.0.0.1:443", "1.1", "", 0},
		{"[::1]:443", "1.1", "", 0},
		{"a.example:443", "1.0", "", 405},
		{"a.example:443", "1.1", "Content-Length: 1\r\n", 400},
		{"a.example:443", "1.1", "Content-Length: 0\r\n", 0},
		{"a.example:443", "1.1", "Transfer-Encoding: chunked\r\n", 400},
		{"a.example", "1.1", "", 400},
		{"a.example:", "1.1", "", 400},
		{":443", "1.1", "", 400},
		{":", "1.1", "", 400},
		{"a.example:65536", "1.1", "", 400},
		{"a.example:x", "1.1", "", 400},
		{"a.example:443/", "1.1", "", 400},
		{"a.example:443?", "1.1", "", 400},
		{"a.example:443#", "1.1", "", 400},
		{"u:p@a.example:443", "1.1", "", 400},
		{"http://a.example:443", "1.1", "", 400},
		{"[::1]", "1.1", "", 400},
		{"/", "1.1", "", 400},
		{"", "1.1", "", 400},
	} {
		head := "CONNECT " + test.target + " HTTP/" + test.version + "\r\nHost: b\r\n" + test.fields + "\r\n"
		var h message.Head
		_, done, bad := parse(&h, []byte(head), len(head), &message.Limits{AllowConnect: true})
		status := 0
		if bad != nil {
			status = bad.Status
		}
		if status != test.status || status == 0 && (!done || string(h.Authority) != test.target || string(h.Target) != test.target) {
			t.Errorf("%q: %v %v, target %q, want %d", head, done, bad, h.Target, test.status)
		}
	}
}

func TestStatusLines(t *testing.T) {
	for status, want := range map[int]string{
		200: "HTTP/1.1 200 OK\r\n",
		302: "HTTP/1.1 302 Moved Temporarily\r\n",
		413: "HTTP/1.1 413 Request Entity Too Large\r\n",
		418: "HTTP/1.1 418 \r\n",
		203: "HTTP/1.1 203 \r\n",
		7:   "HTTP/1.1 007 \r\n",
		999: "HTTP/1.1 999 \r\n",
	} {
		if got := string(AppendStatusLine(nil, status)); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
	if got := string(AppendChunkHeader([]byte("x"), 26)); got != "x1a\r\n" {
		t.Errorf("%q", got)
	}
}
