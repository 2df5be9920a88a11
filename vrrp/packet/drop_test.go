package packet

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// One packet for every check: what is wrong with it, and what is said about it. All begin as the packet of
// keepalived that the instance accepts.
func TestDrops(t *testing.T) {
	tests := []struct {
		check  Check
		file   string
		change func(b []byte) []byte
		ours   func(s *Settings)
		want   string
	}{
		{CheckHeader, "v2-pass", func(b []byte) []byte { return b[:12] }, nil,
			"12 bytes are not an IPv4 packet"},
		{CheckHeader, "v2-pass", func(b []byte) []byte { return b[:24] }, nil,
			"192.168.200.7: 24 bytes are too short for a VRRP header"},
		{CheckVRID, "v2-pass", nil, func(s *Settings) { s.VRID = 52 },
			"192.168.200.7: VRID 51, ours 52"},
		{CheckInterval, "v3-ipv4", func(b []byte) []byte { b[24], b[25] = 0xf0, 0; return b }, nil,
			"192.168.200.7: interval 0 s"},
		{CheckAHHeader, "v2-ah", nil, func(s *Settings) { s.Auth = AuthPass },
			"192.168.200.7: has an AH header, our auth_type is PASS"},
		{CheckAHHeader, "v2-pass", nil, func(s *Settings) { s.Auth = AuthAH },
			"192.168.200.7: has no AH header, our auth_type is AH"},
		{CheckLength, "v2-pass", func(b []byte) []byte { return b[:len(b)-1] }, nil,
			"192.168.200.7: 39 bytes, 1 addresses need 40"},
		{CheckLength, "v2-pass", func(b []byte) []byte { b[23] = 9; return b }, nil,
			"192.168.200.7: 40 bytes, 9 addresses need 72"},
		{CheckTTL, "v2-pass", func(b []byte) []byte { b[8] = 254; return b }, nil,
			"192.168.200.7: TTL 254, must be 255"},
		{CheckVersion, "v2-pass", nil, func(s *Settings) { s.Version = V3; s.Auth = AuthNone },
			"192.168.200.7: VRRPv2, ours VRRPv3"},
		{CheckVersion, "v3-ipv4", nil, func(s *Settings) { s.Version, s.Interval = V2, time.Second },
			"192.168.200.7: VRRPv3, ours VRRPv2"},
		{CheckAuthType, "v2-pass", func(b []byte) []byte { b[24] = 7; return b }, nil,
			"192.168.200.7: unknown authentication type 7, ours PASS"},
		{CheckAuthMismatch, "v2-pass", nil, func(s *Settings) { s.Auth = AuthNone },
			"192.168.200.7: auth_type PASS, ours none"},
		{CheckPassword, "v2-pass", nil, func(s *Settings) { s.Key = key("2222") },
			"192.168.200.7: auth_pass differs from ours"},
		{CheckAHProtocol, "v2-ah", func(b []byte) []byte { b[20] = 6; return b }, nil,
			"192.168.200.7: AH header in front of protocol 6, not VRRP"},
		{CheckAHValue, "v2-ah", func(b []byte) []byte { b[46] = 200; return b }, nil,
			"192.168.200.7: AH integrity value is wrong: its auth_pass differs from ours, or it was changed on the way"},
		{CheckAHValue, "v2-ah", nil, func(s *Settings) { s.Key = key("secret98") },
			"192.168.200.7: AH integrity value is wrong: its auth_pass differs from ours, or it was changed on the way"},
		{CheckInterval, "v2-pass", nil, func(s *Settings) { s.Interval = 2 * time.Second },
			"192.168.200.7: interval 1 s, ours 2 s"},
		{CheckType, "v2-pass", func(b []byte) []byte { b[20] = 2<<4 | 2; return b }, nil,
			"192.168.200.7: VRRP type 2, must be 1 (advertisement)"},
		{CheckTotalLength, "v2-pass", func(b []byte) []byte { b[3]++; return b }, nil,
			"192.168.200.7: IPv4 total length 41, received 40 bytes"},
		{CheckChecksum, "v2-pass", func(b []byte) []byte { b[22]++; return b }, nil,
			"192.168.200.7: checksum 0x8dc0 is wrong"},
		{CheckChecksum, "v3-ipv4", func(b []byte) []byte { b[22]++; return b }, nil,
			"192.168.200.7: checksum 0x6465 is wrong"},
		{CheckChecksum, "v3-ipv6", func(b []byte) []byte { b[42]++; return b }, nil,
			"fe80::7: checksum 0x3b49 is wrong"},
		{CheckDestination, "v2-unicast", nil, func(s *Settings) { s.Peers = nil },
			"192.168.200.7: sent to 192.168.200.10, ours is a multicast instance"},
		{CheckDestination, "v2-pass", nil, func(s *Settings) { s.Peers = peers("192.168.200.7") },
			"192.168.200.7: sent to 224.0.0.18, ours is a unicast instance"},
		{CheckOwner, "v2-pass", nil, func(s *Settings) { s.IgnoreAsOwner = true },
			"192.168.200.7: ignored: ours is the owner of the addresses"},
		{CheckSource, "v2-unicast", nil, func(s *Settings) { s.Peers = peers("192.168.200.99"); s.CheckSource = true },
			"192.168.200.7: not one of the unicast peers"},
		{CheckPeerTTL, "v2-unicast", nil, func(s *Settings) {
			s.Peers = []Peer{{Addr: netip.MustParseAddr("192.168.200.7"), MinTTL: 60, MaxTTL: 64}}
			s.CheckSource = true
		}, "192.168.200.7: TTL 255 is not in 60 to 64"},
	}
	for _, tt := range tests {
		t.Run(tt.check.String()+" "+tt.file, func(t *testing.T) {
			s := settingsOf(t, tt.file)
			if tt.ours != nil {
				tt.ours(&s)
			}
			raw := packets(t, tt.file)[0]
			if tt.change != nil {
				raw = tt.change(raw)
			}
			b, meta := received(s.Family, raw)
			_, err := codec(t, s).Parse(b, meta, wall)
			var d *Drop
			if !errors.As(err, &d) {
				t.Fatalf("accepted: %v", err)
			}
			if d.Check != tt.check || d.Error() != tt.want {
				t.Errorf("got %v: %s\nwant %v: %s", d.Check, d, tt.check, tt.want)
			}
		})
	}
}

