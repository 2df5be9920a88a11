package packet

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

// FuzzParse feeds any bytes to an instance of each kind: nothing panics, reads beyond the packet or changes it, and
// what is accepted is what an encoder could have made.
func FuzzParse(f *testing.F) {
	for i, k := range captured {
		for _, b := range packets(f, k.file) {
			b, _ := received(k.settings.Family, b)
			f.Add(uint8(i), b)
		}
	}
	c, err := NewCodec(trailerSettings())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(len(captured)), advert(c, wall))
	src, dst := netip.MustParseAddr("fe80::7"), GroupIPv6
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		s := trailerSettings()
		if int(kind) < len(captured) {
			s = captured[kind].settings
		}
		c := codec(t, s)
		before := bytes.Clone(b)
		adv, err := c.Parse(b, Meta{Src: src, Dst: dst, HopLimit: 255}, wall)
		if !bytes.Equal(b, before) {
			t.Fatalf("changed: %x\nto %x", before, b)
		}
		Addresses(s.Family, b)
		vrid, ok := VRID(s.Family, b)
		if err != nil {
			if d, isDrop := err.(*Drop); !isDrop || d.Check >= Checks || d.Text == "" {
				t.Fatalf("not a drop with a reason: %#v", err)
			}
			return
		}
		if !ok || vrid != adv.VRID || adv.Version != s.Version || adv.Interval > 255*time.Second {
			t.Fatalf("accepted %x as %+v", b, adv)
		}
	})
}
