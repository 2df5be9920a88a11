package packet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"
)

func trailerSettings() Settings {
	secret, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	return Settings{Version: V3, Family: IPv4, VRID: 51, Interval: time.Second, Addresses: addrs("192.168.200.254"),
		Trailer: &Trailer{Keys: []TrailerKey{{1, secret}, {2, bytes.Repeat([]byte{2}, 64)}}, Active: 1, Window: 5 * time.Second}}
}

func dropped(err error) Check {
	var d *Drop
	if errors.As(err, &d) {
		return d.Check
	}
	return Checks
}

func advert(c *Codec, now time.Time) []byte {
	c.Begin(source(""), 100, now)
	return bytes.Clone(c.Packet(GroupIPv4))
}

func TestTrailerMode(t *testing.T) {
	signed := advert(codec(t, trailerSettings()), wall)
	plain := trailerSettings()
	plain.Trailer = nil
	unsigned := advert(codec(t, plain), wall)
	for _, tt := range []struct {
		mode TrailerMode
		b    []byte
		want Check
		text string
	}{
		{TrailerEnforce, signed, Checks, "enforce"},
		{TrailerEnforce, unsigned, CheckTrailerMissing, "enforce"},
		{TrailerPermissive, signed, Checks, "permissive"},
		{TrailerPermissive, unsigned, Checks, "permissive"},
		{TrailerReceiveOnly, signed, Checks, "receive-only"},
		{TrailerReceiveOnly, unsigned, Checks, "receive-only"},
	} {
		s := trailerSettings()
		s.Trailer.Mode = tt.mode
		c := codec(t, s)
		if _, err := c.Parse(tt.b, Meta{}, wall); dropped(err) != tt.want {
			t.Errorf("%v: %v", tt.mode, err)
		}
		if tt.mode.String() != tt.text {
			t.Errorf("%v is not %s", tt.mode, tt.text)
		}
		if signs := len(advert(c, wall)) == len(signed); signs == (tt.mode == TrailerReceiveOnly) {
			t.Errorf("%v signs: %v", tt.mode, signs)
		}
	}
}

