package proxyproto

import (
	"errors"
	"strings"
	"testing"
)

func v2(command, family byte, body string) string {
	return string(signature) + string([]byte{0x20 | command, family, byte(len(body) >> 8), byte(len(body))}) + body
}

const inet = "\xc0\x00\x02\x01\xc6\x33\x64\x01\x04\xd2\x00\x50"

var inet6 = strings.Repeat("\x20\x01", 8) + strings.Repeat("\x00", 15) + "\x01" + "\x04\xd2\x00\x50"

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, in string
		source   string // "SOURCE PORT DEST PORT", "none", or an error
		left     string
	}{
		{"v1", "PROXY TCP4 192.0.2.1 198.51.100.1 1234 80\r\nGET", "192.0.2.1 1234 198.51.100.1 80", "GET"},
		{"v1 IPv6", "PROXY TCP6 2001:DB8::1 ::1 1 2\r\n", "2001:DB8::1 1 ::1 2", ""},
		{"v1 unknown", "PROXY UNKNOWN any thing\r\nGET", "none", "GET"},
		{"v1 bare unknown", "PROXY UNKNOWN\r\n", "none", ""},
		{"v1 other protocol", "PROXY UDP4 1 2 3 4\r\n", `broken header: "PROXY UDP4 1 2 3 4"`, ""},
		{"v1 bad address", "PROXY TCP4 host 1.1.1.1 1 2\r\n", `broken header: "PROXY TCP4 host 1.1.1.1 1 2"`, ""},
		{"v1 bad port", "PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n", `broken header: "PROXY TCP4 1.1.1.1 1.1.1.1 1 65536"`, ""},
		{"v1 no port", "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n", `broken header: "PROXY TCP4 1.1.1.1 1.1.1.1 1"`, ""},
		{"v1 without CR", "PROXY UNKNOWN\n", `broken header: "PROXY UNKNOWN"`, ""},
		{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("x", 100) + "\r\n", `broken header: "PROXY UNKNOWN ` + strings.Repeat("x", 93) + `"`, ""},
		{"no header", "GET / HTTP/1.0\r\n\r\n", `broken header: "GET / HTTP/1.0"`, ""},
		{"v2", v2(1, 0x11, inet) + "GET", "192.0.2.1 1234 198.51.100.1 80", "GET"},
		{"v2 IPv6", v2(1, 0x21, inet6), "2001:2001:2001:2001:2001:2001:2001:2001 1234 ::1 80", ""},
		{"v2 local", v2(0, 0x11, inet) + "x", "none", "x"},
		{"v2 datagram", v2(1, 0x12, inet), "none", ""},
		{"v2 unix", v2(1, 0x31, strings.Repeat("x", 216)), "none", ""},
		{"v2 unspecified", v2(1, 0, ""), "none", ""},
		{"v2 small", v2(1, 0x11, inet[:11]), "header is too small", ""},
		{"v2 large", v2(1, 0x11, strings.Repeat("x", 5000)), "header is too large", ""},
		{"v3", string(signature) + "\x31\x11\x00\x0c" + inet, "unknown PROXY protocol version: 3", ""},
	} {
		h, n, err := Parse([]byte(c.in))
		got := "none"
		switch {
		case err != nil:
			got = err.Error()
		case h != nil:
			got = strings.Join([]string{string(h.Source), itoa(h.SourcePort), string(h.Dest), itoa(h.DestPort)}, " ")
		}
		if got != c.source || err == nil && c.in[n:] != c.left {
			t.Errorf("%s: %s, left %q", c.name, got, c.in[n:])
		}
		// Every beginning of a good header is one that wants more.
		if err != nil {
			continue
		}
		for i := range n {
			if _, _, err := Parse([]byte(c.in[:i])); !errors.Is(err, ErrShort) {
				t.Errorf("%s, first %d bytes: %v", c.name, i, err)
			}
		}
	}
}

func itoa(n uint16) string {
	var b []byte
	for ; n > 0 || b == nil; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

func TestTLV(t *testing.T) {
	ssl := "\x01\x00\x00\x00\x07" + "\x21\x00\x07TLSv1.2" + "\x22\x00\x03foo" + "\x26\x00\x01z"
	tlvs := "\x01\x00\x02h2" + "\x02\x00\x00" + "\xe2\x00\x03bar" + "\x20\x00" + string([]byte{byte(len(ssl))}) + ssl
	h, _, err := Parse([]byte(v2(1, 0x11, inet+tlvs)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		err        error
	}{
		{"alpn", "h2", nil}, {"authority", "", nil}, {"0xe2", "bar", nil}, {"0xE2", "bar", nil}, {"0x01", "h2", nil}, {"ssl", ssl, nil},
		{"ssl_verify", "7", nil}, {"ssl_version", "TLSv1.2", nil}, {"ssl_cn", "foo", nil}, {"ssl_0x26", "z", nil},
		{"netns", "", ErrNotFound}, {"ssl_cipher", "", ErrNotFound}, {"0x99", "", ErrNotFound}, {"0x", "", ErrInvalid}, {"0xzz", "", ErrInvalid},
		{"foo", "", ErrUnknown}, {"ssl_foo", "", ErrUnknown}, {"", "", ErrUnknown},
	} {
		got, err := h.TLV(nil, c.name)
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q %v, want %q %v", c.name, got, err, c.want, c.err)
		}
	}
	for _, bad := range []string{"\x05", "\x05\x00\x02x"} {
		if _, err := (&Header{TLVs: []byte(bad)}).TLV(nil, "alpn"); !errors.Is(err, ErrBroken) {
			t.Errorf("%q: %v, want ErrBroken", bad, err)
		}
	}
	if _, err := (&Header{TLVs: []byte("\x20\x00\x01x")}).TLV(nil, "ssl_verify"); !errors.Is(err, ErrNotFound) {
		t.Errorf("short ssl: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"PROXY TCP4 192.0.2.1 198.51.100.1 1234 80\r\nGET", "PROXY UNKNOWN\r\n", v2(1, 0x11, inet+"\x01\x00\x02h2"), v2(1, 0x21, inet6), v2(0, 0, "")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Parse(b)
		if err != nil {
			return
		}
		if n < 15 || n > min(len(b), MaxLen) {
			t.Fatalf("%q: a header of %d bytes", b, n)
		}
		again, m, err := Parse(b[:n])
		if err != nil || m != n || (h == nil) != (again == nil) {
			t.Fatalf("%q: read differently without what follows: %v", b, err)
		}
		if h != nil {
			for _, name := range []string{"alpn", "ssl_verify", "ssl_cn", "0x20"} {
				_, _ = h.TLV(nil, name)
			}
		}
	})
}
