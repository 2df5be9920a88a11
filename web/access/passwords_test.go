package access

import "testing"

// readLikeNginx is nginx's way through a password file, byte by byte, for one
// user: slow, and what parsePasswords is held to. It leaves out that nginx,
// after a line that ends within the name, does not see the next one.
func readLikeNginx(data []byte, user string) (hash string, found bool) {
	const (
		login = iota
		password
		skip
	)
	state, at := login, 0
	wanted := user + ":"
	for _, c := range data {
		switch state {
		case login:
			if at == 0 && (c == '#' || c == '\r') {
				state = skip
				continue
			}
			if at == 0 && c == '\n' {
				continue
			}
			if c != wanted[at] {
				state = skip
				if c == '\n' {
					state, at = login, 0
				}
				continue
			}
			if at == len(user) {
				state = password
			}
			at++
		case password:
			if c == '\n' || c == '\r' || c == ':' {
				return hash, true
			}
			hash += string([]byte{c})
		case skip:
			if c == '\n' {
				state, at = login, 0
			}
		}
	}
	return hash, state == password
}

func FuzzParsePasswords(f *testing.F) {
	for _, s := range []string{"a:b", "a:b\nc:d:e\r\n#a:b\n\na", "\r\na:b", "a\n:b:c", ":x", "a:\nb:\r\n"} {
		f.Add([]byte(s), "a")
	}
	f.Fuzz(func(t *testing.T, data []byte, user string) {
		users := parsePasswords(data)
		for _, b := range []byte(user) {
			if b == ':' || b == '\n' {
				t.Skip("no user name")
			}
		}
		if user == "" || user[0] == '#' || user[0] == '\r' {
			t.Skip("no user name")
		}
		want, found := readLikeNginx(data, user)
		got, ok := users[user]
		if ok != found || got != want {
			t.Errorf("%q of %q: %q %v, want %q %v", user, data, got, ok, want, found)
		}
	})
}