func TestTrailerDrops(t *testing.T) {
	at := 32 // the trailer begins behind IPv4 header, VRRP header and one address
	for name, tt := range map[string]struct {
		change func(b []byte)
		ours   func(s *Settings)
		now    time.Time
		want   Check
	}{
		"right":          {nil, nil, wall, Checks},
		"scheme":         {func(b []byte) { b[at] = 2 }, nil, wall, CheckTrailerFormat},
		"reserved":       {func(b []byte) { b[at+3] = 1 }, nil, wall, CheckTrailerFormat},
		"late":           {nil, nil, wall.Add(6 * time.Second), CheckTrailerStale},
		"early":          {nil, nil, wall.Add(-6 * time.Second), CheckTrailerStale},
		"at the edge":    {nil, nil, wall.Add(5 * time.Second), Checks},
		"no clock":       {nil, func(s *Settings) { s.Trailer.Window = 0 }, wall.Add(time.Hour), Checks},
		"unknown key":    {func(b []byte) { b[at+1] = 9 }, nil, wall, CheckTrailerKey},
		"other key":      {func(b []byte) { b[at+1] = 2 }, nil, wall, CheckTrailerHMAC},
		"priority":       {func(b []byte) { b[22] = 255 }, nil, wall, CheckTrailerHMAC},
		"source":         {func(b []byte) { b[15]++ }, nil, wall, CheckTrailerHMAC},
		"checksum":       {func(b []byte) { b[26]++ }, nil, wall, CheckChecksum},
		"VRID":           {func(b []byte) { b[21] = 52 }, func(s *Settings) { s.VRID = 52 }, wall, CheckTrailerHMAC},
		"not a peer":     {nil, func(s *Settings) { s.Peers = peers("10.0.0.1") }, wall, CheckTrailerSource},
		"of a peer":      {nil, func(s *Settings) { s.Peers = peers("192.168.200.7") }, wall, CheckDestination},
		"no trailer":     {nil, func(s *Settings) { s.Trailer = nil }, wall, CheckLength},
		"sequence moved": {func(b []byte) { b[at+11]++ }, nil, wall, CheckTrailerHMAC},
	} {
		t.Run(name, func(t *testing.T) {
			b := advert(codec(t, trailerSettings()), wall)
			if tt.change != nil {
				tt.change(b)
			}
			s := trailerSettings()
			if tt.ours != nil {
				tt.ours(&s)
			}
			if _, err := codec(t, s).Parse(b, Meta{}, tt.now); dropped(err) != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// A packet counts once, within one time the counter grows, and a sender whose clock was set back is heard again as
// soon as its old times are outside of the window.
func TestTrailerSequence(t *testing.T) {
	from, to := codec(t, trailerSettings()), codec(t, trailerSettings())
	first := advert(from, wall)
	second := advert(from, wall) // the clock stands still
	for i, tt := range []struct {
		b    []byte
		want Check
	}{{first, Checks}, {second, Checks}, {first, CheckTrailerReplay}, {second, CheckTrailerReplay}} {
		if _, err := to.Parse(tt.b, Meta{}, wall); dropped(err) != tt.want {
			t.Errorf("packet %d: %v", i, err)
		}
	}
	back := wall.Add(-time.Hour)
	if _, err := to.Parse(advert(from, back), Meta{}, back); err != nil {
		t.Errorf("after the clocks were set back: %v", err)
	}
	skewed, err := to.Parse(advert(from, wall), Meta{}, wall.Add(3*time.Second))
	if err != nil || skewed.Differs != DiffersClock {
		t.Errorf("3 s away with a window of 5 s: %v, %v", skewed.Differs, err)
	}
}

// After a reload the sequence goes on.
func TestInherit(t *testing.T) {
	from, to := codec(t, trailerSettings()), codec(t, trailerSettings())
	if _, err := to.Parse(advert(from, wall), Meta{}, wall); err != nil {
		t.Fatal(err)
	}
	next := codec(t, trailerSettings())
	next.Inherit(from)
	b := advert(next, wall.Add(-time.Second))
	if _, err := to.Parse(b, Meta{}, wall); err != nil {
		t.Errorf("after a reload: %v", err)
	}
	if id := b[5]; id != 2 {
		t.Errorf("IP identification %d, want 2", id)
	}
}

// The sequence survives the end of the 32-bit seconds in 2106.
func TestTrailerWrap(t *testing.T) {
	end := time.Unix(1<<32-1, 0)
	from, to := codec(t, trailerSettings()), codec(t, trailerSettings())
	for i := range 4 {
		now := end.Add(time.Duration(i) * time.Second)
		if _, err := to.Parse(advert(from, now), Meta{}, now); err != nil {
			t.Errorf("%d s after the end: %v", i-1, err)
		}
	}
}

// Five multicast senders share four entries; forged ones cannot push out the real ones.
func TestTrailerSenders(t *testing.T) {
	to := codec(t, trailerSettings())
	first := advert(codec(t, trailerSettings()), wall)
	if _, err := to.Parse(first, Meta{}, wall); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		forged := bytes.Clone(first)
		forged[15] = byte(i + 100)
		if _, err := to.Parse(forged, Meta{}, wall); dropped(err) != CheckTrailerHMAC {
			t.Fatal(err)
		}
	}
	if _, err := to.Parse(first, Meta{}, wall); dropped(err) != CheckTrailerReplay {
		t.Errorf("the sender was forgotten: %v", err)
	}
}

// The bytes of a signed packet, computed beforehand with another implementation of HMAC-SHA256 (Python's hmac module).
func TestTrailerBytes(t *testing.T) {
	got := advert(codec(t, trailerSettings()), wall)[20:]
	want := "3133640100647780c0a8c8fe010100006553f1004000000030127414ad00f6b28e8cb9ebd5eebff8"
	if hex.EncodeToString(got) != want {
		t.Errorf("got %x\nwant %s", got, want)
	}
}
