package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
)

// adverts returns the captured VRRP packets of a sender, from the IP header on, without Ethernet padding.
func adverts(c *lab.Capture) (list [][]byte) {
	for _, f := range c.Frames() {
		if len(f.Data) < 34 {
			continue
		}
		ip := f.Data[14:]
		switch binary.BigEndian.Uint16(f.Data[12:]) {
		case 0x0800:
			if ip[9] == 112 || ip[9] == 51 {
				list = append(list, ip[:binary.BigEndian.Uint16(ip[2:])])
			}
		case 0x86dd:
			if ip[6] == 112 {
				list = append(list, ip[:40+int(binary.BigEndian.Uint16(ip[4:]))])
			}
		}
	}
	return list
}

// life runs a speaker alone until it has sent some adverts, stops it, and returns all its packets.
func life(t *testing.T, k kind, ourOwn bool) (list [][]byte, pcap string) {
	t.Helper()
	n := newNetwork(t, 2)
	c, err := n.ports[1].Capture()
	check(t, err)
	defer c.Close()
	s := n.start(ourOwn, 1, k.conf(100, 1, 2))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	enough := func(count int, last func([]byte) bool) {
		t.Helper()
		if _, err := c.Wait(ctx, func(lab.Frame) bool {
			list = adverts(c)
			return len(list) >= count && (last == nil || last(list[len(list)-1]))
		}); err != nil {
			t.Fatalf("%d adverts: %v\n%s", len(list), err, s.log())
		}
	}
	enough(4, nil)
	s.stop()
	enough(5, func(b []byte) bool { return priority(b) == 0 })
	pcap = filepath.Join(t.TempDir(), "adverts.pcap")
	check(t, c.WriteFile(pcap))
	return list, pcap
}

// priority is the priority in a captured packet.
func priority(ip []byte) byte {
	switch {
	case ip[0]>>4 == 6:
		return ip[42]
	case ip[9] == 51:
		return ip[46]
	}
	return ip[22]
}

// Every packet of ours equals keepalived's for the same instance, byte for byte, from the first advert to the
// good-bye; and tshark finds nothing wrong with it.
func TestBytes(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			got, pcap := life(t, k, true)
			want, _ := life(t, k, false)
			// The good-bye comes after as many adverts as happened to fit before the stop: the identification and
			// the AH sequence in it say which. All before it are the same ones.
			same := min(len(got), len(want)) - 1
			for i := range same {
				if !bytes.Equal(withoutFlowLabel(got[i]), withoutFlowLabel(want[i])) {
					t.Errorf("advert %d:\nours       %x\nkeepalived %x", i+1, got[i], want[i])
				}
			}
			if len(got) == len(want) && !bytes.Equal(withoutFlowLabel(got[same]), withoutFlowLabel(want[same])) {
				t.Errorf("good-bye:\nours       %x\nkeepalived %x", got[same], want[same])
			}
			dissect(t, pcap)
		})
	}
}

// withoutFlowLabel is the packet without IPv6's flow label, which the kernel makes from the socket.
func withoutFlowLabel(ip []byte) []byte {
	if ip[0]>>4 == 6 {
		ip = bytes.Clone(ip)
		ip[1] &= 0xf0
		ip[2], ip[3] = 0, 0
	}
	return ip
}

// dissect asks tshark what it thinks of the packets.
func dissect(t *testing.T, pcap string) {
	t.Helper()
	path, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("tshark is not installed: packets not dissected")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-r", pcap, "-Y", "vrrp", "-T", "fields", "-e", "vrrp.checksum.status",
		"-e", "_ws.malformed", "-e", "_ws.expert.message", "-e", "vrrp.virt_rtr_id").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(out)) {
		lines++
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if f[0] != "1" && f[0] != "Good" || f[1] != "" || f[2] != "" || f[3] != "51" {
			t.Errorf("tshark: checksum status, malformed, expert, VRID: %s", fmt.Sprintf("%q", f))
		}
	}
	if lines < 5 {
		t.Errorf("tshark saw %d packets", lines)
	}
}
