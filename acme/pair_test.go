package acme

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/acme/acmetest"
)

// duo is two boxes, of which one has the addresses, and the link between them.
type duo struct {
	t     *testing.T
	ca    *acmetest.CA
	boxes [2]*box
	ends  [2]*linkEnd
	leads int // who has the addresses; guarded by mu
	mu    sync.Mutex
}

// linkEnd is a box's end of the link.
type linkEnd struct {
	d   *duo
	own int

	mu    sync.Mutex
	items map[string][]byte // to be kept by the other box
	has   map[string]bool   // it does
}

func newDuo(t *testing.T) *duo {
	d := &duo{t: t, ca: acmetest.New()}
	for i := range d.boxes {
		d.boxes[i] = newBox(t, d.ca, "a.test b.test")
		d.ends[i] = &linkEnd{d: d, own: i, items: map[string][]byte{}, has: map[string]bool{}}
	}
	d.ca.Check = func(challenge, name, token, keyAuth string) error {
		// Whoever is asked answers, also the one that does not lead.
		for i, b := range d.boxes {
			if b.k() == nil {
				continue
			}
			if err := b.asks(challenge, name, token, keyAuth); err != nil {
				return fmt.Errorf("box %d: %w", i, err)
			}
		}
		return nil
	}
	return d
}

func (d *duo) start(i int) {
	d.boxes[i].start(d.ends[i])
	d.ends[1-i].deliver()
}

// kill ends a process.
func (d *duo) kill(i int) {
	d.boxes[i].stop()
	d.mu.Lock()
	d.boxes[i].running.Store(nil)
	d.mu.Unlock()
	e := d.ends[i]
	e.mu.Lock()
	e.items, e.has = map[string][]byte{}, map[string]bool{}
	e.mu.Unlock()
}

// end ends both, and waits for what is on its way.
func (d *duo) end() {
	d.kill(0)
	d.kill(1)
	time.Sleep(time.Second)
}

// lead gives the addresses to a box.
func (d *duo) lead(i int) {
	d.mu.Lock()
	d.leads = i
	d.mu.Unlock()
	for _, b := range d.boxes {
		if b.k() != nil {
			b.k().RoleChanged()
		}
	}
}

func (e *linkEnd) Leads() bool {
	e.d.mu.Lock()
	defer e.d.mu.Unlock()
	return e.d.leads == e.own
}

func (e *linkEnd) Keep(name string, item []byte) {
	e.mu.Lock()
	if item == nil {
		delete(e.items, name)
	} else {
		e.items[name] = item
	}
	e.has[name] = false
	e.mu.Unlock()
	go e.tell(name)
}

// tell has the other box hear of an item; a message takes a moment.
func (e *linkEnd) tell(name string) {
	time.Sleep(time.Millisecond)
	e.d.mu.Lock()
	other := e.d.boxes[1-e.own].k()
	e.d.mu.Unlock()
	if other == nil {
		return
	}
	e.mu.Lock()
	item := e.items[name]
	e.mu.Unlock()
	other.Heard(name, item)
	e.mu.Lock()
	e.has[name] = true
	e.mu.Unlock()
}

// deliver tells the other box, which has been started, everything.
func (e *linkEnd) deliver() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.has)
	for name := range e.items {
		go e.tell(name)
	}
}

func (e *linkEnd) Kept(ctx context.Context, name string) error {
	for {
		e.d.mu.Lock()
		alone := e.d.boxes[1-e.own].k() == nil
		e.d.mu.Unlock()
		e.mu.Lock()
		has := e.has[name]
		e.mu.Unlock()
		if alone || has {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// Two nodes have one account, place one order, and both have the certificate.
func TestPairOrdersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDuo(t)
		d.start(0)
		d.start(1)
		time.Sleep(time.Minute)
		a, b := d.boxes[0].leaf(), d.boxes[1].leaf()
		if a == nil || !a.Equal(b) || d.ca.Accounts() != 1 || d.ca.Orders() != 1 {
			t.Errorf("certificates %t %t, %d accounts, %d orders", a != nil, b != nil, d.ca.Accounts(), d.ca.Orders())
		}
		// The other one renews, with the same account, when it has the addresses.
		d.lead(1)
		time.Sleep(70 * 24 * time.Hour)
		a, b = d.boxes[0].leaf(), d.boxes[1].leaf()
		if !a.Equal(b) || d.ca.Accounts() != 1 || d.ca.Issued() != 2 {
			t.Errorf("after the renewal: %d accounts, %d certificates", d.ca.Accounts(), d.ca.Issued())
		}
		// What the operator asks of the one that does not lead, the other one does.
		if err := d.boxes[0].k().Renew("a.test"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if d.ca.Issued() != 3 || !d.boxes[0].leaf().Equal(d.boxes[1].leaf()) {
			t.Errorf("after asking: %d certificates", d.ca.Issued())
		}
		d.end()
	})
}

// The node that orders dies, or loses the addresses, at any step of an order: the
// other one goes on with it. There is no second order, account or certificate.
func TestSwitchInTheMiddleOfAnOrder(t *testing.T) {
	var paths []string
	synctest.Test(t, func(t *testing.T) {
		d := newDuo(t)
		d.start(0)
		d.start(1)
		time.Sleep(time.Minute)
		paths = d.ca.Log()
		d.end()
	})
	for step := range paths {
		for _, dies := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d%s dies=%t", step, paths[step], dies), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { switchAt(t, step, paths[step], dies) })
			})
		}
	}
}

