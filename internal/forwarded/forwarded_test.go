package forwarded

import (
	"net/netip"
	"testing"

	"tandem/internal/cidr"
)

func TestAddr(t *testing.T) {
	var trusted cidr.Set
	for _, text := range []string{"127.0.0.0/8", "10.0.0.0/8"} {
		p, _, _ := cidr.Parse(text)
		trusted.Add(p)
	}
	for _, c := range []struct {
		name      string
		peer      string
		values    []string
		recursive bool
		want      string
		changed   bool
	}{
		{"peer not trusted", "192.0.2.1:5", []string{"198.51.100.1"}, true, "192.0.2.1:5", false},
		{"last address", "127.0.0.1:5", []string{"198.51.100.1, 10.0.0.1"}, false, "10.0.0.1:0", true},
		{"last field", "127.0.0.1:5", []string{"198.51.100.1", "10.0.0.1"}, false, "10.0.0.1:0", true},
		{"last not trusted", "127.0.0.1:5", []string{"198.51.100.1, 198.51.100.2, 10.0.0.1"}, true, "198.51.100.2:0", true},
		{"over fields", "127.0.0.1:5", []string{"198.51.100.1, 198.51.100.2:80", "10.0.0.1"}, true, "198.51.100.2:80", true},
		{"all trusted", "127.0.0.1:5", []string{"10.0.0.2, 10.0.0.1"}, true, "10.0.0.2:0", true},
		{"odd separators", "127.0.0.1:5", []string{"198.51.100.2 , ,, "}, true, "198.51.100.2:0", true},
		{"nonsense", "127.0.0.1:5", []string{"unknown"}, true, "127.0.0.1:5", false},
		{"nonsense before", "127.0.0.1:5", []string{"unknown, 10.0.0.1"}, true, "10.0.0.1:0", true},
		{"nonsense field before", "127.0.0.1:5", []string{"unknown", "10.0.0.1"}, true, "10.0.0.1:0", true},
		{"separator first", "127.0.0.1:5", []string{",198.51.100.2"}, true, "127.0.0.1:5", false},
		{"empty", "127.0.0.1:5", []string{""}, true, "127.0.0.1:5", false},
		{"none", "127.0.0.1:5", nil, true, "127.0.0.1:5", false},
	} {
		var values [][]byte
		for _, v := range c.values {
			values = append(values, []byte(v))
		}
		addr, changed := Addr(netip.MustParseAddrPort(c.peer), values, &trusted, c.recursive)
		if addr.String() != c.want || changed != c.changed {
			t.Errorf("%s: %v %v, want %v %v", c.name, addr, changed, c.want, c.changed)
		}
	}
}
