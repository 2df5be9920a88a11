package failover_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem/acme"
	"tandem/acme/acmetest"
	"tandem/internal/errorlog"
	"tandem/keepalivedconf"
	"tandem/vrrp/vrrptest"
)

// orderer is a node that gets a certificate by itself, over a simulated LAN.
type orderer struct {
	*box
	ca   *acmetest.CA
	cert *acme.Certificate

	anybody atomic.Bool // the authority takes anybody's word

	mu     sync.Mutex
	keeper *acme.Keeper // nil while nothing runs
	ended  func()
}

func newOrderer(t *testing.T, lan *vrrptest.LAN, ca *acmetest.CA, name, address string, priority int, key bool) *orderer {
	o := &orderer{box: newBox(t, lan, name, address, priority), ca: ca}
	if key {
		o.conf.Instances[0].Tandem.PeerKey = &keepalivedconf.PeerKey{1, 2, 3}
	}
	o.keep = func(name string, content []byte) {
		if k := o.current(); k != nil {
			k.Heard(name, content)
		}
	}
	o.role = func() {
		if k := o.current(); k != nil {
			k.RoleChanged()
		}
	}
	issuer := &acme.Issuer{Name: "ca", Directory: acmetest.Directory, Challenge: acme.HTTP01, Folder: t.TempDir(), Client: ca.Client()}
	o.cert = &acme.Certificate{Issuer: issuer, Names: []string{"a.test", "b.test"}}
	return o
}

func (o *orderer) current() *acme.Keeper {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.keeper
}

// run starts the process.
func (o *orderer) run() {
	k := acme.NewKeeper()
	k.Add([]*acme.Certificate{o.cert})
	o.mu.Lock()
	o.keeper = k
	o.mu.Unlock()
	if err := o.start(); err != nil {
		o.t.Fatal(err)
	}
	k.SetPair(o.failover)
	k.Use([]*acme.Certificate{o.cert}, errorlog.New())
	for name, item := range o.failover.Received() {
		k.Heard(name, item)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { k.Run(ctx) })
	o.ended = func() {
		o.mu.Lock()
		o.keeper = nil
		o.mu.Unlock()
		cancel()
		done.Wait()
	}
}

// die ends the process as a kill does.
func (o *orderer) die() {
	ended := o.ended
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended()
	}()
	o.kill()
	<-done
}

func (o *orderer) stop() {
	if o.current() == nil {
		return
	}
	o.ended()
	ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
	defer cancel()
	_ = o.end(ctx)
}

// leaf returns the certificate, nil without one.
func (o *orderer) leaf() *x509.Certificate {
	chain, _ := o.current().Certificate(o.cert)
	block, _ := pem.Decode([]byte(chain))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		o.t.Error(err)
	}
	return leaf
}

// ordering has two nodes and an authority; whoever of the nodes runs has to answer
// the authority.
func ordering(t *testing.T, key bool, f func(ca *acmetest.CA, one, two *orderer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		lan, ca := vrrptest.NewLAN(), acmetest.New()
		one, two := newOrderer(t, lan, ca, "one", "192.168.200.7/24", 100, key), newOrderer(t, lan, ca, "two", "192.168.200.10/24", 50, key)
		ca.Check = func(_, _, token, keyAuth string) error {
			if one.anybody.Load() {
				return nil
			}
			for _, o := range []*orderer{one, two} {
				k := o.current()
				if k == nil || !key && !o.holds() {
					continue
				}
				if text, ok := k.HTTP01(token); !ok || text != keyAuth {
					return fmt.Errorf("%s does not answer", o.name)
				}
			}
			return nil
		}
		f(ca, one, two)
		one.stop()
		two.stop()
		time.Sleep(time.Minute)
		if t.Failed() {
			t.Log(one.lines, two.lines)
		}
	})
}

