package datafiles

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"tandem/keepalivedconf"
	"tandem/status"
)

// The lines are keepalived's (dump_vs, dump_rs, dump_checker), in its order.
func TestCheckData(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keepalived.conf")
	const file = `virtual_server 192.0.2.1 80 {
    lvs_sched sh
    sh-port
    lvs_method NAT
    protocol TCP
    persistence_timeout 60
    sorry_server 10.0.0.9 80
    real_server 10.0.0.1 80 {
        weight 3
        inhibit_on_failure
        TCP_CHECK {
        }
    }
}
`
	if err := os.WriteFile(name, []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	k, _ := keepalivedconf.Read(name, keepalivedconf.Options{})
	c := Checks{Config: k, Servers: []status.VirtualServer{{
		Name: "[192.0.2.1]:tcp:80", SorryServer: true,
		RealServers: []status.RealServer{{Name: "[10.0.0.1]:tcp:80", Method: "NAT", Weight: 3, In: true, Checks: []status.Checker{{Kind: "TCP_CHECK", Known: true}}}, {Sorry: true}},
	}}}
	var b bytes.Buffer
	c.Data(&b)
	_, got, _ := bytes.Cut(b.Bytes(), []byte("------< LVS Topology >------\n"))
	const want = ` ------< Virtual server >------
 VS VIP = 192.0.2.1, VPORT = 80
   Address family = inet
   lvs_sched = sh
   sh-fallback = disabled
   sh-port = enabled
   One packet scheduling = disabled
   persistence timeout = 60
   protocol = TCP
   alpha is OFF
   omega is OFF
   quorum = 1, hysteresis = 0
   Using smtp notification = no
   sorry server = [10.0.0.9]:tcp:80
     Inhibit on failure is OFF
     alive = 1
   VS alive = 1
   quorum_state_up = 0
   ------< Real server >------
   RIP = 10.0.0.1, RPORT = 80, WEIGHT = 3 EFF WEIGHT = 3
   forwarding method = NAT
   Alpha is OFF
   connection limit range = 0 -> 0
   Inhibit on failure is ON
   Using smtp notification = yes
   initial weight = 3
   effective weight = 3
   alive = 0
   num failed checkers = 1
   RS set = 1
------< Health checkers >------
 [192.0.2.1]:tcp:80 -> [10.0.0.1]:tcp:80
   Enabled = yes
   Up = no
   Has run = yes
   Current weight = 0
   Keepalive method = TCP_CHECK
`
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
