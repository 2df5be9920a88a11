package keepalivedconf

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tandem/keepalivedconf/text"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata/read")

// readArchive reads the keepalived.conf of an archive, with the other files of the archive around it, as the node of the
// archive's comment ("node NAME") or node1. Places are given relative to the archive.
func readArchive(t *testing.T, a *txtar.Archive) (*Config, string) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	node := "node1"
	for line := range strings.Lines(string(a.Comment)) {
		if name, ok := strings.CutPrefix(line, "node "); ok {
			node = strings.TrimSpace(name)
		}
	}
	env := func(name string) string { return map[string]string{"VIP": "192.0.2.77", "EMPTY": ""}[name] }
	cfg, reports := Read(filepath.Join(dir, "keepalived.conf"), Options{Text: text.Options{ConfigID: node, Env: env}, Host: testHost})
	var out strings.Builder
	for _, r := range reports {
		out.WriteString(r.Kind.String() + ": " + strings.ReplaceAll(r.Explain(), dir+"/", "") + "\n")
	}
	return cfg, out.String()
}

// Every archive in testdata/read holds a configuration, the reports about it, and what it comes to.
func TestRead(t *testing.T) {
	archives, err := filepath.Glob("testdata/read/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			inputs := a.Files[:0:0]
			for _, f := range a.Files {
				if f.Name == "reports" || f.Name == "config" {
					want[f.Name] = string(f.Data)
				} else {
					inputs = append(inputs, f)
				}
			}
			a.Files = inputs
			cfg, reports := readArchive(t, a)
			got := map[string]string{"reports": reports, "config": cfg.String()}
			if *update {
				a.Files = append(a.Files, txtar.File{Name: "reports", Data: []byte(got["reports"])}, txtar.File{Name: "config", Data: []byte(got["config"])})
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, part := range []string{"reports", "config"} {
				if diff := cmp.Diff(want[part], got[part]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", part, diff)
				}
			}
		})
	}
}
