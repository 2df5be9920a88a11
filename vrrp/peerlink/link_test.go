package peerlink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func freePort(t *testing.T) uint16 {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// node is a Link whose events are lines.
type node struct {
	*Link
	events chan string
}

func start(t *testing.T, name string, port uint16, key string, priority uint8) *node {
	n := &node{events: make(chan string, 64)}
	n.Link = Start(TCP{}, Events{
		Gone: func(i string, a netip.Addr, best bool, why string) {
			n.events <- fmt.Sprintf("gone %s %s best=%v: %s", i, a, best, why)
		},
		Peer: func(i string, a netip.Addr, info *Info) {
			if info == nil {
				n.events <- fmt.Sprintf("left %s", i)
				return
			}
			n.events <- fmt.Sprintf("peer %s %s %d %d", i, info.Node, info.Priority, len(info.Backups))
		},
		Handover: func(i string, a netip.Addr, h Handover) {
			n.events <- fmt.Sprintf("handover %s %s %s %d %v %s", i, a, h.Step, h.Bound, h.Hardware, h.Text)
		},
		Log: func(i, text string) { n.events <- fmt.Sprintf("log %s %s", i, text) },
	})
	t.Cleanup(n.Close)
	n.Tell("VI", Info{Node: name, Priority: priority, Digest: map[string]string{"nginx.conf": name}})
	// On one machine only the first can listen; the others only follow.
	_ = n.Configure([]Instance{{Name: "VI", VRID: 51, Key: []byte(key), Port: port}})
	return n
}

// until waits for an event that begins with text.
func (n *node) until(t *testing.T, text string) string {
	t.Helper()
	timeout := time.After(10 * time.Second)
	var seen []string
	for {
		select {
		case e := <-n.events:
			if strings.HasPrefix(e, text) {
				return e
			}
			seen = append(seen, e)
		case <-timeout:
			t.Fatalf("no %q, only %q", text, seen)
		}
	}
}

func TestMasterDies(t *testing.T) {
	port := freePort(t)
	master, backup := start(t, "m", port, "secret", 100), start(t, "b", port, "secret", 50)
	backup.Follow("VI", loopback)
	backup.until(t, "peer VI m 100")
	master.until(t, "peer VI b 50")
	peers := backup.Peers()
	if len(peers) != 1 || !peers[0].Master || fmt.Sprint(Differences(peers[0].Info.Digest, map[string]string{"nginx.conf": "b"})) != "[nginx.conf]" {
		t.Errorf("peers: %+v", peers)
	}
	master.Tell("VI", Info{Node: "m", Priority: 1, Health: "no answer"})
	backup.until(t, "peer VI m 1 ")
	master.Close()
	if got := backup.until(t, "gone"); got != "gone VI 127.0.0.1 best=true: its connection ended and a new one is refused" {
		t.Errorf("got %q", got)
	}
}

// The conversation about a handover goes both ways and keeps its order.
func TestHandover(t *testing.T) {
	port := freePort(t)
	master, backup := start(t, "m", port, "secret", 50), start(t, "b", port, "secret", 100)
	if err := backup.Send("VI", loopback, Handover{Step: Ask}); !errors.Is(err, ErrNoPeer) {
		t.Errorf("without a connection: %v", err)
	}
	backup.Follow("VI", loopback)
	backup.until(t, "peer VI m")
	master.until(t, "peer VI b")
	send := func(n *node, h Handover) {
		t.Helper()
		if err := n.Send("VI", loopback, h); err != nil {
			t.Fatal(err)
		}
	}
	send(backup, Handover{Step: Ask})
	master.until(t, "handover VI 127.0.0.1 ask 0 map[] ")
	send(master, Handover{Step: Prepare, Bound: 5000})
	send(master, Handover{Step: Take})
	backup.until(t, "handover VI 127.0.0.1 prepare 5000 map[] ")
	backup.until(t, "handover VI 127.0.0.1 take 0 map[] ")
	send(backup, Handover{Step: Ready, Hardware: map[netip.Addr]string{loopback: "02:00:00:00:00:01"}, Text: "here"})
	master.until(t, "handover VI 127.0.0.1 ready 0 map[127.0.0.1:02:00:00:00:00:01] here")
}

func TestBestOfFollowers(t *testing.T) {
	port := freePort(t)
	master := start(t, "m", port, "", 100)
	high, low := start(t, "high", port, "", 60), start(t, "low", port, "", 50)
	high.Follow("VI", loopback)
	low.Follow("VI", loopback)
	high.until(t, "peer VI m 100 2")
	low.until(t, "peer VI m 100 2")
	master.Close()
	if got := high.until(t, "gone"); !strings.Contains(got, "best=true") {
		t.Errorf("high: %q", got)
	}
	if got := low.until(t, "gone"); !strings.Contains(got, "best=false") {
		t.Errorf("low: %q", got)
	}
}

func TestAnotherProcessAnswers(t *testing.T) {
	port := freePort(t)
	master, backup := start(t, "m", port, "k", 100), start(t, "b", port, "k", 50)
	backup.Follow("VI", loopback)
	backup.until(t, "peer VI m")
	// The new process listens before the old one's connection ends.
	master.mu.Lock()
	_ = master.listeners[port].Close()
	delete(master.listeners, port)
	master.mu.Unlock()
	start(t, "m2", port, "k", 100)
	master.Close()
	if got := backup.until(t, "gone"); !strings.Contains(got, "another process") {
		t.Errorf("got %q", got)
	}
}

func TestWrongPassword(t *testing.T) {
	port := freePort(t)
	master, backup := start(t, "m", port, "right", 100), start(t, "b", port, "wrong", 50)
	backup.Follow("VI", loopback)
	if got := backup.until(t, "log"); !strings.Contains(got, "does not know the password") {
		t.Errorf("got %q", got)
	}
	master.Close()
	if len(backup.Peers()) != 0 {
		t.Error("a stranger is a peer")
	}
}

// A node that never had a link gives no proof when it cannot be reached.
func TestNoLinkNoProof(t *testing.T) {
	backup := start(t, "b", freePort(t), "", 50)
	f := &follower{link: backup.Link, instance: &Instance{Name: "VI", Port: 1}, master: loopback}
	if gone, _ := f.once(t.Context()); gone {
		t.Error("a refused first connection is taken for a death")
	}
}

func TestStrangersAreDropped(t *testing.T) {
	port := freePort(t)
	master := start(t, "m", port, "k", 100)
	for _, text := range []string{"\n", "{}\n", "GET / HTTP/1.0\r\n\r\n", `{"hello":{"protocol":9}}` + "\n", `{"hello":{"protocol":1,"vrid":7}}` + "\n", strings.Repeat("x", 2*maxMessage)} {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = c.Write([]byte(text))
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("%.30q: answered with %d bytes", text, n)
		}
		_ = c.Close()
	}
	if len(master.Peers()) != 0 {
		t.Error("a stranger is a peer")
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"hello":{"protocol":1,"vrid":51,"process":"a","nonce":"b"}}`))
	f.Add([]byte(`{"info":{"node":"a","priority":100,"backups":[{"addr":"192.0.2.1","priority":50}]}}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if m, err := parseMessage(b); err == nil && m.Info != nil {
			Differences(m.Info.Digest, nil)
		}
	})
}
