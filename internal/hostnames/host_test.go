package hostnames

import "testing"

func TestServerName(t *testing.T) {
	for _, test := range []struct {
		host, name string
		port       int
	}{
		{"l", "l", 0},
		{"L", "l", 0},
		{"abcd-ef.g02.xyz:", "abcd-ef.g02.xyz", 0},
		{"www.a.b.:88", "www.a.b", 88},
		{"www.a.b.", "www.a.b", 0},
		{"AbC.nk.Ru:88", "abc.nk.ru", 88},
		{"123.40.56.78:65535", "123.40.56.78", 65535},
		{"[ABCD::ef98:0:7654:321]:80", "[abcd::ef98:0:7654:321]", 80},
		{"[::ffff:12.30.67.89]", "[::ffff:12.30.67.89]", 0},
		{"[v1.!$&'()*+,;=-._~aZ9:]", "[v1.!$&'()*+,;=-._~az9:]", 0},
		{"a_b", "a_b", 0},
		{"%41", "%41", 0},
		{"a:00080", "a", 80},
	} {
		name, port, ok := ServerName(nil, []byte(test.host))
		if !ok || string(name) != test.name || port != test.port {
			t.Errorf("%q: %q %d %v, want %q %d", test.host, name, port, ok, test.name, test.port)
		}
	}
	for _, host := range []string{
		"", ".", ":80", ".:80", "..a", "a..b", "a..:80", "a.:1.2", "1.2.3.4:98777", "a:1:2", "a:b", "a:-1", "a:99999999999999999999",
		"a/b", "a\\b", "a b", "a\x02", "u@a", "é", "[::1", "[::1].", "[::1]a", "[::1]..:98", "[a..b]", "[a/b]", "[a%b]", "x[::1]", "[[::1]]", "]",
	} {
		if name, port, ok := ServerName(nil, []byte(host)); ok {
			t.Errorf("%q: %q %d, want it refused", host, name, port)
		}
	}
}
