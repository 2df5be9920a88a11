package ipvs

import (
	"errors"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"

	"tandem/vserver/table"
)

// An address of a destination before Linux 3.18 has the family of its service.
func TestDestinationWithoutFamily(t *testing.T) {
	a := nl.NewRtAttr(attrDest, nil)
	a.AddRtAttr(destAddress, []byte{192, 0, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	a.AddRtAttr(destPort, nl.BEUint16Attr(80))
	if d, _, err := decodeDest(message(a), web().Key); err != nil || d.Address != ap("192.0.2.9:80") {
		t.Errorf("%v, %v", d, err)
	}
	if d, _, err := decodeDest(message(a), dns().Key); err != nil || d.Address != ap("[c000:209::]:80") {
		t.Errorf("%v, %v", d, err)
	}
}

// Kernels before 4.1 have counters of 32 bits.
func TestNarrowCounters(t *testing.T) {
	a := serviceAttr(web(), true)
	stats := a.AddRtAttr(svcStats, nil)
	stats.AddRtAttr(statConnections, nl.Uint32Attr(5))
	stats.AddRtAttr(statInBytes, nl.Uint64Attr(1<<40))
	_, c, err := decodeService(message(a))
	if want := (table.Counters{Connections: 5, InBytes: 1 << 40}); err != nil || c != want {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []table.Service{web(20), dns(), mark()} {
		f.Add(message(serviceAttr(s, true)))
		f.Add(message(destAttr(s.Destinations[0], true)))
	}
	f.Add(message(daemonAttr(Daemon{Interface: "eth0", MaxLen: 1}, 1, true)))
	f.Add(message(nl.NewRtAttr(attrTimeoutTCP, nl.Uint32Attr(9))))
	f.Add([]byte{0, 0, 0, 0, 255, 255, 1, 0})
	f.Add([]byte{0, 0, 0, 0, 6, 0, 1, 0, 0, 0}) // an attribute without what pads it
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, _, err := decodeService(data); err == nil {
			again, _, err := decodeService(message(serviceAttr(s, true)))
			if err != nil || !sameOptions(s, again) {
				t.Errorf("%+v comes back as %+v, %v", s, again, err)
			}
		}
		for _, k := range []table.Key{web().Key, dns().Key} {
			d, _, err := decodeDest(data, k)
			if err != nil {
				continue
			}
			again, _, err := decodeDest(message(destAttr(d, true)), k)
			if err != nil || !sameDestination(again, d) {
				t.Errorf("%+v comes back as %+v, %v", d, again, err)
			}
		}
		_, _, _ = decodeDaemon(data)
		_, _ = decodeTimeouts(data)
	})
}

// Without the module the error says which it is.
func TestWithoutIPVS(t *testing.T) {
	e, err := Open()
	if err == nil {
		_ = e.Close()
		t.Skip("this kernel has IPVS")
	}
	if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "module ip_vs") {
		t.Errorf("error %v", err)
	}
}
