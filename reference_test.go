package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/node/command"
)

// TestReference: docs/reference, the manual pages and the completions of shells
// say what the tables say.
func TestReference(t *testing.T) {
	compat, err := os.ReadFile("docs/compat.md")
	if err != nil {
		t.Fatal(err)
	}
	files := command.Reference(modules, string(compat))
	if *update {
		if err := command.WriteReference(".", files); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if text, err := os.ReadFile(name); err != nil || string(text) != files[name] {
			t.Errorf("%s is stale (%v): go test . -run TestReference -update", name, err)
		}
	}
	for _, one := range []struct{ name, holds string }{
		{"docs/reference/nginx.md", "| `client_max_body_size` | 1 | http, server, location | `1m` |"},
		{"docs/reference/nginx.md", "## proxy"},
		{"docs/reference/keepalived.md", "| `virtual_router_id` | 1 |"},
		{"docs/reference/tandem.md", "| `vip_lease SECONDS\\|forever` |"},
		{"packaging/man/tandem.8", ".B \\-t, \\-\\-config\\-test[=FILE]"},
		{"packaging/completion/tandem.bash", "certificates"},
	} {
		if !strings.Contains(files[one.name], one.holds) {
			t.Errorf("%s has no %q", one.name, one.holds)
		}
	}
	// The programs that read them find nothing wrong.
	for name, args := range map[string][]string{
		"tandem.bash": {"bash", "-n"}, "_tandem": {"zsh", "-n"}, "tandem.fish": {"fish", "-n"},
		"tandem.8": {"man", "--warnings", "-l"}, "tandem.conf.5": {"man", "--warnings", "-l"},
	} {
		path, err := exec.LookPath(args[0])
		if err != nil {
			continue
		}
		full := filepath.Join(t.TempDir(), name)
		for file, text := range files {
			if filepath.Base(file) == name {
				if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd := exec.Command(path, append(args[1:], full)...)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Errorf("%s: %v %s", name, err, said.String())
		}
	}
}
