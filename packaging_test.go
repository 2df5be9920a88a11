package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestPackaging: what the packages are made of is there, and the unit lets the
// process do what it needs, and not much more.
func TestPackaging(t *testing.T) {
	recipe, err := os.ReadFile("packaging/nfpm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sources := regexp.MustCompile(`(?m)^ +- src: (\S+)$|^ +(?:post|pre)\w+: (\S+)$`).FindAllStringSubmatch(string(recipe), -1)
	if len(sources) < 20 {
		t.Fatalf("only %d sources in nfpm.yaml", len(sources))
	}
	for _, m := range sources {
		name := m[1] + m[2]
		if strings.HasPrefix(name, "${OUT}") || strings.HasPrefix(name, "/") {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			t.Errorf("nfpm.yaml: %v", err)
		}
	}
	scripts, _ := filepath.Glob("packaging/scripts/*")
	for _, name := range append(scripts, "packaging/build") {
		if out, err := exec.Command("sh", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
	unit, err := os.ReadFile("packaging/tandem.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, right := range strings.Fields("NET_ADMIN NET_RAW NET_BIND_SERVICE SETUID SETGID DAC_OVERRIDE CHOWN FOWNER KILL SYS_NICE IPC_LOCK SYS_RESOURCE") {
		if !regexp.MustCompile(`(?m)^CapabilityBoundingSet=.*\bCAP_` + right + `\b`).Match(unit) {
			t.Errorf("the unit does not allow CAP_%s", right)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	out, _ := exec.Command(analyze, "security", "--offline=true", "packaging/tandem.service").CombinedOutput()
	exposure := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if exposure == nil {
		t.Skipf("systemd-analyze judges no unit offline: %.200s", out)
	}
	if level, err := strconv.ParseFloat(string(exposure[1]), 64); err != nil || level > 4.0 {
		t.Errorf("exposure %s, at most 4.0 is wanted", exposure[1])
	}
}
