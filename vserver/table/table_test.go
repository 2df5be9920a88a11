package table

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var ap = netip.MustParseAddrPort

// example has every kind of rule, in no order.
func example() Table {
	return Table{Services: []Service{
		{Key: Key{Mark: 7}, Scheduler: "mh", Flags: HashFallback | HashPort},
		{Key: Key{Mark: 7, IPv6: true}, Scheduler: "wrr", Flags: Sched1 | Sched3},
		{Key: Key{Protocol: UDP, Address: ap("192.0.2.1:53")}, Scheduler: "rr", Flags: OnePacket,
			Destinations: []Destination{{Address: ap("192.0.2.30:53"), Method: DirectRouting, Weight: 1, Upper: 9, Lower: 3}}},
		{Key: Key{Protocol: TCP, Address: ap("[2001:db8::1]:80")}, Scheduler: "sh", Flags: HashPort, Persistence: time.Minute, Mask: 64,
			Destinations: []Destination{
				{Address: ap("192.0.2.21:80"), Method: Tunneling, Weight: 3, Tunnel: Tunnel{Type: GUE, Port: 6080, Checksum: RemoteChecksum}},
				{Address: ap("192.0.2.20:80"), Method: Tunneling, Weight: 2, Tunnel: Tunnel{Type: GRE, Checksum: WithChecksum}},
				{Address: ap("192.0.2.19:80"), Method: Tunneling}}},
		{Key: Key{Protocol: TCP, Address: ap("192.0.2.1:5060")}, Scheduler: "wlc", Persistence: 1500 * time.Millisecond, Mask: 0xffffff00, PersistenceEngine: "sip",
			Destinations: []Destination{{Address: ap("192.0.2.10:8080"), Weight: 65535}, {Address: ap("192.0.2.9:8080")}}},
		{Key: Key{Protocol: SCTP, Address: ap("192.0.2.1:1")}, Scheduler: "lc"},
	}}
}

const exampleRules = `-A -t 192.0.2.1:5060 -s wlc -p 2 -M 255.255.255.0 --pe sip
-a -t 192.0.2.1:5060 -r 192.0.2.9:8080 -m -w 0
-a -t 192.0.2.1:5060 -r 192.0.2.10:8080 -m -w 65535
-A -u 192.0.2.1:53 -s rr -o
-a -u 192.0.2.1:53 -r 192.0.2.30:53 -g -w 1 -x 9 -y 3
-A --sctp-service 192.0.2.1:1 -s lc
-A -t [2001:db8::1]:80 -s sh -p 60 -M 64 -b sh-port
-a -t [2001:db8::1]:80 -r 192.0.2.19:80 -i -w 0 --tun-type ipip
-a -t [2001:db8::1]:80 -r 192.0.2.20:80 -i -w 2 --tun-type gre --tun-csum
-a -t [2001:db8::1]:80 -r 192.0.2.21:80 -i -w 3 --tun-type gue --tun-port 6080 --tun-remcsum
-A -f 7 -s mh -b mh-fallback,mh-port
-A -f 7 -6 -s wrr -b flag-1,flag-3
`

func TestRulesAreThoseOfIpvsadm(t *testing.T) {
	if got := example().String(); got != exampleRules {
		t.Errorf("got\n%swant\n%s", got, exampleRules)
	}
}

// A copy in order leaves the table alone, and shares nothing with it.
func TestSortedIsACopy(t *testing.T) {
	a := example()
	b := a.Sorted()
	b.Services[0].Destinations[0].Weight = 77
	if a.Services[0].Mark != 7 || strings.Contains(a.String(), "77") {
		t.Errorf("the table has changed:\n%s", a)
	}
}

func TestFakeRefusesRules(t *testing.T) {
	no := errors.New("no such scheduler")
	f := &Fake{Fail: func(line string) error {
		if strings.Contains(line, "-s mh") || strings.Contains(line, "-r 192.0.2.9:") {
			return no
		}
		return nil
	}}
	err := f.Set(example())
	const want = "cannot add virtual server -t 192.0.2.1:5060 real server 192.0.2.9:8080: no such scheduler\ncannot add virtual server -f 7: no such scheduler"
	if err == nil || err.Error() != want || !errors.Is(err, no) {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := f.String(); strings.Contains(got, "-s mh") || strings.Contains(got, "192.0.2.9:") || !strings.Contains(got, "-r 192.0.2.10:8080") {
		t.Errorf("in force:\n%s", got)
	}
}
