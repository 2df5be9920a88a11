package keepalivedconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/keepalivedconf/text"
)

// What editors and other systems leave in files.
func TestBytesOfFiles(t *testing.T) {
	body := []string{
		"vrrp_instance V {", "  interface eth0", "  virtual_router_id 51", "  virtual_ipaddress {", "    10.0.0.9", "  }", "}",
	}
	for name, text := range map[string]string{
		"CRLF":             strings.Join(body, "\r\n") + "\r\n",
		"CR CR LF":         strings.Join(body, "\r\r\n") + "\r\n",
		"no final newline": strings.Join(body, "\n"),
		"tabs":             strings.ReplaceAll(strings.Join(body, "\t\n")+"\n", " ", "\t"),
		"blank lines":      strings.Join(body, "\n\n  \n\t\n"),
		"GBK comment":      strings.Join(body, " # \xd3\xc5\xcf\xc8\xbc\xb6\n"),
		"form feeds":       strings.ReplaceAll(strings.Join(body, "\n"), "virtual_router_id 51", "virtual_router_id\f51\v"),
		"byte 0xff":        strings.Join(body, "\n") + "\n#\xff\xfe",
	} {
		cfg, reports := readText(t, text)
		if len(reports) != 0 || len(cfg.Instances) != 1 || len(cfg.Instances[0].Addresses) != 1 || cfg.Instances[0].VRID != 51 {
			t.Errorf("%s: %d instances\n%s", name, len(cfg.Instances), reports)
		}
	}
	cfg, reports := readText(t, "global_defs {\n router_id \xd3\xc5\n}\n")
	if cfg.Global.RouterID != "\xd3\xc5" || len(reports) != 0 {
		t.Errorf("router_id %q\n%s", cfg.Global.RouterID, reports)
	}
}

func TestMissingFile(t *testing.T) {
	cfg, reports := Read(filepath.Join(t.TempDir(), "none.conf"), Options{Host: testHost})
	if cfg == nil || !reports.Stops() || reports.ExitCode() != text.ExitCannot {
		t.Errorf("%v %d\n%s", cfg, reports.ExitCode(), reports)
	}
}

func TestDump(t *testing.T) {
	dir := t.TempDir()
	main, other := filepath.Join(dir, "main.conf"), filepath.Join(dir, "other.inc")
	for name, text := range map[string]string{main: "include other.inc\nuse_pid_dir", other: "# nothing\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, _ := Read(main, Options{Host: testHost})
	want := "# configuration file " + main + ":\ninclude other.inc\nuse_pid_dir\n\n# configuration file " + other + ":\n# nothing\n\n"
	if got := cfg.Dump(); got != want {
		t.Errorf("%q", got)
	}
}