func switchAt(t *testing.T, step int, path string, dies bool) {
	d := newDuo(t)
	reached := make(chan struct{})
	d.ca.Fail = func(string) (int, string) {
		if len(d.ca.Log()) == step+1 {
			close(reached)
			time.Sleep(time.Second) // who has asked does not hear the answer
		}
		return 0, ""
	}
	d.start(0)
	d.start(1)
	<-reached
	if dies {
		d.kill(0)
	}
	d.lead(1)
	time.Sleep(time.Hour)
	if d.boxes[1].leaf() == nil {
		t.Error("no certificate")
	}
	// What the answer to the order would have said, nobody knows.
	if d.ca.Orders() > 1 && path != "/order" || d.ca.Issued() != 1 || d.ca.Accounts() != 1 {
		t.Errorf("%d orders, %d certificates, %d accounts", d.ca.Orders(), d.ca.Issued(), d.ca.Accounts())
	}
	if dies {
		d.start(0)
		time.Sleep(time.Minute)
	}
	if a, b := d.boxes[0].leaf(), d.boxes[1].leaf(); a == nil || !a.Equal(b) {
		t.Error("the nodes have different certificates")
	}
	d.end()
}

// A node whose files are lost gets everything from the other one.
func TestPairMakesUpForLostFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDuo(t)
		d.start(0)
		d.start(1)
		time.Sleep(time.Minute)
		d.kill(0)
		d.boxes[0].folder = t.TempDir()
		d.start(0)
		time.Sleep(time.Minute)
		if a, b := d.boxes[0].leaf(), d.boxes[1].leaf(); a == nil || !a.Equal(b) || d.ca.Issued() != 1 {
			t.Errorf("certificates %t %t, %d issued", a != nil, b != nil, d.ca.Issued())
		}
		d.end()
	})
}

// The newer certificate stays, whoever has done more since.
func TestMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		b := newBox(t, ca, "a.test")
		b.start(nil)
		time.Sleep(time.Minute)
		older := b.record()
		_ = b.k().Renew("")
		time.Sleep(time.Minute)
		newer := b.record()
		b.stop()
		older.fail(errors.New("no"), 0, time.Now(), 0)
		older.Revision = newer.Revision + 10
		none := Record{Revision: 100, Pending: &Pending{URL: "x"}}
		for _, c := range []struct{ a, b, want Record }{
			{older, newer, newer}, {none, older, older}, {Record{}, none, none},
			{Record{Revision: 100, Error: "x"}, none, none},
		} {
			one, other := merge(c.a, c.b), merge(c.b, c.a)
			if !one.same(&other) || one.Chain != c.want.Chain || one.Error != c.want.Error && c.want.Chain == newer.Chain {
				t.Errorf("%+v and %+v: %+v, %+v", c.a, c.b, one, other)
			}
		}
	})
}

// Whatever another node says, no certificate is taken that is not for the names and
// the key, and nothing panics.
func FuzzHeard(f *testing.F) {
	cert := &Certificate{Issuer: &Issuer{Name: "ca"}, Names: []string{"a.test"}}
	f.Add(answerItem+"t", []byte(`{"token":"t","until":"2100-01-01T00:00:00Z"}`))
	f.Add(accountItem+"ca", []byte(`{"key":"x"}`))
	f.Add(certificateItem+nameOf(cert), []byte(`{"chain":"x","key":"y","revision":1,"pending":{"url":"z"}}`))
	f.Add(certificateItem+nameOf(cert), []byte(`{"revision":18446744073709551615}`))
	f.Fuzz(func(t *testing.T, name string, item []byte) {
		k := NewKeeper()
		k.Use([]*Certificate{cert}, nil)
		k.Heard(name, item)
		if chain, _ := k.Certificate(cert); chain != "" {
			t.Errorf("a certificate is made of %q", item)
		}
	})
}
