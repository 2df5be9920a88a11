package crypt

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	text, err := os.ReadFile("testdata/hashes.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		hash, password, _ := strings.Cut(line, " ")
		if ok, err := Verify(hash, []byte(password)); !ok || err != nil {
			t.Errorf("%s: %q is refused: %v", hash, password, err)
		}
		if ok, err := Verify(hash, []byte(password+"\x00rest")); !ok || err != nil {
			t.Errorf("%s: %q and a NUL is refused: %v", hash, password, err)
		}
		for _, wrong := range []string{"x" + password, "Password", "b"} {
			if ok, err := Verify(hash, []byte(wrong)); ok || err != nil {
				t.Errorf("%s: %q is accepted: %v", hash, wrong, err)
			}
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, hash := range []string{
		"", "a", "password", "abJnggxhB/yW", "abJnggxhB/yWIx", "ab!nggxhB/yWI", "$", "$$", "$y$j9T$x$y", "{MD5}x", "{",
		"$2y$05$short", "$2y$99$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu",
		"$6$rounds=x$salt$hash", "$6$rounds=10$salt$hash", "$6$rounds=999999999$salt$hash", "{SSHA}", "{SSHA}!", "{SSHA}YWJj",
	} {
		if ok, err := Verify(hash, []byte("password")); ok || !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v %v, want ErrUnknown", hash, ok, err)
		}
	}
	for _, hash := range []string{"$1$", "$1$salt", "$1$salt$x", "$apr1$", "$6$", "$5$salt", "{SHA}", "{SHA}x"} {
		if ok, err := Verify(hash, []byte("password")); ok || err != nil {
			t.Errorf("%q: %v %v, want a refusal", hash, ok, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, hash := range []string{"abJnggxhB/yWI", "$1$s$86LMLBF75kT8k49Mbjn6l0", "$apr1$ab$x", "$5$rounds=1000$s$x", "$6$s$x", "$2y$04$x", "{SHA}", "{SSHA}YWJj", "{PLAIN}a", "$", "{"} {
		f.Add(hash, "password")
	}
	f.Fuzz(func(t *testing.T, hash, password string) {
		if strings.Contains(hash, "rounds=") || strings.HasPrefix(hash, "$2") {
			t.Skip("slow")
		}
		ok, err := Verify(hash, []byte(password))
		if ok && err != nil {
			t.Errorf("%q: accepted and %v", hash, err)
		}
		if kind, _ := split(hash); ok && kind == "{PLAIN}" && !strings.HasPrefix(password, hash[len(kind):]) {
			t.Errorf("%q: %q is accepted", hash, password)
		}
	})
}
