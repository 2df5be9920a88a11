package peerlink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dial connects from one address to another.
func (w *segment) dial(t *testing.T, from, to netip.Addr, ttl int) (Conn, error) {
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	return TCP{}.Dial(ctx, Place{iface, from, w.port}, to, Hops{TTL: ttl})
}

// raw connects to a node from an address, past all that a Link does.
func (w *segment) raw(t *testing.T, from netip.Addr, to *node, ttl int) net.Conn {
	t.Helper()
	c, err := w.dial(t, from, to.addr, ttl)
	if errors.Is(err, syscall.ECONNRESET) {
		return closed{}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// closed is a connection that ended before its opener could notice.
type closed struct{ net.Conn }

func (closed) Read([]byte) (int, error)  { return 0, syscall.ECONNRESET }
func (closed) Write([]byte) (int, error) { return 0, syscall.ECONNRESET }
func (closed) Close() error              { return nil }

// silent fails the test if a connection is answered with anything but its end.
func silent(t *testing.T, what string, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: answered, or kept: %v", what, err)
	}
}

// Who is not heard in VRRP is closed at once, whatever it says or does not say.
func TestStrangers(t *testing.T) {
	w := newSegment(t)
	master := w.start(t, "m", addrA)
	w.air.speak(addrB)
	for k, text := range []string{"", "\n", hello{version, linkID{51, false}, false}.String(), "GET / HTTP/1.0\r\n\r\n"} {
		c := w.raw(t, addrC, master, hopLimit)
		_, _ = c.Write([]byte(text))
		silent(t, fmt.Sprintf("%.30q", text), c)
		master.untilRefused(t, strangers, uint64(k+1))
	}
	// As does one that was heard long ago.
	w.air.mu.Lock()
	w.air.heard[addrB] = time.Now().Add(-heardWithin)
	w.air.mu.Unlock()
	silent(t, "heard long ago", w.raw(t, addrB, master, hopLimit))
	if len(master.Sessions()) != 0 {
		t.Error("a stranger is a peer")
	}
}

// Hundreds of connections that strangers open and hold do not keep the peer out.
func TestStrangersHoldNoPlaces(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA), w.start(t, "b", addrB)
	for i := range 2 * maxSessions {
		w.raw(t, netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}), master, hopLimit)
	}
	backup.follow(t, master)
	master.until(t, "peer VI b")
	master.untilRefused(t, strangers, 2*maxSessions)
}

// Nor do those of one node that speaks: its silent connections end in time, and
// there are not many of them.
func TestSilentSpeaker(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA), w.start(t, "b", addrB)
	w.air.speak(addrC)
	for range 3 * maxOfOne {
		w.raw(t, addrC, master, hopLimit)
	}
	master.untilRefused(t, tooMany, 2*maxOfOne)
	backup.follow(t, master)
	master.until(t, "peer VI b")
	// Slow bytes do not make it longer.
	slow := netip.MustParseAddr("127.0.0.74")
	w.air.speak(slow)
	c := w.raw(t, slow, master, hopLimit)
	begun := time.Now()
	for time.Since(begun) < 3*greetTimeout {
		if _, err := c.Write([]byte("t")); err != nil {
			break
		}
		time.Sleep(greetTimeout / 20)
	}
	if took := time.Since(begun); took < greetTimeout || took > 2*greetTimeout {
		t.Errorf("it could go on for %v", took)
	}
}

// A node that speaks and says nonsense, or a word that is not its part, causes
// nothing but the end of its connection.
func TestSpeakerThatLies(t *testing.T) {
	w := newSegment(t)
	master := w.start(t, "m", addrA)
	w.air.speak(addrC)
	connect := func() (net.Conn, *bufio.Reader) {
		c := w.raw(t, addrC, master, hopLimit)
		r := bufio.NewReader(c)
		_, _ = c.Write([]byte(hello{version, linkID{51, false}, false}.String()))
		line, err := r.ReadString('\n')
		if err != nil || parseVerdict(line) != nil {
			t.Fatalf("%q, %v", line, err)
		}
		return c, r
	}
	for _, text := range []string{
		"\n", "{}\n", "[1]\n", `{"opening":{}}` + "\n", strings.Repeat("[", 400) + "\n", strings.Repeat("x", maxOpening+4096),
		`{"opening":{"process":"ab","vrid":51,"from":"127.0.0.71","to":"127.0.0.71"}}` + "\n",
		`{"opening":{"process":"ab\u001b[2J","vrid":51,"from":"127.0.0.73","to":"127.0.0.71"}}` + "\n",
		`{"info":{"node":"c"}}` + "\n" + `{"handover":{"step":"take"}}` + "\n",
	} {
		c, r := connect()
		_, _ = c.Write([]byte(text))
		if rest, err := r.ReadString('\n'); err == nil {
			t.Errorf("%.60q: answered %q", text, rest)
		}
		_ = c.Close()
	}
	good := `{"opening":{"process":"ab","vrid":51,"from":"127.0.0.73","to":"127.0.0.71"}}` + "\n"
	c, _ := connect()
	_, _ = c.Write([]byte(good + `{"info":{"node":"c\u001b[2J\n","handover":true}}` + "\n" +
		`{"handover":{"step":"take"}}` + "\n" + `{"handover":{"step":"prepare","bound":9000000000000000000}}` + "\n" +
		`{"handover":{"step":"cancel"}}` + "\n" + `{"handover":{"step":"refuse","text":"x"}}` + "\n" + `{"handover":{"step":"nonsense"}}` + "\n" +
		`{"handover":{"step":"ready","hardware":{"127.0.0.71":"02:00:00:00:00:09"}}}` + "\n" + `{"info":{"node":"end"}}` + "\n"))
	master.until(t, "peer VI c?[2J? ")
	for e := master.until(t, ""); !strings.HasPrefix(e, "peer VI end"); e = master.until(t, "") {
		if strings.HasPrefix(e, "handover") {
			t.Errorf("a backup that was not asked is heard: %q", e)
		}
	}
	// A second connection of the same node takes the first one's place.
	c2, _ := connect()
	_, _ = c2.Write([]byte(good + `{"info":{"node":"again"}}` + "\n"))
	master.until(t, "peer VI again")
	for end := time.Now().Add(10 * time.Second); len(master.Sessions()) != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d sessions", len(master.Sessions()))
		}
	}
	_, _ = c2.Write([]byte(strings.Repeat(`{"info":{"node":"loud"}}`+"\n", 3*burst)))
	master.untilRefused(t, tooLoud, 1)
	master.until(t, "left VI")
	for len(master.events) > 0 {
		if e := <-master.events; strings.HasPrefix(e, "left") {
			t.Errorf("the node left once, but %q came again", e)
		}
	}
}
