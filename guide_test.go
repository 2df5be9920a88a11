package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tandem/keepalivedconf"
	"tandem/node/command"
	"tandem/web/webtest"
)

// codeBlock is a block of code in a guide: what it is, and its text.
var codeBlock = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")

// guideBlock is one of them, without the indentation.
type guideBlock struct{ at, kind, text string }

func guideBlocks(t *testing.T) []guideBlock {
	t.Helper()
	pages, err := filepath.Glob("docs/guide/*.md")
	if err != nil || len(pages) < 15 {
		t.Fatalf("%d guides, %v", len(pages), err)
	}
	var blocks []guideBlock
	for _, page := range append(pages, "README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codeBlock.FindAllSubmatchIndex(text, -1) {
			part := func(i int) string { return string(text[m[2*i]:m[2*i+1]]) }
			line := 1 + strings.Count(string(text[:m[0]]), "\n")
			blocks = append(blocks, guideBlock{fmt.Sprintf("%s:%d", page, line), part(2), strings.ReplaceAll("\n"+part(3), "\n"+part(1), "\n")[1:]})
		}
	}
	return blocks
}

// TestGuides: the configurations in the guides are right, and the commands exist.
func TestGuides(t *testing.T) {
	b := newBox(t)
	cert, key, _ := webtest.SelfSigned(t, "www.example.com")
	b.write("cert.pem", cert, 0o600)
	b.write("cert.key", key, 0o600)
	b.write("none.conf", "", 0o644)
	// What is particular to the machines that the guides are about.
	local := strings.NewReplacer("/etc/ssl/www.example.com.pem", b.dir+"/cert.pem", "/etc/ssl/www.example.com.key", b.dir+"/cert.key",
		"user nginx;\n", "", "/run/nginx.pid", b.dir+"/logs/nginx.pid", "/var/log/nginx/", b.dir+"/logs/",
		"listen 80;", "listen 18080;", "listen 80 ", "listen 18080 ", "listen [::]:80", "listen [::]:18080", "listen 443", "listen 18443")
	program := regexp.MustCompile(`(?:^|[|;&(]\s*)(tandem|keepalived|nginx|systemctl|docker|dpkg|curl|journalctl|certbot|firewall-cmd|tcpdump|chmod|while|ss)\b(.*)`)
	counts := map[string]int{}
	for _, block := range guideBlocks(t) {
		counts[block.kind]++
		switch block.kind {
		case "nginx":
			b.write("conf/nginx.conf", local.Replace(block.text), 0o644)
			if out, code := b.run("-t", "-q", "-k", b.dir+"/none.conf"); code != 0 || strings.Contains(out, "[warn]") && !strings.Contains(out, "mime.types") {
				t.Errorf("%s: exit code %d\n%s", block.at, code, out)
			}
		case "keepalived":
			b.write("keepalived.conf", block.text, 0o600)
			_, reports := keepalivedconf.Read(b.dir+"/keepalived.conf", keepalivedconf.Options{Host: guideHost{}})
			for _, r := range reports {
				if r.Kind.Matters() {
					t.Errorf("%s: %s", block.at, r.Explain())
				}
			}
		case "sh":
			if out, err := exec.Command("sh", "-n", "-c", block.text).CombinedOutput(); err != nil {
				t.Errorf("%s: %s", block.at, out)
			}
			for line := range strings.Lines(strings.ReplaceAll(block.text, "\\\n", " ")) {
				m := program.FindStringSubmatch(strings.TrimSpace(line))
				if m == nil {
					t.Errorf("%s: what does %q run?", block.at, line)
					continue
				}
				if m[1] == "tandem" || m[1] == "keepalived" {
					if err := command.Check(append([]string{m[1]}, strings.Fields(m[2])...)); err != nil {
						t.Errorf("%s: %s: %v", block.at, strings.TrimSpace(line), err)
					}
				}
			}
		}
	}
	if counts["nginx"] < 10 || counts["keepalived"] < 6 || counts["sh"] < 20 {
		t.Errorf("only %v", counts)
	}
}

// guideHost is a machine that has what the guides name.
type guideHost struct{}

func (guideHost) Interface(name string) (keepalivedconf.Link, bool) {
	return keepalivedconf.Link{Multicast: true, MTU: 1500}, name == "eth0"
}
func (guideHost) User(string) (uid, gid int, ok bool)     { return 1000, 1000, true }
func (guideHost) Group(string) (gid int, ok bool)         { return 1000, true }
func (guideHost) Scripts() keepalivedconf.ScriptInspector { return nil }

// TestGuideLinks: what the pages refer to is there.
func TestGuideLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	pages, _ := filepath.Glob("docs/guide/*.md")
	for _, page := range append(pages, "README.md", "docs/reference/README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
