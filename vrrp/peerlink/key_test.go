package peerlink

import (
	"errors"
	"strings"
	"testing"
)

func secret(b byte) func(*Instance) {
	return func(i *Instance) { i.Key = NewKey([SecretLen]byte{b}) }
}

// Who has no key, or another one, is refused and told nothing; both sides say so.
func TestKeys(t *testing.T) {
	for name, c := range map[string]struct {
		master, backup []func(*Instance)
		log            string
	}{
		"another key":           {[]func(*Instance){secret(1)}, []func(*Instance){secret(2)}, "its peer_key differs from ours"},
		"the backup without":    {[]func(*Instance){secret(1)}, nil, "it has a peer_key, and this node has none"},
		"the master without it": {nil, []func(*Instance){secret(1)}, "it has no peer_key, and this node has one"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSegment(t)
			master, backup := w.start(t, "m", addrA, c.master...), w.start(t, "b", addrB, c.backup...)
			backup.follow(t, master)
			if got := backup.until(t, "log"); !strings.Contains(got, c.log) {
				t.Errorf("got %q", got)
			}
			master.untilRefused(t, keyless, 1)
			if len(backup.Sessions())+len(master.Sessions()) != 0 {
				t.Error("a stranger is a peer")
			}
		})
	}
}

// A node that is led to itself, by somebody between who passes everything on, does
// not take itself for its peer.
func TestReflected(t *testing.T) {
	a := opening{Process: "aa", VRID: 51, From: addrA, To: addrB}
	back := opening{Process: "aa", VRID: 51, From: addrB, To: addrA}
	if err := a.check(back); !errors.Is(err, errSelf) {
		t.Errorf("itself: %v", err)
	}
	back.Process = "bb"
	if err := a.check(back); err != nil {
		t.Errorf("another one: %v", err)
	}
	back.From = addrC
	if err := a.check(back); !errors.Is(err, errRelayed) {
		t.Errorf("from elsewhere: %v", err)
	}
	back.From, back.VRID = addrB, 52
	if err := a.check(back); !errors.Is(err, errRelayed) {
		t.Errorf("of another instance: %v", err)
	}
}
