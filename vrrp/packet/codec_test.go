package packet

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func key(s string) [8]byte {
	var k [8]byte
	copy(k[:], s)
	return k
}

func peers(list ...string) []Peer {
	var out []Peer
	for _, a := range addrs(list...) {
		out = append(out, Peer{Addr: a})
	}
	return out
}

// captured are the instances whose packets were captured from keepalived; each file in testdata names its own.
var captured = []struct {
	file     string
	settings Settings
	src      string
	// sent gives, for each packet in the file, which advert it was (keepalived counts the IP identification from 1
	// at start), its priority and its destination.
	sent []sent
}{
	{
		file: "v2-pass",
		settings: Settings{Version: V2, Family: IPv4, VRID: 51, Interval: time.Second,
			Addresses: addrs("192.168.200.254"), Auth: AuthPass, Key: key("1111")},
		sent: []sent{{1, 100, "224.0.0.18"}, {7, 0, "224.0.0.18"}},
	}, {
		file: "v2-none",
		settings: Settings{Version: V2, Family: IPv4, VRID: 52, Interval: 2 * time.Second,
			Addresses: addrs("192.168.200.253", "192.168.200.252")},
		sent: []sent{{1, 100, "224.0.0.18"}, {3, 0, "224.0.0.18"}},
	}, {
		file: "v2-ah",
		settings: Settings{Version: V2, Family: IPv4, VRID: 53, Interval: time.Second,
			Addresses: addrs("192.168.200.251"), Auth: AuthAH, Key: key("secret99")},
		sent: []sent{{1, 100, "224.0.0.18"}, {2, 100, "224.0.0.18"}, {7, 0, "224.0.0.18"}},
	}, {
		file: "v3-ipv4",
		settings: Settings{Version: V3, Family: IPv4, VRID: 54, Interval: 500 * time.Millisecond,
			Addresses: addrs("192.168.200.250", "192.168.200.249", "192.168.200.248")},
		sent: []sent{{1, 100, "224.0.0.18"}, {2, 100, "224.0.0.18"}, {16, 0, "224.0.0.18"}},
	}, {
		file: "v2-unicast",
		settings: Settings{Version: V2, Family: IPv4, VRID: 55, Interval: time.Second,
			Addresses: addrs("192.168.200.247"), Auth: AuthPass, Key: key("toolongpassword"),
			Peers: peers("192.168.200.10", "192.168.200.11")},
		sent: []sent{{1, 100, "192.168.200.10"}, {1, 100, "192.168.200.11"}, {7, 0, "192.168.200.10"}, {7, 0, "192.168.200.11"}},
	}, {
		file: "v3-unicast",
		settings: Settings{Version: V3, Family: IPv4, VRID: 56, Interval: time.Second,
			Addresses: addrs("192.168.200.246"), Peers: peers("192.168.200.10", "192.168.200.11")},
		sent: []sent{{1, 100, "192.168.200.10"}, {1, 100, "192.168.200.11"}, {7, 0, "192.168.200.10"}, {7, 0, "192.168.200.11"}},
	}, {
		file: "v3-ipv6",
		settings: Settings{Version: V3, Family: IPv6, VRID: 57, Interval: time.Second,
			Addresses: addrs("fe80::254", "2001:db8::254")},
		src:  "fe80::7",
		sent: []sent{{1, 100, "ff02::12"}, {7, 0, "ff02::12"}},
	}, {
		file: "v2-ah-unicast",
		settings: Settings{Version: V2, Family: IPv4, VRID: 58, Interval: time.Second,
			Addresses: addrs("192.168.200.245"), Auth: AuthAH, Key: key("1111"), Peers: peers("192.168.200.10")},
		sent: []sent{{1, 100, "192.168.200.10"}, {7, 0, "192.168.200.10"}},
	},
}

type sent struct {
	advert   int
	priority uint8
	dst      string
}

