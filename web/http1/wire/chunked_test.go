package wire

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tandem/web/message"
)

// memory is a transport that delivers bytes in pieces and then ends.
type memory struct {
	net.Conn
	rest  []byte
	piece int
}

func (m *memory) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, m.rest[:min(len(m.rest), m.piece)])
	m.rest = m.rest[n:]
	return n, nil
}

func (m *memory) SetReadDeadline(time.Time) error { return nil }

var (
	referenceSize  = regexp.MustCompile(`^([0-9A-Fa-f]{1,16})(?:([ \t]*;[\t\x20-\x7e\x80-\xff]*))?$`)
	referenceField = regexp.MustCompile(`^[\x21-\x39\x3b-\x7e\x80-\xff]+:[\t\x20-\x7e\x80-\xff]*$`)
)

// latin makes a character of every byte, as the expressions mean it.
func latin(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// decodeReference is the chunked coding read in the dumbest way: the whole body
// at hand, lines cut at the first LF, lines matched by regular expressions.
func decodeReference(b string) (body, rest string, ok bool) {
	line := func(limit int) (string, bool) {
		i := strings.IndexByte(b, '\n')
		if i < 1 || i > limit || b[i-1] != '\r' {
			return "", false
		}
		l := b[:i-1]
		b = b[i+1:]
		return l, true
	}
	overhead := 0
	for {
		l, ok := line(maxChunkLine)
		if !ok {
			return "", "", false
		}
		m := referenceSize.FindStringSubmatch(latin(l))
		if m == nil {
			return "", "", false
		}
		if overhead += utf8.RuneCountInString(m[2]); overhead > maxChunkOverhead {
			return "", "", false
		}
		size, err := strconv.ParseInt(m[1], 16, 64)
		if err != nil {
			return "", "", false
		}
		if size == 0 {
			break
		}
		if size > int64(len(b))-2 || b[size:size+2] != "\r\n" {
			return "", "", false
		}
		body += b[:size]
		b = b[size+2:]
	}
	kept := 0
	for fields := 0; ; fields++ {
		l, ok := line(defaultLargeSize)
		if !ok {
			return "", "", false
		}
		if l == "" {
			return body, b, true
		}
		if kept += len(l) + 1; kept+1 > defaultLargeSize || fields == maxTrailers || !referenceField.MatchString(latin(l)) {
			return "", "", false
		}
	}
}

func FuzzChunked(f *testing.F) {
	for _, m := range messages {
		if _, body, ok := strings.Cut(m.bytes, "chunked\r\n\r\n"); ok && len(body) < 5000 {
			f.Add([]byte(body), 1, 1)
			f.Add([]byte(body), 3000, 5)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, piece, step int) {
		piece, step = 1+piece&0xfff, 1+step&0xfff
		want, rest, ok := decodeReference(string(b))
		c := newConn(t, &memory{rest: append([]byte(chunked("")), b...), piece: piece})
		var h message.Head
		if err := c.ReadHead(&h, &message.Limits{}); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		_, err := io.CopyBuffer(&got, onlyReader{bodyOf{c}}, make([]byte, step))
		if ok != (err == nil) {
			t.Fatalf("%q in pieces of %d: %v, the reference says %v", b, piece, err, ok)
		}
		if !ok {
			if c.BodyDone() {
				t.Fatalf("%q: done after %v", b, err)
			}
			return
		}
		if got.String() != want {
			t.Fatalf("%q in pieces of %d: %q, the reference says %q", b, piece, got.String(), want)
		}
		left, _ := io.ReadAll(c)
		if string(left) != rest {
			t.Fatalf("%q in pieces of %d: leaves %q, the reference %q", b, piece, left, rest)
		}
	})
}
