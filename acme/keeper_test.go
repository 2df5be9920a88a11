package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem/acme/acmetest"
	"tandem/internal/errorlog"
)

// box is a node with a keeper, while one runs.
type box struct {
	t       *testing.T
	ca      *acmetest.CA
	folder  string
	names   [][]string
	records Records // nil: HTTP-01

	running atomic.Pointer[Keeper]
	certs   []*Certificate
	stop    func()
}

// k returns the keeper, nil while none runs.
func (b *box) k() *Keeper { return b.running.Load() }

func newBox(t *testing.T, ca *acmetest.CA, names ...string) *box {
	b := &box{t: t, ca: ca, folder: t.TempDir()}
	for _, n := range names {
		b.names = append(b.names, strings.Fields(n))
	}
	return b
}

// start has a process run.
func (b *box) start(pair Pair) {
	issuer := &Issuer{Name: "ca", Directory: acmetest.Directory, Challenge: HTTP01, Folder: b.folder, Client: b.ca.Client()}
	if b.records != nil {
		issuer.Challenge, issuer.Records = DNS01, b.records
	}
	b.certs = nil
	for _, names := range b.names {
		b.certs = append(b.certs, &Certificate{Issuer: issuer, Names: names})
	}
	b.running.Store(NewKeeper())
	b.k().Add(b.certs)
	if pair != nil {
		b.k().SetPair(pair)
	}
	b.k().Use(b.certs, errorlog.New())
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	keeper := b.k()
	done.Go(func() { keeper.Run(ctx) })
	b.stop = func() {
		cancel()
		done.Wait()
	}
}

// leaf returns the first certificate, nil if there is none.
func (b *box) leaf() *x509.Certificate {
	chain, key := b.k().Certificate(b.certs[0])
	r := Record{Chain: chain, Key: key}
	if chain != "" && r.check() != nil {
		b.t.Errorf("the certificate: %v", r.check())
	}
	return r.leaf()
}

// record returns that of the first certificate.
func (b *box) record() Record {
	b.k().mu.Lock()
	defer b.k().mu.Unlock()
	return b.k().entries[nameOf(b.certs[0])].record
}

// asks has the authority ask a box for its answers.
func (b *box) asks(_, _, token, keyAuth string) error {
	if got, ok := b.k().HTTP01(token); !ok || got != keyAuth {
		return fmt.Errorf("%q is answered %q", token, got)
	}
	return nil
}

// A certificate is ordered, kept, read again, and renewed.
func TestCertificateIsKeptValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		b := newBox(t, ca, "a.test 192.0.2.1")
		ca.Check = b.asks
		b.start(nil)
		time.Sleep(time.Minute)
		first := b.leaf()
		if first == nil || ca.Accounts() != 1 || ca.Orders() != 1 {
			t.Fatalf("certificate %v, %d accounts, %d orders", first, ca.Accounts(), ca.Orders())
		}
		if b.k().Answering() {
			t.Error("answers stay")
		}
		if r := b.k().Report(); len(r) != 1 || !r[0].Leads || !first.Equal(r[0].Leaf) || r[0].Error != "" || r[0].Next.Before(first.NotBefore.Add(50*24*time.Hour)) {
			t.Errorf("%+v", r)
		}
		for _, name := range []string{chainFile, keyFile, stateFile} {
			info, err := os.Stat(filepath.Join(b.folder, b.certs[0].ID(), name))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		if to, err := os.Readlink(filepath.Join(b.folder, b.certs[0].ID()+".crt")); err != nil || to != b.certs[0].ID()+"/fullchain.pem" {
			t.Errorf("%q, %v", to, err)
		}
		b.stop()

		// Another process has it at once, and asks nobody.
		b.start(nil)
		if again := b.leaf(); again == nil || !again.Equal(first) {
			t.Error("the certificate is lost")
		}
		time.Sleep(55 * 24 * time.Hour)
		if !b.leaf().Equal(first) {
			t.Error("it is renewed before its time")
		}
		time.Sleep(6 * 24 * time.Hour)
		if second := b.leaf(); second.Equal(first) || ca.Orders() != 2 || ca.Accounts() != 1 {
			t.Errorf("it is not renewed: %d orders, %d accounts", ca.Orders(), ca.Accounts())
		}
		b.stop()
	})
}

// The authority says when.
func TestRenewalInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		var early atomic.Bool
		ca.Window = func(leaf *x509.Certificate) (start, end time.Time) {
			if early.Load() { // revoked, say
				return time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
			}
			return leaf.NotBefore.Add(80 * 24 * time.Hour), leaf.NotBefore.Add(81 * 24 * time.Hour)
		}
		b := newBox(t, ca, "a.test")
		b.start(nil)
		defer func() { b.stop() }()
		time.Sleep(79 * 24 * time.Hour)
		if ca.Issued() != 1 {
			t.Errorf("%d certificates before the window", ca.Issued())
		}
		time.Sleep(3 * 24 * time.Hour)
		if ca.Issued() != 2 {
			t.Errorf("%d certificates after the window", ca.Issued())
		}
		early.Store(true)
		time.Sleep(24*time.Hour + time.Minute)
		if n := ca.Issued(); n < 3 || n > 6 {
			t.Errorf("%d certificates after a day in which the authority wants all renewed at once", n)
		}
	})
}