// packets reads the packets of a file in testdata.
func packets(t testing.TB, name string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func codec(t testing.TB, s Settings) *Codec {
	t.Helper()
	c, err := NewCodec(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// source is where the captured instance sent from.
func source(src string) netip.Addr {
	if src == "" {
		src = "192.168.200.7"
	}
	return netip.MustParseAddr(src)
}

// received splits a captured packet into what a socket delivers.
func received(f Family, b []byte) ([]byte, Meta) {
	if f == IPv4 {
		return b, Meta{}
	}
	src, _ := netip.AddrFromSlice(b[8:24])
	dst, _ := netip.AddrFromSlice(b[24:40])
	return b[40:], Meta{Src: src, Dst: dst, HopLimit: int(b[7])}
}

var wall = time.Unix(1_700_000_000, 250_000_000)

// Every packet of ours equals keepalived's for the same instance, byte for byte.
func TestEncodeEqualsKeepalived(t *testing.T) {
	for _, k := range captured {
		t.Run(k.file, func(t *testing.T) {
			c := codec(t, k.settings)
			n := 0
			for i, want := range packets(t, k.file) {
				for ; n < k.sent[i].advert; n++ {
					c.Begin(source(k.src), k.sent[i].priority, wall)
				}
				got := c.Packet(netip.MustParseAddr(k.sent[i].dst))
				want, _ := received(k.settings.Family, want)
				if !bytes.Equal(got, want) {
					t.Errorf("packet %d:\n got %x\nwant %x", i, got, want)
				}
			}
		})
	}
}

// keepalived's packets pass all checks of an instance that is configured like its peer.
func TestDecodeKeepalived(t *testing.T) {
	for _, k := range captured {
		t.Run(k.file, func(t *testing.T) {
			s := k.settings
			if len(s.Peers) > 0 {
				s.Peers = peers("192.168.200.7")
				s.CheckSource = true
			}
			c := codec(t, s)
			for i, raw := range packets(t, k.file) {
				b, meta := received(s.Family, raw)
				if s.Auth == AuthAH && i > 0 && k.sent[i].advert == k.sent[i-1].advert {
					continue // the copy for another peer
				}
				before := bytes.Clone(b)
				got, err := c.Parse(b, meta, wall)
				want := Advert{Source: source(k.src), VRID: s.VRID, Priority: k.sent[i].priority, Version: s.Version,
					Interval: s.Interval, Count: len(s.Addresses)}
				if err != nil || got != want {
					t.Errorf("packet %d: got %+v, %v\nwant %+v", i, got, err, want)
				}
				if !bytes.Equal(b, before) {
					t.Errorf("packet %d was changed", i)
				}
				if v, ok := VRID(s.Family, b); !ok || v != s.VRID {
					t.Errorf("VRID(packet %d) = %d, %v", i, v, ok)
				}
				list := Addresses(s.Family, b)
				for j, a := range s.Addresses {
					if list[j] != a {
						t.Errorf("Addresses(packet %d) = %v", i, list)
					}
				}
			}
		})
	}
}

// What one codec sends, its peer accepts: for the forms that no captured packet covers.
func TestRoundTrip(t *testing.T) {
	base := Settings{Version: V3, Family: IPv4, VRID: 9, Interval: 30 * time.Millisecond, Addresses: addrs("10.0.0.1", "10.0.0.2")}
	with := func(f func(*Settings)) Settings {
		s := base
		f(&s)
		return s
	}
	trailer := &Trailer{Keys: []TrailerKey{{ID: 3, Secret: bytes.Repeat([]byte("k"), 32)}}, Active: 3, Window: 5 * time.Second}
	for name, s := range map[string]Settings{
		"v3 30ms":         base,
		"no addresses":    with(func(s *Settings) { s.Addresses = nil }),
		"as v2":           with(func(s *Settings) { s.Checksum = ChecksumAsV2 }),
		"other group":     with(func(s *Settings) { s.Group = netip.MustParseAddr("224.0.0.81") }),
		"trailer":         with(func(s *Settings) { s.Trailer = trailer }),
		"old unicast":     with(func(s *Settings) { s.Checksum = ChecksumOldUnicast; s.Peers = peers("10.0.0.9") }),
		"trailer unicast": with(func(s *Settings) { s.Trailer = trailer; s.Peers = peers("10.0.0.9"); s.CheckSource = true }),
		"v2 trailer":      with(func(s *Settings) { s.Version = V2; s.Interval = time.Second; s.Trailer = trailer }),
		"v2 ipv6": with(func(s *Settings) {
			s.Version, s.Family, s.Interval, s.Addresses = V2, IPv6, time.Second, addrs("fe80::1")
		}),
		"ipv6 unicast":     with(func(s *Settings) { s.Family, s.Addresses, s.Peers = IPv6, addrs("fe80::1"), peers("fe80::9") }),
		"ipv6 trailer":     with(func(s *Settings) { s.Family, s.Addresses, s.Trailer = IPv6, addrs("fe80::1"), trailer }),
		"255 addresses":    with(func(s *Settings) { s.Addresses = many(255) }),
		"40.95 s interval": with(func(s *Settings) { s.Interval = 40950 * time.Millisecond }),
	} {
		t.Run(name, func(t *testing.T) {
			src := netip.MustParseAddr("10.0.0.9")
			if s.Family == IPv6 {
				src = netip.MustParseAddr("fe80::9")
			}
			from, to := codec(t, s), codec(t, s)
			for i := range 3 {
				from.Begin(src, 77, wall.Add(time.Duration(i)*s.Interval))
				for _, dst := range from.Destinations() {
					adv, err := to.Parse(from.Packet(dst), Meta{Src: src, Dst: dst, HopLimit: 255}, wall)
					want := Advert{Source: src, VRID: 9, Priority: 77, Version: s.Version, Interval: s.Interval, Count: len(s.Addresses)}
					if err != nil || adv != want {
						t.Fatalf("got %+v, %v\nwant %+v", adv, err, want)
					}
				}
				// An introduction is an advert in everything but its type.
				from.Introduce(src, 78, wall.Add(time.Duration(i)*s.Interval))
				for _, dst := range from.Destinations() {
					adv, err := to.Parse(from.Packet(dst), Meta{Src: src, Dst: dst, HopLimit: 255}, wall)
					if err != nil || !adv.Introduction || adv.Priority != 78 || adv.Source != src {
						t.Fatalf("introduction: got %+v, %v", adv, err)
					}
				}
			}
		})
	}
}

func many(n int) []netip.Addr {
	a := netip.MustParseAddr("10.1.0.1")
	var out []netip.Addr
	for range n {
		out = append(out, a)
		a = a.Next()
	}
	return out
}

// RFC 9568, 5.2.6 and 6.1: reserved bits are zero when sent, and ignored when received.
func TestReservedBitsIgnored(t *testing.T) {
	s := captured[3].settings
	b := packets(t, "v3-ipv4")[0]
	b[24] |= 0xf0
	b[26], b[27] = 0, 0
	m := message{src: source(""), dst: GroupIPv4}
	c := codec(t, s)
	sum := fold(sum(c.begin(m.src, m.dst, len(b)-20, false), b[20:]))
	b[26], b[27] = byte(sum>>8), byte(sum)
	adv, err := c.Parse(b, Meta{}, wall)
	if err != nil || adv.Interval != 500*time.Millisecond {
		t.Fatalf("got %v, %v", adv.Interval, err)
	}
}

func TestValidate(t *testing.T) {
	good := Settings{Version: V2, Family: IPv4, VRID: 1, Interval: time.Second}
	for want, f := range map[string]func(*Settings){
		"packet: VRRP version 4 is not 2 or 3":                                      func(s *Settings) { s.Version = 4 },
		"packet: address family 0 is not 4 or 6":                                    func(s *Settings) { s.Family = 0 },
		"packet: VRID 0 is not in 1 to 255":                                         func(s *Settings) { s.VRID = 0 },
		"packet: 256 addresses do not fit into an advert, 255 do":                   func(s *Settings) { s.Addresses = many(256) },
		"packet: VRRPv2 interval 1.5s is not a whole number of seconds in 1 to 255": func(s *Settings) { s.Interval = 1500 * time.Millisecond },
		"packet: VRRPv3 interval 41s is not a multiple of 10ms in 10ms to 40.95s":   func(s *Settings) { s.Version = V3; s.Interval = 41 * time.Second },
		"packet: PASS authentication belongs to VRRPv2 over IPv4":                   func(s *Settings) { s.Version = V3; s.Auth = AuthPass },
		"packet: PASS authentication and auth_hmac exclude each other":              func(s *Settings) { s.Auth = AuthPass; s.Trailer = &Trailer{} },
		"packet: address fe80::1 is not of family IPv4":                             func(s *Settings) { s.Addresses = addrs("fe80::1") },
		"packet: auth_hmac without a key":                                           func(s *Settings) { s.Trailer = &Trailer{} },
		"packet: auth_hmac key 1 has 3 bytes, not 32 to 64":                         func(s *Settings) { s.Trailer = &Trailer{Keys: []TrailerKey{{1, []byte("abc")}}} },
		"packet: auth_hmac active_key 7 is not one of the keys":                     func(s *Settings) { s.Trailer = &Trailer{Keys: []TrailerKey{{1, make([]byte, 32)}}, Active: 7} },
		"packet: auth_hmac key id 1 is there twice": func(s *Settings) {
			s.Trailer = &Trailer{Keys: []TrailerKey{{1, make([]byte, 32)}, {1, make([]byte, 32)}}}
		},
		"packet: auth_hmac key id 0 is not in 1 to 255": func(s *Settings) { s.Trailer = &Trailer{Keys: []TrailerKey{{0, make([]byte, 32)}}} },
	} {
		s := good
		f(&s)
		if _, err := NewCodec(s); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// Encoding and decoding in the steady state allocate nothing.
func TestNoAllocation(t *testing.T) {
	for _, k := range captured {
		from, to := codec(t, k.settings), codec(t, k.settings)
		src := source(k.src)
		dst := from.Destinations()[0]
		now := wall
		if n := testing.AllocsPerRun(100, func() {
			now = now.Add(k.settings.Interval)
			from.Begin(src, 100, now)
			if _, err := to.Parse(from.Packet(dst), Meta{Src: src, Dst: dst, HopLimit: 255}, now); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for an advert sent and received", k.file, n)
		}
	}
}