func settingsOf(t *testing.T, file string) Settings {
	for _, k := range captured {
		if k.file == file {
			return k.settings
		}
	}
	t.Fatalf("no settings for %s", file)
	panic("unreachable")
}

// The checks have an order: of two faults the earlier one is reported. RFC 3768, 7.1, as keepalived does it.
func TestCheckOrder(t *testing.T) {
	faults := []struct {
		check  Check
		change func(b []byte) []byte
	}{
		{CheckTTL, func(b []byte) []byte { b[8] = 1; return b }},
		{CheckVersion, func(b []byte) []byte { b[20] = 4<<4 | b[20]&0xf; return b[:32] }},
		{CheckAuthMismatch, func(b []byte) []byte { b[24] = 0; return b }},
		{CheckPassword, func(b []byte) []byte { b[len(b)-8]++; return b }},
		{CheckInterval, func(b []byte) []byte { b[25] = 3; return b }},
		{CheckType, func(b []byte) []byte { b[20] = b[20]&0xf0 | 3; return b }},
		{CheckTotalLength, func(b []byte) []byte { b[3] = 99; return b }},
		{CheckChecksum, func(b []byte) []byte { b[22] ^= 1; return b }},
	}
	for i, first := range faults {
		for _, second := range faults[i+1:] {
			b := packets(t, "v2-pass")[0]
			b = second.change(b)
			if first.check == CheckVersion && second.check == CheckPassword {
				continue // the shortened packet has no password
			}
			b = first.change(b)
			_, err := codec(t, settingsOf(t, "v2-pass")).Parse(b, Meta{}, wall)
			var d *Drop
			if !errors.As(err, &d) || d.Check != first.check {
				t.Errorf("%v and %v: got %v", first.check, second.check, err)
			}
		}
	}
}

// Ethernet padding, also with VLAN tags taken off, is no error. Any other surplus is.
func TestPadding(t *testing.T) {
	for extra, ok := range map[int]bool{0: true, 1: false, 2: true, 4: false, 5: false, 6: true, 7: false} {
		b := append(packets(t, "v2-pass")[0], make([]byte, extra)...)
		_, err := codec(t, settingsOf(t, "v2-pass")).Parse(b, Meta{}, wall)
		if (err == nil) != ok {
			t.Errorf("%d bytes of padding: %v", extra, err)
		}
	}
}

