package ssl

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"tandem/session"
)

// selfSigned is a certificate for a test's server.
func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(1000 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// patient is a connection whose writer does not wait for the other side to read.
type patient struct {
	net.Conn
	out chan []byte
}

func newPatient(c net.Conn) *patient {
	p := &patient{c, make(chan []byte, 100)}
	go func() {
		for b := range p.out {
			_, _ = c.Write(b)
		}
	}()
	return p
}

func (p *patient) Write(b []byte) (int, error) {
	p.out <- append([]byte(nil), b...)
	return len(b), nil
}

func (p *patient) Close() error {
	close(p.out)
	return p.Conn.Close()
}

// oneClient is a client that offers the session it got last.
type oneClient struct {
	version uint16
	state   *tls.ClientSessionState
}

func (c *oneClient) Get(string) (*tls.ClientSessionState, bool)  { return c.state, c.state != nil }
func (c *oneClient) Put(_ string, state *tls.ClientSessionState) { c.state = state }

// connect makes a connection to a server with these sessions and reports whether
// one was resumed, and its name.
func (c *oneClient) connect(t *testing.T, s *sessions, cert tls.Certificate) (resumed bool, id string) {
	t.Helper()
	one, other := net.Pipe()
	near, far := newPatient(one), newPatient(other)
	var note session.Secured
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	s.name(&note)
	if s.share(config, &tls.ClientHelloInfo{SupportedVersions: []uint16{c.version}}) {
		s.attachShared(config)
	} else {
		s.attach(config, &note)
	}
	server := tls.Server(far, config)
	done := make(chan error, 1)
	go func() {
		err := server.Handshake()
		if err == nil {
			_, err = server.Write([]byte("x"))
		}
		done <- err
	}()
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: "x", MinVersion: c.version, MaxVersion: c.version, ClientSessionCache: c})
	if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	_, _ = near.Close(), far.Close()
	return client.ConnectionState().DidResume, hex.EncodeToString(note.SessionID)
}

// Sessions are resumed by tickets or from a cache for as long as they may live,
// by servers of the same context only, and by none that has neither.
func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, c := range map[string]struct {
			s       *sessions
			resumes bool
			age     time.Duration
		}{
			"tickets":           {&sessions{life: time.Hour, tickets: true}, true, time.Minute},
			"tickets, next key": {&sessions{life: time.Hour, tickets: true}, true, time.Hour - time.Second},
			"tickets, too old":  {&sessions{life: time.Hour, tickets: true}, false, time.Hour},
			"own keys":          {&sessions{life: time.Hour, tickets: true, own: &ticketKeys{keys: []*ticketKey{newTicketKey([]byte("name"), make([]byte, 32))}}}, true, time.Minute},
			"cache":             {&sessions{life: time.Hour, cache: newSessionCache(10)}, true, time.Minute},
			"cache, too old":    {&sessions{life: time.Hour, cache: newSessionCache(10)}, false, time.Hour},
			"neither":           {&sessions{life: time.Hour}, false, 0},
		} {
			t.Run(tls.VersionName(version)+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cert, client := selfSigned(t), &oneClient{version: version}
					if resumed, _ := client.connect(t, c.s, cert); resumed {
						t.Fatal("the first connection resumes a session")
					}
					first := client.state
					time.Sleep(c.age)
					if resumed, _ := client.connect(t, c.s, cert); resumed != c.resumes {
						t.Errorf("resumed: %t, want %t", resumed, c.resumes)
					}
					other := &sessions{life: c.s.life, tickets: c.s.tickets, own: c.s.own, cache: c.s.cache, context: sessionContext{1}}
					client.state = first
					if resumed, _ := client.connect(t, other, cert); resumed {
						t.Error("a session of another context is resumed")
					}
				})
			})
		}
	}
}

// A TLS 1.2 session that is resumed again and again ends with its time.
func TestSessionsAreNotProlonged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, client := selfSigned(t), &oneClient{version: tls.VersionTLS12}
		s := &sessions{life: time.Minute, tickets: true}
		for i, want := range []bool{false, true, true, false} {
			if resumed, _ := client.connect(t, s, cert); resumed != want {
				t.Errorf("connection %d resumed: %t", i, resumed)
			}
			time.Sleep(25 * time.Second)
		}
	})
}

// $ssl_session_id is what it is with OpenSSL: in TLS 1.2 a session keeps its name
// and has none before its first ticket, in TLS 1.3 each connection has one.
func TestSessionID(t *testing.T) {
	cert := selfSigned(t)
	for _, c := range []struct {
		version              uint16
		s                    *sessions
		none, keeps, renamed bool
	}{
		{tls.VersionTLS12, &sessions{life: time.Hour, tickets: true}, true, false, true},
		{tls.VersionTLS12, &sessions{life: time.Hour, cache: newSessionCache(10)}, false, true, false},
		{tls.VersionTLS13, &sessions{life: time.Hour, tickets: true}, false, false, true},
		{tls.VersionTLS13, &sessions{life: time.Hour, cache: newSessionCache(10)}, false, false, true},
	} {
		client := &oneClient{version: c.version}
		_, first := client.connect(t, c.s, cert)
		resumed, second := client.connect(t, c.s, cert)
		if !resumed || (first == "") != c.none || len(second) != 64 || (first == second) != c.keeps || (first != second) != c.renamed {
			t.Errorf("%s, tickets %t: resumed %t, %q, then %q", tls.VersionName(c.version), c.s.tickets, resumed, first, second)
		}
	}
}