// The node that has the addresses orders; the other one has everything, answers as
// well, and renews with the same account when the addresses are its own.
func TestPairHasOneCertificate(t *testing.T) {
	ordering(t, true, func(ca *acmetest.CA, one, two *orderer) {
		one.run()
		two.run()
		time.Sleep(2 * time.Minute)
		a, b := one.leaf(), two.leaf()
		if a == nil || !a.Equal(b) || ca.Orders() != 1 || ca.Accounts() != 1 {
			t.Errorf("certificates %t %t, %d orders, %d accounts", a != nil, b != nil, ca.Orders(), ca.Accounts())
		}
		one.die()
		if err := two.current().Renew("a.test"); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		if b = two.leaf(); b.Equal(a) || ca.Issued() != 2 || ca.Accounts() != 1 {
			t.Errorf("the other one does not renew: %d certificates, %d accounts", ca.Issued(), ca.Accounts())
		}
		one.run()
		time.Sleep(2 * time.Minute)
		if a := one.leaf(); !a.Equal(b) || ca.Issued() != 2 {
			t.Errorf("who comes back has another certificate; %d issued", ca.Issued())
		}
	})
}

// The node that orders is killed, or demoted, while the authority waits for its next
// request: the other one finishes the order.
func TestPairFinishesAnOrder(t *testing.T) {
	for _, step := range []string{"/order", "/authz", "/challenge", "/finalize", "/cert"} {
		t.Run(step[1:], func(t *testing.T) {
			ordering(t, true, func(ca *acmetest.CA, one, two *orderer) {
				reached := make(chan struct{})
				var done atomic.Bool
				ca.Fail = func(path string) (int, string) {
					if strings.HasPrefix(path, step) && done.CompareAndSwap(false, true) {
						close(reached)
						time.Sleep(time.Second) // the answer is not heard
					}
					return 0, ""
				}
				one.run()
				two.run()
				<-reached
				one.die()
				time.Sleep(10 * time.Minute)
				if two.leaf() == nil || ca.Orders() > 1 && step != "/order" || ca.Issued() != 1 || ca.Accounts() != 1 {
					t.Errorf("certificate %t, %d orders, %d issued, %d accounts", two.leaf() != nil, ca.Orders(), ca.Issued(), ca.Accounts())
				}
				one.run()
				time.Sleep(2 * time.Minute)
				if a, b := one.leaf(), two.leaf(); a == nil || !a.Equal(b) {
					t.Error("the nodes have different certificates")
				}
			})
		})
	}
}

// A pair that is split may order twice, and is of one mind again afterwards: no
// certificate is lost.
func TestPairIsSplit(t *testing.T) {
	ordering(t, true, func(ca *acmetest.CA, one, two *orderer) {
		one.run()
		two.run()
		time.Sleep(2 * time.Minute)
		two.host.Cut()
		time.Sleep(time.Minute)
		one.anybody.Store(true) // whom the authority reaches is not known
		if err := two.current().Renew(""); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		two.host.Mend()
		time.Sleep(2 * time.Minute)
		a, b := one.leaf(), two.leaf()
		if ca.Issued() != 2 || !a.Equal(b) || ca.Accounts() != 1 {
			t.Errorf("%d certificates, the same: %t; %d accounts", ca.Issued(), a.Equal(b), ca.Accounts())
		}
	})
}

// Without a key nothing goes over the link: each node orders for itself, when it has
// the addresses.
func TestPairWithoutKey(t *testing.T) {
	ordering(t, false, func(ca *acmetest.CA, one, two *orderer) {
		one.run()
		two.run()
		time.Sleep(2 * time.Minute)
		if one.leaf() == nil || two.leaf() != nil {
			t.Errorf("certificates %t %t", one.leaf() != nil, two.leaf() != nil)
		}
		one.die()
		time.Sleep(2 * time.Minute)
		if two.leaf() == nil || ca.Accounts() != 2 {
			t.Errorf("certificate %t, %d accounts", two.leaf() != nil, ca.Accounts())
		}
	})
}