// A difference in the address list or in VRRPv3's interval is told and does not drop.
func TestDifferences(t *testing.T) {
	tests := []struct {
		file string
		ours func(*Settings)
		want Difference
		text string
	}{
		{"v2-pass", func(s *Settings) { s.Addresses = nil }, DiffersCount, "address count"},
		{"v2-pass", func(s *Settings) { s.Addresses = addrs("192.168.200.1") }, DiffersAddresses, "addresses"},
		{"v2-none", func(s *Settings) { s.Addresses = addrs("192.168.200.252", "192.168.200.253") }, 0, "none"},
		{"v3-ipv4", func(s *Settings) { s.Interval = time.Second; s.Addresses = s.Addresses[1:] },
			DiffersInterval | DiffersCount, "interval, address count"},
		{"v3-ipv6", func(s *Settings) { s.Addresses = addrs("fe80::254", "fe80::255") }, DiffersAddresses, "addresses"},
	}
	for _, tt := range tests {
		s := settingsOf(t, tt.file)
		tt.ours(&s)
		b, meta := received(s.Family, packets(t, tt.file)[0])
		adv, err := codec(t, s).Parse(b, meta, wall)
		if err != nil || adv.Differs != tt.want || adv.Differs.String() != tt.text {
			t.Errorf("%s: got %v, %v; want %v", tt.file, adv.Differs, err, tt.want)
		}
	}
}

// An AH packet is accepted once. A new master continues the sequence that it heard.
func TestAHReplay(t *testing.T) {
	c := codec(t, settingsOf(t, "v2-ah"))
	list := packets(t, "v2-ah")
	for _, b := range list {
		if _, err := c.Parse(b, Meta{}, wall); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.Parse(list[2], Meta{}, wall)
	var d *Drop
	if !errors.As(err, &d) || d.Check != CheckAHReplay || d.Text != "AH sequence number 7 already seen, last 7" {
		t.Fatalf("got %v", err)
	}
	c.Begin(source(""), 50, wall)
	if seq := binary.BigEndian.Uint32(c.Packet(GroupIPv4)[28:]); seq != 8 {
		t.Errorf("sequence %d after hearing 7", seq)
	}
}

// The security parameter index must be the sender: a rightly signed packet with another one is refused.
func TestAHIndex(t *testing.T) {
	s := settingsOf(t, "v2-ah")
	c := codec(t, s)
	c.Begin(source(""), 100, wall)
	b := c.Packet(GroupIPv4)
	b[24] ^= 1
	clear(b[32:44])
	copy(b[32:44], c.ah.value(b[:20], b[20:], false))
	_, err := codec(t, s).Parse(b, Meta{}, wall)
	var d *Drop
	if !errors.As(err, &d) || d.Check != CheckAHIndex {
		t.Fatalf("got %v", err)
	}
}

// A unicast instance that hears keepalived 1.3.6's checksum takes it, and sends it from then on.
func TestOldUnicastChecksumLearned(t *testing.T) {
	s := settingsOf(t, "v3-unicast")
	s.Peers = peers("192.168.200.10")
	old := s
	old.Checksum = ChecksumOldUnicast
	from, to := codec(t, old), codec(t, s)
	from.Begin(source(""), 100, wall)
	b := from.Packet(netip.MustParseAddr("192.168.200.10"))
	if _, err := to.Parse(b, Meta{}, wall); err != nil {
		t.Fatal(err)
	}
	to.Begin(source(""), 100, wall)
	if got := to.Packet(netip.MustParseAddr("192.168.200.10")); string(got) != string(b) {
		t.Errorf("sends\n%x, heard\n%x", got, b)
	}
	s.Checksum = ChecksumRFCOnly
	if _, err := codec(t, s).Parse(b, Meta{}, wall); err == nil {
		t.Error("accepted with old_unicast_checksum never")
	}
}

// The names of the checks are what metrics and logs use: none is missing, none is there twice.
func TestCheckNames(t *testing.T) {
	seen := map[string]bool{}
	for c := range Checks {
		if c.String() == "" || seen[c.String()] {
			t.Errorf("check %d has the name %q", c, c.String())
		}
		seen[c.String()] = true
	}
}