// A full cache forgets the oldest session.
func TestSessionCacheIsBounded(t *testing.T) {
	c := newSessionCache(2)
	for i := range byte(3) {
		c.put(sessionID{i}, &cachedSession{})
	}
	c.put(sessionID{2}, &cachedSession{state: []byte("new")})
	_, first := c.get(sessionID{0})
	_, second := c.get(sessionID{1})
	if third, _ := c.get(sessionID{2}); first || !second || string(third.state) != "new" || c.known.Len() != 2 {
		t.Errorf("%d sessions", c.known.Len())
	}
}

// Keys change with a session's lifetime, secrets with the day; what has been
// sealed is opened for a lifetime more.
func TestTicketKeysChange(t *testing.T) {
	var r ticketRing
	now := time.Unix(1e9, 0)
	old := r.keysAt(now, time.Minute)
	ticket := old.keys[0].seal([]byte("state"), sessionContext{})
	opens := func(at time.Time) (found bool) {
		for _, k := range r.keysAt(at, time.Minute).keys {
			plain, ok := k.open(ticket, sessionContext{})
			found = found || ok && string(plain) == "state"
		}
		return found
	}
	if same := r.keysAt(now.Add(time.Minute-1), time.Minute); same.keys[0].name != old.keys[0].name {
		t.Error("the key changes before its time")
	}
	if next := r.keysAt(now.Add(time.Minute), time.Minute); next.keys[0].name == old.keys[0].name || !opens(now.Add(2*time.Minute-1)) {
		t.Error("the key does not change, or a ticket is lost with it")
	}
	if opens(now.Add(2 * time.Minute)) {
		t.Error("a key opens for longer than two lifetimes")
	}
	late := now.Add(secretLife - 1)
	ticket = r.keysAt(late, time.Minute).keys[0].seal([]byte("state"), sessionContext{})
	if !opens(late.Add(2)) || len(r.secrets) != 2 {
		t.Error("a ticket is lost with the day's secret")
	}
}

// Two nodes open each other's tickets, for as long as their own, and though their
// clocks differ by some seconds.
func TestTicketSecretsAreShared(t *testing.T) {
	var a, b ticketRing
	now := time.Unix(1e9, 500)
	told := map[string][]byte{}
	b.shareWith(func(string, []byte) { t.Error("what is heard is told") })
	first := a.keysAt(now, time.Minute)
	a.shareWith(func(name string, secret []byte) {
		if !OwnsTicket(name) {
			t.Errorf("%q", name)
		}
		told[name] = secret
		b.heard(name, secret, now)
	})
	if len(told) != 1 {
		t.Fatalf("%d secrets", len(told))
	}
	opens := func(k *ticketKey, at time.Time) (found bool) {
		ticket := k.seal([]byte("state"), sessionContext{})
		b.share = nil
		for _, k := range b.keysAt(at, time.Minute).keys {
			_, ok := k.open(ticket, sessionContext{})
			found = found || ok
		}
		return found
	}
	for after, want := range map[time.Duration]bool{0: true, time.Minute: true, 110 * time.Second: true, 3 * time.Minute: false} {
		if opens(first.keys[0], now.Add(after)) != want {
			t.Errorf("after %v: %t", after, !want)
		}
	}
	if ahead := a.keysAt(now.Add(61*time.Second), time.Minute); !opens(ahead.keys[0], now.Add(58*time.Second)) {
		t.Error("the ticket of a clock that is ahead is not opened")
	}
	now = now.Add(secretLife)
	next := a.keysAt(now, time.Minute)
	if !opens(next.keys[0], now) {
		t.Error("the next day's secret is not shared")
	}
	now = now.Add(secretLife)
	a.keysAt(now, time.Minute)
	if len(b.others) != 2 {
		t.Errorf("%d secrets are kept, want those of two days", len(b.others))
	}
	before := b.changes.Load()
	b.heard(ticketItem+"x", []byte("short"), now)
	if b.changes.Load() == before || len(b.others) != 2 {
		t.Error("nonsense is kept")
	}
}

func FuzzOpenTicket(f *testing.F) {
	k := derive([]byte("secret"), "test")
	f.Add(k.seal([]byte("state"), sessionContext{}))
	f.Add(append(k.name[:], "short"...))
	f.Fuzz(func(t *testing.T, ticket []byte) {
		plain, ok := k.open(ticket, sessionContext{})
		if ok && string(plain) != "state" {
			t.Errorf("a forged ticket is opened: %q", plain)
		}
	})
}