// Failures never come faster than an authority allows (Let's Encrypt: five an hour
// for a name), and what it says of waiting is heeded.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		var mu sync.Mutex
		var failed []time.Time
		mended := false
		ca.Check = func(string, string, string, string) error {
			mu.Lock()
			defer mu.Unlock()
			if mended {
				return nil
			}
			failed = append(failed, time.Now())
			return errors.New("no")
		}
		b := newBox(t, ca, "a.test")
		b.start(nil)
		defer func() { b.stop() }()
		time.Sleep(10 * 24 * time.Hour)
		mu.Lock()
		for i := range failed {
			if i >= 4 && failed[i].Sub(failed[i-4]) < time.Hour {
				t.Errorf("failures at %v", failed[i-4:i+1])
			}
		}
		if n := len(failed); n < 20 || n > 40 {
			t.Errorf("%d attempts in ten days", n)
		}
		mended = true
		mu.Unlock()
		time.Sleep(15 * time.Hour)
		if b.leaf() == nil {
			t.Error("no certificate when the fault is mended")
		}
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		var orders atomic.Int32
		ca.Fail = func(path string) (int, string) {
			if path != "/order" {
				return 0, ""
			}
			orders.Add(1)
			return 429, "rateLimited"
		}
		b := newBox(t, ca, "a.test")
		b.start(nil)
		defer func() { b.stop() }()
		time.Sleep(time.Minute)
		if n := orders.Load(); n != 1 {
			t.Errorf("%d requests within a minute of being told that there are too many", n)
		}
	})
}

// A process that ends at any step of an order goes on with it when it is started
// again, and another order is not placed.
func TestOrderIsTakenUp(t *testing.T) {
	steps := func(t *testing.T) []string {
		ca := acmetest.New()
		b := newBox(t, ca, "a.test b.test")
		b.start(nil)
		time.Sleep(time.Minute)
		b.stop()
		return ca.Log()
	}
	var paths []string
	synctest.Test(t, func(t *testing.T) { paths = steps(t) })
	for step := range paths {
		t.Run(fmt.Sprint(step, paths[step]), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca := acmetest.New()
				b := newBox(t, ca, "a.test b.test")
				ca.Check = b.asks
				reached := make(chan struct{})
				ca.Fail = func(string) (int, string) {
					if len(ca.Log()) == step+1 {
						close(reached)
						time.Sleep(time.Second) // the process ends meanwhile, and does not hear the answer
					}
					return 0, ""
				}
				b.start(nil)
				<-reached
				b.stop()
				ca.Fail = nil
				b.start(nil)
				time.Sleep(time.Hour)
				if b.leaf() == nil {
					t.Error("no certificate")
				}
				if ca.Orders() > 2 || ca.Orders() > 1 && paths[step] != "/order" || ca.Issued() != 1 || ca.Accounts() != 1 {
					t.Errorf("%d orders, %d certificates, %d accounts", ca.Orders(), ca.Issued(), ca.Accounts())
				}
				b.stop()
			})
		})
	}
}

// What nginx's ACME module has left is taken over: its account, and certificates.
func TestNginxStateIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		b := newBox(t, ca, "a.test")
		b.start(nil)
		time.Sleep(time.Minute)
		leaf, id := b.leaf(), b.certs[0].ID()
		b.stop()
		chain, key := b.k().Certificate(b.certs[0])
		account, err := os.ReadFile(filepath.Join(b.folder, accountKeyFile))
		b.folder = t.TempDir()
		for name, content := range map[string]string{"a.test-1f2e.crt": chain, "a.test-1f2e.key": key, "a.test-0000.crt": "old", accountKeyFile: string(account)} {
			err = errors.Join(err, os.WriteFile(filepath.Join(b.folder, name), []byte(content), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
		b.start(nil)
		time.Sleep(50 * 24 * time.Hour)
		if !leaf.Equal(b.leaf()) {
			t.Error("the certificate is not taken over")
		}
		time.Sleep(15 * 24 * time.Hour)
		if ca.Accounts() != 1 || ca.Issued() != 2 {
			t.Errorf("%d accounts, %d certificates", ca.Accounts(), ca.Issued())
		}
		b.stop()
		if _, err := os.Stat(filepath.Join(b.folder, id, chainFile)); err != nil {
			t.Error(err)
		}
	})
}

// Certificates that no configuration wants any more are not ordered.
func TestUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		b := newBox(t, ca, "a.test", "b.test", "c.test", "d.test", "e.test", "f.test")
		b.start(nil)
		time.Sleep(time.Minute)
		if ca.Issued() != 6 {
			t.Errorf("%d certificates", ca.Issued())
		}
		b.k().Use(b.certs[:1], errorlog.New())
		time.Sleep(70 * 24 * time.Hour)
		if ca.Issued() != 7 {
			t.Errorf("%d certificates", ca.Issued())
		}
		if err := b.k().Renew("b.test"); err == nil {
			t.Error("what is not wanted is renewed")
		}
		if err := b.k().Renew("a.test"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if ca.Issued() != 8 {
			t.Errorf("%d certificates", ca.Issued())
		}
		b.stop()
	})
}

func TestID(t *testing.T) {
	ids := map[string]bool{}
	for _, c := range []*Certificate{
		{Names: []string{"a.test"}}, {Names: []string{"a.test", "b.test"}}, {Names: []string{"a.test"}, Key: KeyType{RSA: true}}, {Names: []string{"192.0.2.1", "*.a.test"}},
	} {
		ids[c.ID()] = true
		if strings.ContainsAny(c.ID(), "/*") || !strings.Contains(c.ID(), "a.test-") {
			t.Errorf("%q", c.ID())
		}
	}
	if len(ids) != 4 {
		t.Error(ids)
	}
	if a, b := (&Certificate{Names: []string{"a"}, Key: KeyType{Bits: 256}}), (&Certificate{Names: []string{"a"}}); a.ID() != b.ID() {
		t.Error("the default written out is another certificate")
	}
	if got := []string{sni("192.0.2.1"), sni("2001:db8::1"), sni("a.test")}; !slices.Equal(got, []string{
		"1.2.0.192.in-addr.arpa", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "a.test",
	}) {
		t.Error(got)
	}
}
