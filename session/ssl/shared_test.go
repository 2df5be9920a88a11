package ssl

import (
	"crypto/tls"
	"path/filepath"
	"testing"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
)

// Connections share their settings until a certificate or what is stapled to it
// changes, or that ends.
func TestSharedConfig(t *testing.T) {
	p := &place{t: t, cert: filepath.Join(t.TempDir(), "a.pem"), key: filepath.Join(t.TempDir(), "a.key"), now: time.Now()}
	p.put(p.issue("first.test", -time.Hour))
	l, err := new(store).open(new(pki.Files), nc.Pos{}, p.cert, p.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	st := &stapler{live: l}
	c := &settings{config: &tls.Config{}, live: []*live{l}, staplers: []*stapler{st}, sessions: &sessions{tickets: true}}
	var last *tls.Config
	expect := func(what string, changed bool, name, staple string) {
		t.Helper()
		got := c.sharedConfig(p.now)
		if (got != last) != changed || got.Certificates[0].Leaf.DNSNames[0] != name || string(got.Certificates[0].OCSPStaple) != staple {
			t.Errorf("%s: others %t, %s, %q", what, got != last, got.Certificates[0].Leaf.DNSNames[0], got.Certificates[0].OCSPStaple)
		}
		last = got
	}
	expect("first", true, "first.test", "")
	expect("again", false, "first.test", "")
	st.now.Store(&staple{leaf: l.now.Load().Leaf, der: []byte("good"), until: p.now.Add(time.Minute)})
	expect("stapled", true, "first.test", "good")
	p.now = p.now.Add(time.Minute)
	expect("at the end", false, "first.test", "good")
	p.now = p.now.Add(time.Second)
	expect("after the end", true, "first.test", "")
	st.now.Store(&staple{leaf: l.now.Load().Leaf, der: []byte("for good")})
	expect("stapled for good", true, "first.test", "for good")
	p.put(p.issue("second.test", 0))
	pair, err := pki.LoadPair(p.cert, p.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.now.Store(&pair)
	expect("another certificate", true, "second.test", "")
	expect("another certificate again", false, "second.test", "")
}
