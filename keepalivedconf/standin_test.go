package keepalivedconf

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tandem/internal/standin"
	"tandem/keepalivedconf/text"
)

// What a check asks for nginx means something else here: that is told, with the lines.
func TestChecksOfNginx(t *testing.T) {
	dir := t.TempDir()
	check := filepath.Join(dir, "check.sh")
	if err := os.WriteFile(check, []byte("#!/bin/sh\nif ! pidof nginx; then\n systemctl start nginx\n pidof nginx || killall keepalived\nfi\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "keepalived.conf")
	config := `vrrp_script one {
    script "no-such-program/killall -0 nginx"
}
vrrp_script two {
    script "killall -0 nginx"
}
vrrp_script three {
    script "` + check + `"
}
vrrp_track_process web {
    process nginx
}
vrrp_track_process none {
    process nginx
    quorum_max 0
}
vrrp_instance VI_1 {
    interface lo
    virtual_router_id 1
}
`
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	const answer = ", whose place tandem takes: the answer is what its self-probe says"
	for _, c := range []struct {
		serves bool
		want   []string
	}{
		// keepalived is this process with or without HTTP, and ended by the third one.
		{false, []string{fmt.Sprintf("(%s: Line 8) vrrp_script three asks for nginx or keepalived (%s)", file, check)}},
		{true, []string{
			fmt.Sprintf("(%s: Line 2) vrrp_script one asks for nginx or keepalived (no-such-program/killall -0 nginx)", file),
			fmt.Sprintf("(%s: Line 5) vrrp_script two asks for nginx or keepalived (killall -0 nginx)", file),
			fmt.Sprintf("(%s: Line 8) vrrp_script three asks for nginx or keepalived (%s, in line 2)", file, check),
			fmt.Sprintf("(%s: Line 10) vrrp_track_process web looks for nginx", file),
		}},
	} {
		cfg, reports := Read(file, Options{StandIn: standin.Process{Serves: c.serves, PIDFile: "/run/nginx.pid"}})
		var got []string
		for _, r := range reports {
			if r.Kind == text.KindAdvice && len(r.String()) > len(answer) && r.String()[len(r.String())-len(answer):] == answer {
				got = append(got, r.String()[:len(r.String())-len(answer)])
			}
			if r.Pos.Line == 8 && c.serves && r.Kind == text.KindAdvice {
				if want := `line 3, "systemctl start nginx", does nothing here; line 4, "pidof nginx || killall keepalived", makes it fail, and ends nothing`; r.Hint != want {
					t.Errorf("hint %q, want %q", r.Hint, want)
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("serves %t: told\n%q\nwant\n%q", c.serves, got, c.want)
		}
		if c.serves {
			for _, s := range cfg.Scripts {
				if s.StandIn == nil || s.Unusable != "" {
					t.Errorf("script %s: %+v, unusable: %q", s.Name, s.StandIn, s.Unusable)
				}
			}
		}
	}
}
