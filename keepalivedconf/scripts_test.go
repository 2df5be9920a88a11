package keepalivedconf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/keepalivedconf/text"
)

// shelf is a host with programs: their paths, with owner and mode of every part.
type shelf struct {
	blank
	programs map[string][]PathPart
}

func (h shelf) Scripts() ScriptInspector { return h }

func (h shelf) User(name string) (int, int, bool) {
	switch name {
	case "root":
		return 0, 0, true
	case "web":
		return 33, 33, true
	}
	return 0, 0, false
}

func (h shelf) Look(name string) (string, error) {
	if _, ok := h.programs[name]; !ok {
		return "", errors.New("not found or not accessible")
	}
	return name, nil
}

func (h shelf) Path(path string) ([]PathPart, error) { return h.programs[path], nil }

func dir(name string, mode fs.FileMode, uid, gid int) PathPart {
	return PathPart{name, fs.ModeDir | mode, uid, gid}
}

// A shelf of scripts: in order, group-writable, in a world-writable folder, in a sticky one, somebody else's, no program.
func newShelf() shelf {
	root := dir("/", 0o755, 0, 0)
	etc := dir("/etc", 0o755, 0, 0)
	return shelf{testHost, map[string][]PathPart{
		"/etc/ok.sh":     {root, etc, {"/etc/ok.sh", 0o755, 0, 0}},
		"/etc/group.sh":  {root, etc, {"/etc/group.sh", 0o775, 0, 100}},
		"/etc/wheel.sh":  {root, etc, {"/etc/wheel.sh", 0o775, 0, 0}},
		"/open/x.sh":     {root, dir("/open", 0o777, 0, 0), {"/open/x.sh", 0o755, 0, 0}},
		"/tmp/x.sh":      {root, dir("/tmp", 0o777|fs.ModeSticky, 0, 0), {"/tmp/x.sh", 0o755, 0, 0}},
		"/home/x.sh":     {root, dir("/home", 0o755, 1000, 1000), {"/home/x.sh", 0o755, 1000, 1000}},
		"/etc/plain.txt": {root, etc, {"/etc/plain.txt", 0o644, 0, 0}},
		"/etc/root.sh":   {root, etc, {"/etc/root.sh", 0o700, 0, 0}},
		"/etc/suid.sh":   {root, etc, {"/etc/suid.sh", 0o755 | fs.ModeSetuid, 0, 100}},
		"/etc":           {root, etc},
	}}
}

// checkScript reads a configuration with one tracked script and one notify script, run by a user with or without
// enable_script_security.
func checkScript(t *testing.T, program, user string, secure bool) (*Config, Reports) {
	t.Helper()
	config := "global_defs {\n script_user " + user + "\n"
	if secure {
		config += " enable_script_security\n"
	}
	config += "}\nvrrp_script chk {\n script " + program + "\n}\nvrrp_instance A {\n interface eth0\n virtual_router_id 1\n" +
		" track_script {\n  chk\n }\n notify \"" + program + " x\"\n no_virtual_ipaddress\n}\n"
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(file, Options{Text: text.Options{ConfigID: "node1"}, Host: newShelf()})
}

func TestScriptSecurity(t *testing.T) {
	for _, c := range []struct {
		program, user string
		secure        bool
		exit          int
		unusable      string // part of why; "": it is run
	}{
		{"/etc/ok.sh", "root", true, text.ExitOK, ""},
		{"/etc/ok.sh", "root", false, text.ExitSecurity, ""},
		{"/etc/ok.sh", "web", false, text.ExitSecurity, ""},
		{"/etc/wheel.sh", "root", true, text.ExitOK, ""},
		{"/etc/group.sh", "root", true, text.ExitErrors, "/etc/group.sh can be changed"},
		{"/etc/group.sh", "root", false, text.ExitSecurity, ""},
		{"/etc/group.sh", "web", true, text.ExitOK, ""},
		{"/open/x.sh", "root", true, text.ExitErrors, "/open can be changed"},
		{"/tmp/x.sh", "root", true, text.ExitOK, ""},
		{"/home/x.sh", "root", true, text.ExitErrors, "/home can be changed"},
		{"/home/x.sh", "web", true, text.ExitOK, ""},
		{"/etc/suid.sh", "web", true, text.ExitOK, ""},
		{"/etc/plain.txt", "root", true, text.ExitOK, "not executable"},
		{"/etc/root.sh", "web", true, text.ExitOK, "not executable"},
		{"/etc", "root", true, text.ExitOK, "not executable"},
		{"/etc/none.sh", "root", true, text.ExitErrors, "not found"},
		{"</etc/none", "root", true, text.ExitOK, ""},
		{"</etc/none", "root", false, text.ExitOK, ""},
	} {
		t.Run(strings.Trim(strings.ReplaceAll(c.program, "/", "_")+"_"+c.user, "_"), func(t *testing.T) {
			cfg, reports := checkScript(t, c.program, c.user, c.secure)
			if got := reports.ExitCode(); got != c.exit {
				t.Errorf("exit %d, want %d", got, c.exit)
			}
			s := cfg.Script("chk")
			if s == nil || (c.unusable == "") != (s.Unusable == "") || !strings.Contains(s.Unusable, c.unusable) {
				t.Errorf("script %+v, want unusable %q", s, c.unusable)
			}
			// A tracked script stays tracked, so that it counts as failing; a notify script is dropped.
			i := cfg.Instance("A")
			if len(i.TrackScripts) != 1 || i.Notify.Any.Set() != (c.unusable == "") {
				t.Errorf("tracked %v, notify %v", i.TrackScripts, i.Notify.Any)
			}
			if insecure := strings.Contains(reports.String(), "There are insecure scripts"); insecure != (c.exit == text.ExitSecurity && c.program == "/etc/group.sh") {
				t.Errorf("insecure %v", insecure)
			}
			if t.Failed() {
				t.Log(reports)
			}
		})
	}
}

// The machine's own inspector, on files that this test makes.
func TestMachineScripts(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "a.sh")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(folder, "link.sh")
	if err := os.Symlink("a.sh", link); err != nil {
		t.Fatal(err)
	}
	look := Machine{}.Scripts()
	if got, err := look.Look(link); got != program || err != nil {
		t.Errorf("Look(%s) = %s, %v", link, got, err)
	}
	if _, err := look.Look(filepath.Join(folder, "none.sh")); err == nil {
		t.Error("a script that is not there was found")
	}
	parts, err := look.Path(program)
	if err != nil || parts[0].Name != "/" || parts[len(parts)-1].Name != program || parts[len(parts)-2].Name != folder {
		t.Errorf("Path(%s) = %v, %v", program, parts, err)
	}
	if last := parts[len(parts)-1]; last.UID != os.Getuid() || last.Mode != 0o755 {
		t.Errorf("%+v", last)
	}
	t.Setenv("PATH", "/nowhere:"+folder)
	if got, err := look.Look("a.sh"); got != program || err != nil {
		t.Errorf("Look(a.sh) = %s, %v", got, err)
	}
}
