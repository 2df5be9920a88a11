package keepalivedconf

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tandem/keepalivedconf/text"
)

// dumpScript runs keepalived in the foreground in the interfaces of testHost.
const dumpScript = `
ip link set lo up
for i in eth0 eth1 ens33; do ip link add $i mtu 1500 type veth peer name p$i && ip link set $i up && ip link set p$i up || exit 1; done
ip addr add 10.0.0.1/24 dev eth0
exec keepalived --dont-fork --log-console --dump-conf --log-detail --vrrp --use-file="$1" --pid="$1.pid" --vrrp_pid="$1.vrrp"
`

// keepalivedDump returns what keepalived -d prints of a file, from the topology to the interfaces.
func keepalivedDump(t *testing.T, file string) []string {
	t.Helper()
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("keepalived is not installed")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can make the namespace that keepalived is run in")
	}
	cmd := exec.Command("unshare", "-n", "sh", "-c", dumpScript, "sh", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Skipf("no namespace for keepalived: %v", err)
	}
	_ = write.Close()
	limit := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
	var dump, all []string
	seen, whole := false, false
	stamp := regexp.MustCompile(`^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}: `)
	for lines := bufio.NewScanner(read); lines.Scan(); {
		line := stamp.ReplaceAllString(lines.Text(), "")
		all = append(all, line)
		if strings.Contains(line, "< VRRP Topology >") {
			seen = true
		}
		// What does not belong to the dump is the parent's log ("Startup complete"), in between as it happens.
		if seen && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "------")) {
			dump = append(dump, line)
		}
		if strings.Contains(line, "< Interfaces >") {
			whole = true
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	_ = cmd.Wait()
	if len(dump) == 0 {
		t.Skipf("keepalived printed no topology:\n%s", strings.Join(all, "\n"))
	}
	if !whole {
		t.Fatalf("keepalived did not come to the end of the topology:\n%s", strings.Join(all, "\n"))
	}
	return dump
}

// dumpedValues are the lines of keepalived's dump that are compared, by instance. A line that ends in a colon begins a list.
func dumpedValues(dump []string) map[string][]string {
	compared := regexp.MustCompile(`^(VRRP Version|Wantstate|Interface|Multicast address|Gratuitous ARP|Down timer adverts|Send advert after|` +
		`Virtual Router ID|Priority|Advert interval|Accept|Preempt|Authentication type|Password|Virtual IP|Unicast TTL|Unicast Peer|Tracked) ?`)
	values := map[string][]string{}
	name, list := "", ""
	for _, line := range dump {
		if after, ok := strings.CutPrefix(line, " VRRP Instance = "); ok {
			name, list = after, ""
			continue
		}
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "------"):
			name = ""
			continue
		case name == "":
			continue
		case list != "" && strings.HasPrefix(line, "     "):
			values[name] = append(values[name], list+" "+strings.ReplaceAll(text, ",", ""))
			continue
		}
		list = ""
		if !compared.MatchString(text) || strings.HasPrefix(text, "Preempt delay remaining") {
			continue
		}
		if strings.HasSuffix(text, ":") {
			list = strings.TrimSpace(regexp.MustCompile(`(\(\d+\))? ?:$`).ReplaceAllString(text, ""))
			continue
		}
		text, _, _ = strings.Cut(text, ", ifindex")
		text = strings.Replace(text, "Multicast address ", "Multicast address = ", 1)
		values[name] = append(values[name], text)
	}
	return values
}

