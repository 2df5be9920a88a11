package fastcgi

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// record makes a record as a back end sends it.
func record(t recordType, content string, padding int) []byte {
	head := []byte{version1, byte(t), 0, requestID, byte(len(content) >> 8), byte(len(content)), byte(padding), 0}
	return append(append(head, content...), make([]byte, padding)...)
}

func TestAppendPair(t *testing.T) {
	long := strings.Repeat("v", 200)
	for _, c := range []struct{ name, value, want string }{
		{"A", "", "\x01\x00A"},
		{"NAME", "value", "\x04\x05NAMEvalue"},
		{"A", long[:127], "\x01\x7fA" + long[:127]},
		{"A", long, "\x01\x80\x00\x00\xc8A" + long},
		{long, "b", "\x80\x00\x00\xc8\x01" + long + "b"},
	} {
		if got, _ := appendPair(nil, []byte(c.name), []byte(c.value)); string(got) != c.want {
			t.Errorf("%q=%q: got %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

func TestAppendHeader(t *testing.T) {
	for _, c := range []struct {
		n, padding int
		want       string
	}{
		{0, 0, "\x01\x05\x00\x01\x00\x00\x00\x00"},
		{1, 7, "\x01\x05\x00\x01\x00\x01\x07\x00"},
		{8, 0, "\x01\x05\x00\x01\x00\x08\x00\x00"},
		{maxContent, 1, "\x01\x05\x00\x01\xff\xff\x01\x00"},
	} {
		if got, padding := appendHeader(nil, stdin, c.n); string(got) != c.want || padding != c.padding {
			t.Errorf("%d: got %q, padding %d", c.n, got, padding)
		}
	}
}

// transcript decodes what comes in pieces of at most size bytes, and writes
// down what each record holds.
func transcript(b []byte, size int) string {
	var d decoder
	var out strings.Builder
	for len(b) > 0 {
		part := b[:min(size, len(b))]
		b = b[len(part):]
		for len(part) > 0 {
			p, n, err := d.next(part)
			if err != nil {
				return out.String() + err.Error()
			}
			part = part[n:]
			if p.empty {
				fmt.Fprintf(&out, "%d empty", p.kind)
			}
			out.Write(p.data)
			if p.ended {
				fmt.Fprintf(&out, " end of %d\n", p.kind)
			}
		}
	}
	fmt.Fprintf(&out, "%d %d %d %v", d.have, d.left, d.padding, d.mayEnd())
	return out.String()
}

func TestDecoder(t *testing.T) {
	whole := bytes.Join([][]byte{record(stdout, "abc", 5), record(stderr, "d", 0), record(stdout, "", 3), record(endRequest, "12345678", 0)}, nil)
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"whole", whole, "abc end of 6\nd end of 7\n6 empty end of 6\n12345678 end of 3\n0 0 0 true"},
		{"cut in a header", whole[:4], "4 0 0 false"},
		{"cut in content", whole[:10], "ab8 1 5 false"},
		{"cut in padding", whole[:12], "abc8 0 4 false"},
		{"cut in the last record", whole[:len(whole)-1], "abc end of 6\nd end of 7\n6 empty end of 6\n12345678 1 0 true"},
		{"another version", []byte{2}, "upstream sent unsupported FastCGI protocol version: 2"},
		{"a management record", []byte{1, 9}, "upstream sent invalid FastCGI record type: 9"},
		{"another request, high", []byte{1, 6, 1}, "upstream sent unexpected FastCGI request id high byte: 1"},
		{"another request, low", []byte{1, 6, 0, 2}, "upstream sent unexpected FastCGI request id low byte: 2"},
	} {
		for _, size := range []int{1, 3, 1000} {
			if got := transcript(c.b, size); got != c.want {
				t.Errorf("%s in pieces of %d: got %q, want %q", c.name, size, got, c.want)
			}
		}
	}
}

// What comes in pieces is what comes at once.
func FuzzDecoder(f *testing.F) {
	f.Add(append(record(stdout, "abc", 5), record(stderr, "d", 0)...), 3)
	f.Add(record(endRequest, "12345678", 1), 1)
	f.Add([]byte{1, 6, 0, 1, 0xff, 0xff, 0xff, 0}, 2)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if size < 1 {
			return
		}
		if got, want := transcript(b, size), transcript(b, len(b)+1); got != want {
			t.Errorf("in pieces of %d: %q, at once: %q", size, got, want)
		}
	})
}
