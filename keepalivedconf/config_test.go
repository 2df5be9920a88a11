package keepalivedconf

import (
	"net/netip"
	"os"
	"testing"
)

// Programs are looked for wherever the file may have some.
func TestRunsPrograms(t *testing.T) {
	const instance = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.9\n }\n "
	for config, want := range map[string]bool{
		instance + "}\n": false,
		instance + "notify_master /bin/true\n}\n":                                           true,
		instance + "notify_deleted /bin/true\n}\n":                                          true,
		instance + "}\nvrrp_sync_group G {\n group {\n A\n }\n notify_fault /bin/true\n}\n": true,
		instance + "}\nglobal_defs {\n startup_script /bin/true\n}\n":                       true,
		instance + "}\nglobal_defs {\n notify_fifo /run/f\n}\n":                             false,
		instance + "}\nglobal_defs {\n notify_fifo_script /bin/true\n}\n":                   true,
		instance + "}\nvrrp_script S {\n script /bin/true\n}\n":                             true,
	} {
		cfg, reports := readText(t, config)
		if got := cfg.RunsPrograms(); got != want {
			t.Errorf("%s\nruns programs: %v\n%s", config, got, reports)
		}
	}
}

func TestFindByName(t *testing.T) {
	cfg, _ := readText(t, "vrrp_script S {\n script /bin/true\n}\nvrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n"+
		" 10.0.0.9/24\n 10.0.0.8\n }\n}\nvrrp_instance B {\n interface eth0\n virtual_router_id 2\n no_virtual_ipaddress\n}\n")
	if i := cfg.Instance("A"); i == nil || i.VIP() != netip.MustParseAddr("10.0.0.9") {
		t.Errorf("A: %+v", i)
	}
	if i := cfg.Instance("B"); i == nil || i.VIP().IsValid() {
		t.Errorf("B: %+v", i)
	}
	if cfg.Instance("C") != nil || cfg.Script("T") != nil || cfg.Script("S") == nil {
		t.Error("what is not there was found, or what is there was not")
	}
}

func TestName(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	if got := (&Global{}).Name(); got != host {
		t.Errorf("without router_id: %q", got)
	}
	if got := (&Global{RouterID: "lb1"}).Name(); got != "lb1" {
		t.Errorf("with router_id: %q", got)
	}
}

func TestStatusThatIsAnAnswer(t *testing.T) {
	p := SelfProbe{Status: []StatusRange{{200, 399}, {404, 404}}}
	for status, want := range map[int]bool{199: false, 200: true, 301: true, 399: true, 400: false, 404: true, 500: false} {
		if p.Good(status) != want {
			t.Errorf("%d is an answer: %v", status, !want)
		}
	}
}

func TestProgram(t *testing.T) {
	c := &Config{}
	if c.Program(Command{}) != nil {
		t.Error("a program where there is none")
	}
	p := c.Program(Command{Args: []string{"/bin/true", "x"}, User: "root"})
	if p == nil || len(p.Args) != 2 || p.Account == nil || p.Account.UID != 0 {
		t.Errorf("%+v", p)
	}
}

// Only the one who runs it decides whether a script may be executed.
func TestMayExecute(t *testing.T) {
	for _, c := range []struct {
		mode     os.FileMode
		uid, gid int
		want     bool
	}{
		{0o700, 33, 33, false}, {0o700, 0, 0, true}, {0o700, 5, 33, true}, {0o070, 33, 6, true}, {0o007, 33, 33, true},
		{0o070, 5, 6, false}, // the owner is not looked up among the group
		{0o600, 0, 0, false},
	} {
		if got := mayExecute(PathPart{Mode: c.mode, UID: 5, GID: 6}, c.uid, c.gid); got != c.want {
			t.Errorf("%o as %d:%d: %v", c.mode, c.uid, c.gid, got)
		}
	}
}

// What prints enumerated values has a word for each.
func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		StateUnset.String() + StateMaster.String() + StateBackup.String():             "unsetMASTERBACKUP",
		FamilyUnset.String() + IPv4.String() + IPv6.String():                          "unsetIPv4IPv6",
		AuthNone.String() + AuthPass.String() + AuthAH.String():                       "nonePASSAH",
		ChecksumAuto.String() + ChecksumOld.String() + ChecksumNever.String():         "autooldnever",
		HMACEnforce.String() + HMACPermissive.String() + HMACReceiveOnly.String():     "enforcepermissivereceive-only",
		MatchNone.String() + MatchExact.String() + MatchPartial.String():              "noneexactpartial",
		RoutePrepend.String() + RouteAdd.String() + RouteAppend.String():              "prependaddappend",
		RuleNone.String() + RuleTable.String() + RuleGoto.String() + RuleNop.String(): "nonetablegotonop",
		ScopeSite.String() + ScopeNowhere.String() + Scope(7).String():                "sitenowhere7",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
