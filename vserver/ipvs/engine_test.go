package ipvs

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/vserver/table"
)

var ap = netip.MustParseAddrPort

// web is a service with some destinations, which have their last octet as weight.
func web(octets ...byte) table.Service {
	s := table.Service{Key: table.Key{Protocol: table.TCP, Address: ap("192.0.2.1:80")}, Scheduler: "wrr"}
	for _, o := range octets {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, o}), 8080)
		s.Destinations = append(s.Destinations, table.Destination{Address: a, Weight: uint32(o)})
	}
	return s
}

func dns() table.Service {
	return table.Service{Key: table.Key{Protocol: table.UDP, Address: ap("[2001:db8::1]:53")}, Scheduler: "sh", Flags: table.OnePacket | table.HashPort,
		Destinations: []table.Destination{{Address: ap("192.0.2.9:53"), Method: table.Tunneling, Weight: 1,
			Tunnel: table.Tunnel{Type: table.GUE, Port: 6080, Checksum: table.WithChecksum}, Upper: 9, Lower: 5}}}
}

func mark() table.Service {
	return table.Service{Key: table.Key{Mark: 7, IPv6: true}, Scheduler: "wlc", Persistence: 90 * time.Second, Mask: 64, PersistenceEngine: "sip",
		Destinations: []table.Destination{{Address: ap("[2001:db8::9]:0"), Method: table.DirectRouting, Weight: 2}}}
}

func tableOf(s ...table.Service) table.Table { return table.Table{Services: s} }

