package keepalivedconf

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tandem/keepalivedconf/text"
)

// blank is a host with the interfaces it lists and nothing else.
type blank map[string]Link

func (h blank) Interface(name string) (Link, bool) {
	l, ok := h[name]
	return l, ok
}
func (h blank) User(name string) (int, int, bool) { return 0, 0, name == "root" }
func (h blank) Group(name string) (int, bool)     { return 0, name == "root" }
func (h blank) Scripts() ScriptInspector          { return nil }

var ethernet = Link{Multicast: true, MTU: 1500}

// testHost has three ordinary interfaces and lo.
var testHost = blank{"eth0": ethernet, "eth1": ethernet, "ens33": ethernet, "lo": {Loopback: true, MTU: 65536}}

// readText reads a configuration given as text.
func readText(t testing.TB, config string) (*Config, Reports) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(file, Options{Text: text.Options{ConfigID: "node1"}, Host: testHost})
}

// A file as operators have it: comments that are not ASCII, no prefix length, both nodes MASTER.
func TestOperatorsFile(t *testing.T) {
	cfg, reports := readText(t, `! Configuration File for keepalived

global_defs {
   router_id LVS_7
}

vrrp_instance VI_7 {
    state MASTER
    interface ens33
    virtual_router_id 51
    priority 100  # 优先级高于从
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        192.168.200.254
    }
}
`)
	if len(reports) != 0 {
		t.Errorf("reports:\n%s", reports)
	}
	if cfg.Global.RouterID != "LVS_7" || len(cfg.Instances) != 1 {
		t.Fatalf("router_id %q, %d instances", cfg.Global.RouterID, len(cfg.Instances))
	}
	i := cfg.Instances[0]
	if i.State != StateMaster || i.Interface != "ens33" || i.VRID != 51 || i.Priority != 100 || i.Version != 2 ||
		i.AdvertInterval != time.Second || i.Auth != AuthPass || i.Password != [8]byte{'1', '1', '1', '1'} {
		t.Errorf("instance %+v", i)
	}
	if len(i.Addresses) != 1 || i.Addresses[0].Prefix.String() != "192.168.200.254/32" || i.Addresses[0].Pos.Line != 18 {
		t.Errorf("addresses %+v", i.Addresses)
	}
	if i.GARP != (GARP{Delay: 5 * time.Second, Repeat: 5, RefreshRepeat: 1, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 5}) {
		t.Errorf("garp %+v", i.GARP)
	}
	if i.MulticastGroup.String() != "224.0.0.18" || i.DownTimerAdverts != 3 || !i.Accept || !i.Preempt {
		t.Errorf("instance %+v", i)
	}
}