func enabled(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

// asDumped is an address as keepalived prints it.
func asDumped(i *Instance, a Address) string {
	o := settings{a.Prefix.String()}
	if a.Prefix.Bits() == a.Addr().BitLen() {
		o[0] = a.Addr().String()
	}
	o.when(a.Broadcast.IsValid(), "brd %v", a.Broadcast)
	device := a.Device
	if device == "" {
		device = i.Interface
	}
	o.add("dev %s scope %v", device, a.Scope)
	o.when(a.Label != "", "label %s", a.Label)
	o.when(a.Home, "home")
	if !a.Addr().Is4() {
		o.when(a.PreferredLifetime == 0, "deprecated")
		o.when(a.PreferredLifetime == Forever, "preferred_lft forever")
	}
	o.when(a.NoTrack, "no_track")
	return strings.Join(o, " ")
}

// ourValues are an instance's values in the form of keepalived's dump.
func ourValues(i *Instance) []string {
	var v settings
	v.add("VRRP Version = %d", i.Version)
	v.add("Wantstate = %v", i.State)
	v.add("Interface = %s", i.Interface)
	v.when(!i.Unicast, "Multicast address = %v", i.MulticastGroup)
	v.add("Gratuitous ARP delay = %d", i.GARP.Delay/time.Second)
	v.add("Gratuitous ARP repeat = %d", i.GARP.Repeat)
	v.add("Gratuitous ARP refresh = %d", i.GARP.Refresh/time.Second)
	v.add("Gratuitous ARP refresh repeat = %d", i.GARP.RefreshRepeat)
	v.add("Gratuitous ARP lower priority delay = %d", i.GARP.LowerPrioDelay/time.Second)
	v.add("Gratuitous ARP lower priority repeat = %d", i.GARP.LowerPrioRepeat)
	v.add("Down timer adverts = %d", i.DownTimerAdverts)
	v.add("Send advert after receive lower priority advert = %v", !i.LowerPrioNoAdvert)
	v.add("Send advert after receive higher priority advert = %v", i.HigherPrioSend)
	v.add("Virtual Router ID = %d", i.VRID)
	v.add("Priority = %d", i.Priority)
	if i.Version == 2 {
		v.add("Advert interval = %d sec", i.AdvertInterval/time.Second)
	} else {
		v.add("Advert interval = %d milli-sec", i.AdvertInterval/time.Millisecond)
	}
	v.add("Accept = %s", enabled(i.Accept))
	v.add("Preempt = %s", enabled(i.Preempt))
	v.when(i.PreemptDelay != 0, "Preempt delay = %g secs", i.PreemptDelay.Seconds())
	if i.Version == 2 {
		v.add("Authentication type = %s", map[AuthType]string{AuthNone: "none", AuthPass: "SIMPLE_PASSWORD", AuthAH: "IPSEC_AH"}[i.Auth])
		v.when(i.Auth != AuthNone, "Password = %s", strings.TrimRight(string(i.Password[:]), "\x00"))
	}
	for _, a := range i.Addresses {
		v.add("Virtual IP %s", asDumped(i, a))
	}
	for _, a := range i.ExcludedAddresses {
		v.add("Virtual IP Excluded %s", asDumped(i, a))
	}
	if i.Unicast {
		v.add("Unicast TTL = %d", i.UnicastTTL)
		for _, p := range i.Peers {
			v.add("Unicast Peer %v min_ttl %d max_ttl %d", p.Addr, p.MinTTL, p.MaxTTL)
		}
	}
	for _, t := range i.TrackInterfaces {
		v.add("Tracked interfaces %s weight %d%s", t.Name, t.Weight, reversed(t.Reverse))
	}
	for _, list := range []struct {
		name   string
		tracks []Track
	}{{"scripts", i.TrackScripts}, {"files", i.TrackFiles}, {"processes", i.TrackProcesses}} {
		for _, t := range list.tracks {
			v.add("Tracked %s %s weight %d%s", list.name, t.Name, t.Weight, reversed(t.Reverse))
		}
	}
	return v
}

// What a configuration comes to, compared with what keepalived -d prints.
func TestValuesAsKeepalived(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/values.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		t.Run(strings.TrimSuffix(f.Name, ".conf"), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), f.Name)
			if err := os.WriteFile(file, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
			theirs := dumpedValues(keepalivedDump(t, file))
			cfg, _ := Read(file, Options{Text: text.Options{ConfigID: "node1"}, Host: twin{}})
			ours := map[string][]string{}
			for _, i := range cfg.Instances {
				ours[i.Name] = ourValues(i)
			}
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("values (-keepalived +tandem):\n%s", diff)
			}
			if len(ours) == 0 {
				t.Error(fmt.Sprint("no instances in ", f.Name))
			}
		})
	}
}
