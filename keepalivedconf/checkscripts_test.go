package keepalivedconf

import (
	"strings"
	"testing"

	"tandem/keepalivedconf/text"
)

// A MISC_CHECK that cannot be run is as if it were not there, as in keepalived; in alpha mode it has failed for good. Notify
// scripts that cannot be run are dropped.
func TestCheckScripts(t *testing.T) {
	config := `global_defs {
 script_user root
 enable_script_security
}
virtual_server 10.0.0.9 80 {
 protocol TCP
 lb_algo rr
 lb_kind NAT
 quorum_up /etc/ok.sh
 quorum_down /etc/none.sh
 real_server 10.0.0.20 80 {
  notify_up /etc/group.sh
  notify_down /etc/ok.sh
  MISC_CHECK {
   misc_path /etc/ok.sh
  }
  MISC_CHECK {
   misc_path /etc/none.sh
  }
  MISC_CHECK {
   misc_path /etc/group.sh
   alpha
  }
 }
}
`
	cfg, reports := Read("a.conf", Options{Host: newShelf(), Text: text.Options{ReadFile: func(string) ([]byte, error) { return []byte(config), nil }}})
	v := cfg.VirtualServers[0]
	r := v.RealServers[0]
	if !v.QuorumUp.Set() || v.QuorumDown.Set() || r.Up.Set() || !r.Down.Set() {
		t.Errorf("scripts %v, %v, %v, %v", v.QuorumUp, v.QuorumDown, r.Up, r.Down)
	}
	if len(r.Checkers) != 2 || r.Checkers[0].Misc.Unusable != "" || !r.Checkers[1].Alpha || r.Checkers[1].Misc.Unusable == "" {
		t.Errorf("checkers %+v", r.Checkers)
	}
	for _, want := range []string{
		"(a.conf: Line 18) Disabling misc script '/etc/none.sh' since not found/accessible",
		"(a.conf: Line 18) MISC_CHECK of [10.0.0.20]:tcp:80: /etc/none.sh not found",
		"(a.conf: Line 21) Disabling misc script '/etc/group.sh' due to insecure",
		"(a.conf: Line 10) ([10.0.0.9]:tcp:80) notify script /etc/none.sh will not be run",
	} {
		if !strings.Contains(reports.String(), want) {
			t.Errorf("no %q in\n%s", want, reports)
		}
	}
	if !cfg.RunsPrograms() {
		t.Error("no programs are run")
	}
	if reports.Of(text.KindSecurity) != nil {
		t.Errorf("reports\n%s", reports)
	}
}
