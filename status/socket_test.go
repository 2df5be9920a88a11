package status

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAsk(t *testing.T) {
	// Longer than the kernel allows for the name of a socket.
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := Name(filepath.Join(dir, "nginx.pid"))
	if filepath.Base(name) != "nginx.control" {
		t.Errorf("name %q", name)
	}
	// A dead process left its socket behind.
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Listen(name, os.Geteuid(), func(command string, out io.Writer) int {
		fmt.Fprintf(out, "you said %q\nexit now\n", command)
		return len(command)
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v %v", info, err)
	}
	for _, command := range []string{"reload", "", "status"} {
		var out strings.Builder
		code, err := Ask(name, command, &out)
		if want := fmt.Sprintf("you said %q\nexit now\n", command); err != nil || code != len(command) || out.String() != want {
			t.Errorf("%q: code %d, %q, %v", command, code, out.String(), err)
		}
	}
	if code, err := Ask(name, strings.Repeat("x", maxCommand), io.Discard); err != ErrEnded {
		t.Errorf("endless command: code %d, %v", code, err)
	}
	s.Close()
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("socket after Close: %v", err)
	}
	if code, err := Ask(name, "reload", io.Discard); err == nil || err == ErrEnded {
		t.Errorf("nobody there: code %d, %v", code, err)
	}
}

// An order that panics ends the client's connection, and nothing else.
func TestOrderPanics(t *testing.T) {
	name := filepath.Join(t.TempDir(), "nginx.control")
	s, err := Listen(name, os.Geteuid(), func(command string, out io.Writer) int {
		if command == "panic" {
			panic("of an order")
		}
		return 7
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Ask(name, "panic", io.Discard); err != ErrEnded {
		t.Errorf("the order that panics: %v", err)
	}
	if code, err := Ask(name, "other", io.Discard); code != 7 || err != nil {
		t.Errorf("the next: %d %v", code, err)
	}
}
