package keepalivedconf

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// fenced is a block of code in a document.
var fenced = regexp.MustCompile("(?ms)^( *)```[a-z]*\n(.*?)^ *```")

// examples returns every keepalived.conf that is in the repository's examples and documents, by where it is.
func examples(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	root := ".."
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && name != root || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		isConf := strings.HasPrefix(d.Name(), "keepalived") && strings.HasSuffix(d.Name(), ".conf")
		if !isConf && !strings.HasSuffix(d.Name(), ".md") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if isConf {
			found[name] = string(data)
			return nil
		}
		for n, block := range fenced.FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(block[2], "vrrp_instance") && strings.Contains(block[2], "{\n") {
				found[name+"#"+string(rune('a'+n))] = block[2]
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Whoever took up an example, with tandem's own keywords in it, can go back to keepalived with the same file.
func TestExamplesWithKeepalived(t *testing.T) {
	found := examples(t)
	if len(found) < 2 {
		t.Fatalf("%d examples", len(found))
	}
	own, err := txtar.ParseFile("testdata/read/own_keywords.txtar")
	if err != nil {
		t.Fatal(err)
	}
	found["own_keywords.txtar"] = string(own.Files[0].Data)
	dir := t.TempDir()
	var names, files []string
	for name, text := range found {
		file := strings.NewReplacer("/", "_", "..", "").Replace(name) + ".conf"
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		names, files = append(names, name), append(files, file)
	}
	runKeepalived(t, dir, files)
	for i, name := range names {
		out, err := os.ReadFile(filepath.Join(dir, files[i]+".out"))
		if err != nil {
			t.Fatal(err)
		}
		code, err := os.ReadFile(filepath.Join(dir, files[i]+".exit"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(found[name], "\n")
		for _, s := range keepalivedSaid(out) {
			if s.line > 0 && s.line <= len(lines) && strings.Contains(lines[s.line-1], "@tandem") {
				t.Errorf("%s: keepalived says of one of tandem's own lines: %v", name, s)
			}
		}
		// That scripts are run without enable_script_security is for the reader of an example to settle.
		if exit := strings.TrimSpace(string(code)); exit != "0" && exit != "6" && name != "own_keywords.txtar" {
			t.Errorf("%s: keepalived -t exits with %s:\n%s", name, exit, out)
		}
	}
}