// set sets a table and returns what was asked of the kernel.
func set(t *testing.T, e *Engine, k *fakeKernel, want table.Table) string {
	t.Helper()
	if err := e.Set(want); err != nil {
		t.Fatal(err)
	}
	return k.changes()
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if want = strings.TrimSpace(want); got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

func TestOnlyWhatDiffersIsChanged(t *testing.T) {
	k := newFakeKernel(t)
	e := newEngine(k)
	expect(t, "the first table", set(t, e, k, tableOf(web(20, 21), dns(), mark())), `
-A -t 192.0.2.1:80 -s wrr
-a -t 192.0.2.1:80 -r 198.51.100.20:8080 -m -w 20
-a -t 192.0.2.1:80 -r 198.51.100.21:8080 -m -w 21
-A -u [2001:db8::1]:53 -s sh -o -b sh-port
-a -u [2001:db8::1]:53 -r 192.0.2.9:53 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum -x 9 -y 5
-A -f 7 -6 -s wlc -p 90 -M 64 --pe sip
-a -f 7 -6 -r [2001:db8::9]:0 -g -w 2`)
	expect(t, "the same again", set(t, e, k, tableOf(mark(), web(21, 20), dns())), "")
	changed := web(20, 22)
	changed.Destinations[0].Weight = 0
	changed.Scheduler = "lc"
	expect(t, "changes", set(t, e, k, tableOf(changed, mark())), `
-E -t 192.0.2.1:80 -s lc
-e -t 192.0.2.1:80 -r 198.51.100.20:8080 -m -w 0
-a -t 192.0.2.1:80 -r 198.51.100.22:8080 -m -w 22
-d -t 192.0.2.1:80 -r 198.51.100.21:8080
-D -u [2001:db8::1]:53`)
	expect(t, "the end", set(t, e, k, table.Table{}), "-D -t 192.0.2.1:80\n-D -f 7 -6")
	if len(k.services) != 0 {
		t.Errorf("left:\n%s", k.table())
	}
}

// What is there at the start is made what is wanted; what is not wanted and not known stays.
func TestWhatIsThereIsTakenOver(t *testing.T) {
	k := newFakeKernel(t)
	there := web(20, 21, 22, 30)
	there.Scheduler = "rr"
	there.Destinations[1].Weight = 99
	k.place(tableOf(there, dns()))
	want := web(20, 21, 23)
	want.Known = []netip.AddrPort{want.Destinations[0].Address, want.Destinations[1].Address, ap("198.51.100.22:8080"), want.Destinations[2].Address}
	e := newEngine(k)
	expect(t, "at the start", set(t, e, k, tableOf(want)), `
-E -t 192.0.2.1:80 -s wrr
-e -t 192.0.2.1:80 -r 198.51.100.21:8080 -m -w 21
-a -t 192.0.2.1:80 -r 198.51.100.23:8080 -m -w 23
-d -t 192.0.2.1:80 -r 198.51.100.22:8080`)
	expect(t, "again", set(t, e, k, tableOf(want)), "")
	want.Destinations = want.Destinations[:1]
	expect(t, "fewer", set(t, e, k, tableOf(want)), `
-d -t 192.0.2.1:80 -r 198.51.100.21:8080
-d -t 192.0.2.1:80 -r 198.51.100.23:8080`)
	if got := k.table().String(); !strings.Contains(got, "198.51.100.30") || !strings.Contains(got, "-u [2001:db8::1]:53") {
		t.Errorf("what was others' is gone:\n%s", got)
	}
}

// The kernel calls a real server that is the machine itself local, and has every mask that was not set.
func TestLocalRealServerIsNotChanged(t *testing.T) {
	k := newFakeKernel(t)
	s := mark()
	there := mark()
	there.Destinations[0].Method = table.Local
	k.place(tableOf(there))
	expect(t, "changes", set(t, newEngine(k), k, tableOf(s)), "")
}

func TestOthersChangeTheTableMeanwhile(t *testing.T) {
	k := newFakeKernel(t)
	e := newEngine(k)
	set(t, e, k, tableOf(web(20, 21)))
	// A weight that somebody sets by hand stays until another is wanted.
	edited := k.services[web().Key]
	d := edited.destinations[ap("198.51.100.20:8080")]
	d.Weight = 0
	edited.destinations[d.Address] = d
	expect(t, "an edited weight", set(t, e, k, tableOf(web(20, 21))), "")

	// A destination that is gone is added when it changes, one that has come is edited.
	clear(edited.destinations)
	edited.destinations[ap("198.51.100.22:8080")] = table.Destination{Address: ap("198.51.100.22:8080")}
	want := web(20, 22)
	want.Destinations[0].Weight = 5
	expect(t, "gone and come", set(t, e, k, tableOf(want)), `
-e -t 192.0.2.1:80 -r 198.51.100.20:8080 -m -w 5
-a -t 192.0.2.1:80 -r 198.51.100.20:8080 -m -w 5
-a -t 192.0.2.1:80 -r 198.51.100.22:8080 -m -w 22
-e -t 192.0.2.1:80 -r 198.51.100.22:8080 -m -w 22
-d -t 192.0.2.1:80 -r 198.51.100.21:8080`)
	expect(t, "table", strings.TrimSpace(k.table().String()), strings.TrimSpace(tableOf(want).String()))

	// A service that is gone comes back whole.
	clear(k.services)
	expect(t, "an emptied table", set(t, e, k, tableOf(want)), `
-A -t 192.0.2.1:80 -s wrr
-a -t 192.0.2.1:80 -r 198.51.100.20:8080 -m -w 5
-a -t 192.0.2.1:80 -r 198.51.100.22:8080 -m -w 22`)

	// Also if it goes while it is being changed.
	k.meanwhile = func(line string) {
		if strings.HasPrefix(line, "-a") {
			clear(k.services)
			k.meanwhile = nil
		}
	}
	want = web(20, 22, 23)
	set(t, e, k, tableOf(want))
	expect(t, "table", strings.TrimSpace(k.table().String()), strings.TrimSpace(tableOf(want).String()))

	// And one that comes while it is being added is taken over.
	k = newFakeKernel(t)
	e = newEngine(k)
	k.meanwhile = func(line string) {
		if strings.HasPrefix(line, "-A") {
			k.place(tableOf(web(20)))
			k.meanwhile = nil
		}
	}
	set(t, e, k, tableOf(want))
	expect(t, "table", strings.TrimSpace(k.table().String()), strings.TrimSpace(tableOf(want).String()))
	k.meanwhile = nil
	expect(t, "removed", set(t, e, k, table.Table{}), "-D -t 192.0.2.1:80")
}

// What is refused is told with its name, hinders nothing else, and is tried again.
func TestRefusedRules(t *testing.T) {
	k := newFakeKernel(t)
	e := newEngine(k)
	k.fail = func(line string) error {
		switch {
		case strings.HasPrefix(line, "-A -u"), strings.HasPrefix(line, "-A -f"):
			return unix.ENOENT
		case strings.Contains(line, "198.51.100.21"):
			return unix.EINVAL
		}
		return nil
	}
	err := e.Set(tableOf(web(20, 21, 22), dns(), mark()))
	const want = `cannot add virtual server -t 192.0.2.1:80 real server 198.51.100.21:8080: invalid argument
cannot add virtual server -u [2001:db8::1]:53: the kernel has no scheduler sh (module ip_vs_sh): no such file or directory
cannot add virtual server -f 7 -6: the kernel has no scheduler wlc or no persistence engine sip (modules ip_vs_wlc, ip_vs_pe_sip): no such file or directory`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	expect(t, "table", strings.TrimSpace(k.table().String()), strings.TrimSpace(tableOf(web(20, 22)).String()))
	k.fail = nil
	k.changes()
	expect(t, "the second time", set(t, e, k, tableOf(web(20, 21, 22), dns(), mark())), `
-a -t 192.0.2.1:80 -r 198.51.100.21:8080 -m -w 21
-A -u [2001:db8::1]:53 -s sh -o -b sh-port
-a -u [2001:db8::1]:53 -r 192.0.2.9:53 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum -x 9 -y 5
-A -f 7 -6 -s wlc -p 90 -M 64 --pe sip
-a -f 7 -6 -r [2001:db8::9]:0 -g -w 2`)

	// A scheduler that is not there leaves the service as it is, with its destinations up to date.
	k.fail = func(line string) error {
		if strings.HasPrefix(line, "-E") {
			return unix.ENOENT
		}
		return nil
	}
	s := web(20)
	s.Scheduler = "twos"
	if err := e.Set(tableOf(s)); err == nil || !strings.Contains(err.Error(), "cannot edit virtual server -t 192.0.2.1:80: the kernel has no scheduler twos") {
		t.Errorf("error %v", err)
	}
	expect(t, "table", strings.TrimSpace(k.table().String()), strings.TrimSpace(tableOf(web(20)).String()))

	// What cannot be removed is tried again.
	k.fail = func(line string) error { return unix.EPERM }
	if err := e.Set(table.Table{}); !errors.Is(err, unix.EPERM) {
		t.Errorf("error %v", err)
	}
	k.fail = nil
	k.changes()
	expect(t, "removed", set(t, e, k, table.Table{}), "-D -t 192.0.2.1:80")
}

// keepalived has groups that share an address: their real servers are the service's together.
func TestOneKeyTwice(t *testing.T) {
	k := newFakeKernel(t)
	other := web(21, 20)
	other.Scheduler = "rr"
	other.Destinations[1].Weight = 1
	expect(t, "changes", set(t, newEngine(k), k, tableOf(web(20), other)), `
-A -t 192.0.2.1:80 -s wrr
-a -t 192.0.2.1:80 -r 198.51.100.20:8080 -m -w 20
-a -t 192.0.2.1:80 -r 198.51.100.21:8080 -m -w 21`)
}

// Whatever was before, the end is what is wanted, and a second time nothing is done.
func TestAnyOrderOfChangesEndsInTheSameTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	any := func() table.Table {
		var out table.Table
		for _, s := range []table.Service{web(), dns(), mark()} {
			if random.IntN(3) == 0 {
				continue
			}
			s.Scheduler = []string{"rr", "wrr", "mh"}[random.IntN(3)]
			var all []table.Destination
			for o := range byte(4) {
				if random.IntN(2) == 0 {
					all = append(all, table.Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, o}), 1),
						Weight: random.Uint32N(2), Method: table.Method(random.UintN(2) * 2)})
				}
			}
			s.Destinations = all
			out.Services = append(out.Services, s)
		}
		return out
	}
	k := newFakeKernel(t)
	e := newEngine(k)
	for range 500 {
		want := any()
		set(t, e, k, want)
		if got := k.table().String(); got != want.String() {
			t.Fatalf("\n%swant\n%s", got, want)
		}
		expect(t, "again", set(t, e, k, want), "")
	}
}

