package detour

import (
	"net/netip"
	"testing"
)

// frame4 and frame6 open a connection from port 1000 to port 80.
var (
	frame4 = append(append(make([]byte, 12), 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 254, 3, 232, 0, 80),
		0, 0, 0, 0, 0, 0, 0, 0, 0x50, flagSYN, 0, 0, 0, 0, 0, 0)
	frame6 = append(append(append(append(append(make([]byte, 12), 0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64), make([]byte, 15)...), 1), make([]byte, 15)...), 2, 3, 232, 0, 80,
		0, 0, 0, 0, 0, 0, 0, 0, 0x50, flagSYN, 0, 0, 0, 0, 0, 0)
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		frame         []byte
		local, remote string
	}{
		{frame4, "192.0.2.254:80", "192.0.2.1:1000"}, {frame6, "[::2]:80", "[::1]:1000"},
	} {
		f, begins, ok := parse(c.frame)
		if !ok || !begins || f.Local != netip.MustParseAddrPort(c.local) || f.Remote != netip.MustParseAddrPort(c.remote) {
			t.Errorf("%s: %v %v %v", c.local, f, begins, ok)
		}
		for n := range c.frame {
			if _, _, ok := parse(c.frame[:n]); ok {
				t.Errorf("%s: the first %d bytes are taken for a segment", c.local, n)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(frame4)
	f.Add(frame6)
	f.Fuzz(func(t *testing.T, frame []byte) {
		k, _, ok := parse(frame)
		if ok && (!k.Local.Addr().IsValid() || k.Local.Addr().Is4() != k.Remote.Addr().Is4()) {
			t.Errorf("%v", k)
		}
	})
}

func FuzzParseDiag(f *testing.F) {
	f.Add(make([]byte, diagMessageLen))
	f.Add(append([]byte{2}, make([]byte, diagMessageLen)...))
	f.Fuzz(func(t *testing.T, m []byte) {
		if k, ok := parseDiag(m); ok && !k.Local.IsValid() {
			t.Errorf("%v", k)
		}
	})
}
