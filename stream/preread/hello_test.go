package preread

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
)

// clientHello returns what a client of Go sends first.
func clientHello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	client, server := net.Pipe()
	go func() { _ = tls.Client(client, config).Handshake() }()
	defer client.Close()
	head := make([]byte, 5)
	if _, err := io.ReadFull(server, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(server, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// cut returns a hello in records of so many bytes.
func cut(hello []byte, size int) (records []byte) {
	for m := hello[5:]; len(m) > 0; {
		n := min(size, len(m))
		records = append(append(records, 22, 3, 1, byte(n>>8), byte(n)), m[:n]...)
		m = m[n:]
	}
	return records
}

// A hello tells name, protocols and version, in one record or in many, and not
// before it is complete.
func TestParse(t *testing.T) {
	for version, want := range map[uint16]string{tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"} {
		whole := clientHello(t, &tls.Config{ServerName: "a.example", NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12, MaxVersion: version})
		for _, size := range []int{1 << 14, 100, 1} {
			b := cut(whole, size)
			for n := range b {
				if _, found := Parse(b[:n]); found != More {
					t.Fatalf("after %d of %d bytes: %v", n, len(b), found)
				}
			}
			h, found := Parse(append(b, "what follows"...))
			if found != Whole || string(h.ServerName) != "a.example" || string(h.ALPN) != "h2,http/1.1" || h.Protocol() != want {
				t.Errorf("%v: %q %q %q", found, h.ServerName, h.ALPN, h.Protocol())
			}
		}
	}
}

func TestParseOthers(t *testing.T) {
	for _, c := range []struct {
		b     string
		found Found
		name  string
	}{
		{"GET / HTTP/1.1\r\n", None, ""},
		{"\x16\x02\x00\x00\x01\x01", None, ""},
		{"\x16\x03\x01\x00\x04\x02\x00\x00\x00", None, ""},
		{"\x80\x2e\x01\x00\x02 ...", Whole, "SSLv2"},
		{"\x80\x2e\x01\x03\x01 ...", Whole, "TLSv1"},
		{"\x16\x03\x01", More, ""},
	} {
		h, found := Parse([]byte(c.b))
		if found != c.found || h != nil && h.Protocol() != c.name {
			t.Errorf("%q: %v %v", c.b, found, h)
		}
	}
}

func FuzzParse(f *testing.F) {
	hello := clientHello(f, &tls.Config{ServerName: "a.example", NextProtos: []string{"h2"}})
	f.Add(hello)
	f.Add(cut(hello, 50))
	f.Add([]byte("\x80\x2e\x01\x00\x02 ..."))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		h, found := Parse(b)
		if !bytes.Equal(b, before) {
			t.Fatal("what was sent has been changed")
		}
		if found == None {
			return
		}
		if len(h.ServerName) > len(b) || len(h.ALPN) > len(b) {
			t.Fatalf("more was found than was sent: %q %q", h.ServerName, h.ALPN)
		}
		// What has been decided does not change with what follows.
		if found == Whole {
			if again, found := Parse(append(b, 0)); found != Whole || !bytes.Equal(again.ServerName, h.ServerName) {
				t.Fatal("what follows matters")
			}
		}
	})
}