func TestStatsAndTable(t *testing.T) {
	k := newFakeKernel(t)
	k.place(tableOf(mark()))
	e := newEngine(k)
	set(t, e, k, tableOf(web(20), dns()))
	stats, err := e.Stats()
	if err != nil || len(stats) != 2 {
		t.Fatalf("%v, %v", stats, err)
	}
	for _, s := range stats {
		if s.Connections != 7 || len(s.Destinations) != 1 || s.Destinations[0].Active != 3 {
			t.Errorf("stats %+v", s)
		}
	}
	all, err := e.Table()
	if want := tableOf(web(20), dns(), mark()); err != nil || all.String() != want.String() {
		t.Errorf("%v, table\n%swant\n%s", err, all, want)
	}
	if err := e.Flush(); err != nil || len(k.services) != 0 {
		t.Errorf("%v, left %d", err, len(k.services))
	}
	k.changes()
	set(t, e, k, table.Table{})
	expect(t, "after flush", k.changes(), "")
}

func TestDaemons(t *testing.T) {
	k := newFakeKernel(t)
	e := newEngine(k)
	d := Daemon{Interface: "eth0", ID: 51, MaxLen: 1400, Port: 8849, TTL: 3, Group: netip.MustParseAddr("224.0.0.82")}
	roles := func(want string, r Role, d Daemon) {
		t.Helper()
		if err := e.SetDaemon(d, r); err != nil {
			t.Fatal(err)
		}
		expect(t, "changes", k.changes(), want)
		var got Role
		for role, is := range k.daemons {
			got |= role
			if !reflect.DeepEqual(is, d) {
				t.Errorf("runs as %+v", is)
			}
		}
		if got != r {
			t.Errorf("%v run, want %v", got, r)
		}
	}
	roles("--start-daemon", Backup, d)
	roles("", Backup, d)
	roles("--start-daemon\n--stop-daemon", Master, d)
	roles("--start-daemon", Both, d)
	d.ID = 7
	roles("--stop-daemon\n--start-daemon\n--stop-daemon\n--start-daemon", Both, d)
	roles("--stop-daemon\n--stop-daemon", None, d)

	// The kernel does not say that it has stopped one whose thread had not begun.
	roles("--start-daemon", Backup, d)
	k.silent = true
	roles("--stop-daemon", None, d)
}

// Time-outs that were set are again what they were at the end.
func TestTimeouts(t *testing.T) {
	k := newFakeKernel(t)
	before := k.timeouts
	e := newEngine(k)
	if err := e.SetTimeouts(Timeouts{UDP: 30 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if want := (Timeouts{before.TCP, before.TCPFIN, 30 * time.Second}); k.timeouts != want {
		t.Errorf("%v, want %v", k.timeouts, want)
	}
	if err := e.SetTimeouts(Timeouts{TCP: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if want := (Timeouts{time.Hour, before.TCPFIN, before.UDP}); k.timeouts != want {
		t.Errorf("%v, want %v", k.timeouts, want)
	}
	if err := e.Close(); err != nil || k.timeouts != before {
		t.Errorf("%v, %v, want %v", err, k.timeouts, before)
	}
}
