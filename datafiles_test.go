package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dataConf is a configuration that both programs run; it becomes master within
// half a second.
const dataConf = `global_defs {
    router_id LVS_7
    script_user root
    enable_script_security
}
vrrp_script chk {
    script /bin/true
    interval 1
    weight -20
    fall 2
    rise 3
}
vrrp_sync_group G1 {
    group {
        VI_7
    }
}
vrrp_instance VI_7 {
    state MASTER
    interface ens33
    virtual_router_id 51
    priority 100
    version 3
    advert_int 0.1
    virtual_ipaddress {
        192.168.200.254
        192.168.200.253/24 label ens33:1
    }
    virtual_ipaddress_excluded {
        fd00::1
    }
    notify_master /bin/true
}
vrrp_instance VI_6 {
    state BACKUP
    interface ens33
    virtual_router_id 61
    priority 90
    version 3
    advert_int 0.1
    virtual_ipaddress {
        192.168.200.252
    }
    track_script {
        chk
    }
}
`

// dataScript runs a keepalived in a network and a /run and /tmp of its own, and
// asks it for its files as monitoring does. $1: the program, $2: a folder.
const dataScript = `
mount --make-rprivate /; mount -t tmpfs none /run; cp -L "$1" /run/keepalived || exit 2
PATH=/run:$PATH
exec 9<"$2"; mount --bind "$2" /tmp
ip link set lo up; ip link add ens33 type veth peer name sw || exit 2
ip addr add 192.168.200.7/24 dev ens33; ip link set ens33 up; ip link set sw up
keepalived -n -f /tmp/keepalived.conf & p=$!
wait_for() { for i in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done; echo "waited in vain: $*"; }
has() { ip addr show | grep -q "inet $1/"; }
wait_for has 192.168.200.254; wait_for has 192.168.200.252
sleep 0.3 # scripts have to succeed three times at one of the two
kill -$(keepalived --signum=DATA) $(cat /run/keepalived.pid); wait_for test -s /tmp/keepalived.data
kill -$(keepalived --signum=STATS) $(cat /run/keepalived.pid); wait_for test -s /tmp/keepalived.stats
kill -$(keepalived --signum=JSON) $(cat /run/keepalived.pid); wait_for test -s /tmp/keepalived.json
test -s /run/vrrp.pid || echo "no vrrp.pid"
cat /proc/$(cat /run/keepalived.pid)/comm
kill -$(keepalived --signum=STOP) $(cat /run/keepalived.pid); wait $p; echo "exit $?"
ls /run/*.pid 2>/dev/null
true
`

// dataFiles returns what a keepalived writes.
func dataFiles(t *testing.T, program string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "keepalived.conf"), []byte(dataConf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "-n", "-m", "sh", "-c", dataScript, "sh", program, dir)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("no namespace for keepalived: %v", err)
	}
	if got := string(out); got != "keepalived\nexit 0\n" {
		t.Errorf("%s: %q", program, got)
	}
	files := map[string]string{}
	for _, name := range []string{"keepalived.data", "keepalived.stats", "keepalived.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files
}

// jsonShape lists the names of all fields in their order, with their values but
// for those that differ from run to run.
func jsonShape(t *testing.T, text string) []string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var shape []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			return shape
		}
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		b, _ := json.Marshal(token)
		shape = append(shape, string(b))
	}
}

var (
	varies = regexp.MustCompile(`^(.*_transition|advert_sent)$`)
	digits = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)
	// dataKey is what a line of keepalived.data is about.
	dataKey = regexp.MustCompile(`^ *[^=:]*[A-Za-z][^=:]*`)
	// newer are lines that keepalived has since 2.4 under that name; Debian's 2.2.7 calls them otherwise.
	newer = []string{"Number of tracker faults"}
)

// dataKeys are the names of the lines of the parts of keepalived.data that are
// about instances and scripts.
func dataKeys(text string) []string {
	var keys []string
	in := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "----") {
			in = strings.Contains(line, "VRRP Topology") || strings.Contains(line, "VRRP Scripts") || strings.Contains(line, "VRRP Sync groups")
		}
		if key := strings.TrimRight(dataKey.FindString(line), " "); in && line != "" && !slices.Contains(newer, strings.TrimSpace(key)) {
			if strings.HasPrefix(line, "     ") || strings.HasPrefix(line, "   Multicast") {
				key = line // a value
			}
			keys = append(keys, key)
		}
	}
	return keys
}

// TestDataFiles compares the files that monitoring reads with those of Debian's
// keepalived: keepalived.json and keepalived.stats have the same fields in the
// same order, and what keepalived.data has stands in that order there as well.
func TestDataFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("two programs become master")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can run keepalived in a namespace")
	}
	debians, err := exec.LookPath("keepalived")
	if err != nil {
		t.Skip("keepalived is not installed")
	}
	if debians, err = filepath.EvalSymlinks(debians); err != nil {
		t.Fatal(err)
	}
	own, err := program()
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := dataFiles(t, debians), dataFiles(t, own)

	shape := func(text string) []string {
		// keepalived tells where the links on the way to a script lead.
		list := jsonShape(t, strings.ReplaceAll(text, `\/usr\/bin`, `\/bin`))
		for i := range list {
			if name := strings.Trim(list[i], `"`); varies.MatchString(name) && i+1 < len(list) {
				list[i+1] = "..."
			}
		}
		return list
	}
	if a, b := shape(theirs["keepalived.json"]), shape(ours["keepalived.json"]); !slices.Equal(a, b) {
		t.Errorf("keepalived.json: keepalived\n%s\ntandem\n%s", strings.Join(a, " "), strings.Join(b, " "))
	}
	plain := func(text string) string { return digits.ReplaceAllString(text, "N") }
	if a, b := plain(theirs["keepalived.stats"]), plain(ours["keepalived.stats"]); a != b {
		t.Errorf("keepalived.stats: keepalived\n%s\ntandem\n%s", a, b)
	}
	all := dataKeys(theirs["keepalived.data"])
	rest := all
	for _, key := range dataKeys(ours["keepalived.data"]) {
		at := slices.Index(rest, key)
		if at < 0 {
			t.Fatalf("keepalived.data: %q does not stand there in keepalived's, which goes on with %q\n%s", key, rest, ours["keepalived.data"])
		}
		rest = rest[at+1:]
	}
	for _, line := range []string{"   State = MASTER\n", "   Gratuitous ARP delay = 5\n", "   Virtual Router ID = 51\n", "   Interface = ens33\n", " VRRP Script = chk\n", "   Status = GOOD\n"} {
		for who, files := range map[string]map[string]string{"keepalived": theirs, "tandem": ours} {
			if !strings.Contains(files["keepalived.data"], line) {
				t.Errorf("%s: no %q", who, line)
			}
		}
	}
}
