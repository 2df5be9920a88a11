package vrrp_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that docs/rfcs.md names exists: functions below vrrp/, and scripts.
func TestRFCsNamesTests(t *testing.T) {
	text, err := os.ReadFile("../docs/rfcs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text2, ok := strings.Cut(string(text), "\n## VRRP\n")
	if !ok {
		t.Fatal("no section on VRRP")
	}
	text2, _, _ = strings.Cut(text2, "\n## ")
	functions := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err = filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(source), -1) {
			functions[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz|fsm/|vrrptest/)[^`]*)`").FindAllStringSubmatch(text2, -1) {
		name := m[1]
		named++
		if dir, script, is := strings.Cut(name, "/"); is {
			if _, err := os.Stat(filepath.Join(dir, "testdata", script+".txt")); err != nil {
				t.Errorf("no script %s", name)
			}
		} else if !functions[name] {
			t.Errorf("no test %s", name)
		}
	}
	if named < 80 {
		t.Errorf("only %d tests are named", named)
	}
}
