package hostnames

import (
	"errors"
	"testing"
)

func TestFind(t *testing.T) {
	var table Table[string]
	for _, name := range []string{"example.com", "*.example.com", "*.b.example.com", ".both.org", "www.*", "www.example.*", "MiXed"} {
		if err := table.Add(name, name); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, c := range []struct{ name, want string }{
		{"example.com", "example.com"},
		{"a.example.com", "*.example.com"},
		{"a.b.example.com", "*.b.example.com"},
		{"b.example.com", "*.example.com"},
		{"c.x.example.com", "*.example.com"},
		{"both.org", ".both.org"},
		{"x.both.org", ".both.org"},
		{"xboth.org", ""},
		{"www.a", "www.*"},
		{"www.example.net", "www.example.*"},
		{"www.example.com", "*.example.com"},
		{"www", ""},
		{"mixed", "MiXed"},
		{"", ""},
		{".example.com", ""},
	} {
		if got, ok := table.Find([]byte(c.name)); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAdd(t *testing.T) {
	for _, c := range []struct {
		first, second string
		want          error
	}{
		{"a.com", "a.com", ErrConflict},
		{"a.com", "A.com", ErrConflict},
		{"a.com", ".a.com", ErrConflict},
		{".a.com", "a.com", ErrConflict},
		{".a.com", "*.a.com", ErrConflict},
		{"*.a.com", ".a.com", ErrConflict},
		{"a.*", "a.*", ErrConflict},
		{"*.a.com", "a.com", nil},
		{"a", "*a.com", ErrInvalid},
		{"a", "*.a.*", ErrInvalid},
		{"a", "a.*.com", ErrInvalid},
		{"a", "*", ErrInvalid},
		{"a", "a..com", ErrInvalid},
		{"a", "a\x00", ErrInvalid},
	} {
		var table Table[int]
		if err := table.Add(c.first, 1); err != nil {
			t.Fatal(err)
		}
		if err := table.Add(c.second, 2); !errors.Is(err, c.want) {
			t.Errorf("%s after %s: %v, want %v", c.second, c.first, err, c.want)
		}
	}
}
