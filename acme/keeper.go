package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
)

// Keeper gets certificates and keeps them valid. It outlives configurations. Its
// methods may be called by several goroutines.
type Keeper struct {
	answers answers
	poke    chan struct{} // something has changed that Run looks at
	running sync.Mutex    // held by Run
	log     atomic.Pointer[errorlog.Log]

	mu       sync.Mutex
	entries  map[string]*entry // by name
	accounts map[string]*bank  // by issuer
	pair     Pair              // nil: there is no other node
	settled  time.Time         // when the other node has had time to tell what it knows
}

// entry is a certificate that the keeper looks after.
type entry struct {
	name   string // of the item that goes to the other node: ISSUER/ID
	cert   *Certificate
	wanted bool // by the configuration in force
	busy   bool // something is being done about it

	record Record
}

// bank is the account with an issuer. Who uses it has the turn, which may take as
// long as the authority takes to open the account.
type bank struct {
	turn   chan struct{} // has room for one
	loaded bool
	account
}

// take takes the turn; an error says that the context has ended.
func (b *bank) take(ctx context.Context) error {
	select {
	case b.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bank) leave() { <-b.turn }

// NewKeeper makes a keeper that has nothing to do.
func NewKeeper() *Keeper {
	return &Keeper{poke: make(chan struct{}, 1), entries: map[string]*entry{}, accounts: map[string]*bank{}}
}

func nameOf(c *Certificate) string { return c.Issuer.Name + "/" + c.ID() }

// Add has the keeper know certificates, with what their issuers' folders have of
// them, so that they are there from the first client on; nothing is ordered before
// Use.
func (k *Keeper) Add(certs []*Certificate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range certs {
		name := nameOf(c)
		if k.entries[name] == nil {
			k.entries[name] = &entry{name: name, cert: c, record: store(c.Issuer.Folder).load(c)}
		}
		if k.accounts[c.Issuer.Name] == nil {
			k.accounts[c.Issuer.Name] = &bank{turn: make(chan struct{}, 1)}
		}
	}
}

// Use has the keeper look after these certificates, and no others; what there is to
// say goes to log.
func (k *Keeper) Use(certs []*Certificate, log *errorlog.Log) {
	k.log.Store(log)
	k.Add(certs)
	k.mu.Lock()
	for _, e := range k.entries {
		e.wanted = false
	}
	for _, c := range certs {
		e := k.entries[nameOf(c)]
		e.cert, e.wanted = c, true
	}
	maps.DeleteFunc(k.entries, func(_ string, e *entry) bool { return !e.wanted && !e.busy })
	k.shareAll()
	k.mu.Unlock()
	k.wake()
}

func (k *Keeper) wake() {
	select {
	case k.poke <- struct{}{}:
	default:
	}
}

// ordersAtOnce is how many certificates are ordered at the same time.
const ordersAtOnce = 4

// Run orders and renews until the context ends. Of two calls the second one waits
// for the first.
func (k *Keeper) Run(ctx context.Context) {
	k.running.Lock()
	defer k.running.Unlock()
	var work sync.WaitGroup
	defer work.Wait()
	var term term
	defer func() { term.end() }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if k.leads() {
			term.begin(ctx)
		} else {
			term.end() // the other node goes on
		}
		timer.Stop()
		if term.ctx != nil {
			if at := k.begin(term.ctx, &work); !at.IsZero() {
				timer.Reset(time.Until(at))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-k.poke:
		case <-timer.C:
		}
	}
}

// term is a time in which this node leads. ctx is nil while it does not.
type term struct {
	ctx    context.Context
	cancel context.CancelFunc
}

func (t *term) begin(ctx context.Context) {
	if t.ctx == nil {
		t.ctx, t.cancel = context.WithCancel(ctx)
	}
}

func (t *term) end() {
	if t.ctx != nil {
		t.cancel()
		t.ctx = nil
	}
}

// begin begins what is due; it returns when the next thing will be, zero for
// nothing to wait for.
func (k *Keeper) begin(ctx context.Context, work *sync.WaitGroup) (next time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	busy := 0
	for _, e := range k.entries {
		if e.busy {
			busy++
		}
	}
	now := time.Now()
	for _, name := range slices.Sorted(maps.Keys(k.entries)) {
		e := k.entries[name]
		if !e.wanted || e.busy {
			continue
		}
		what, at := e.record.next()
		if at.After(now) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
			continue
		}
		if busy == ordersAtOnce {
			continue // who ends wakes us
		}
		busy++
		e.busy = true
		work.Go(func() {
			if what == ask {
				k.ask(ctx, e)
			} else {
				k.order(ctx, e)
			}
			k.mu.Lock()
			e.busy = false
			k.mu.Unlock()
			k.wake()
		})
	}
	return next
}

// update changes a record, keeps it and shares it. It returns once the other node
// has it, if there is one.
func (k *Keeper) update(ctx context.Context, e *entry, change func(*Record)) error {
	k.mu.Lock()
	change(&e.record)
	e.record.Revision++
	r, folder, id := e.record, store(e.cert.Issuer.Folder), e.cert.ID()
	k.mu.Unlock()
	if err := folder.save(id, &r); err != nil {
		k.logf(errorlog.Error, "%v while keeping certificate, %s", err, about(e.cert))
	}
	return k.share(ctx, certificateItem+e.name, &r)
}

// orderLimit is how long an order may take in one go; it is taken up again later.
const orderLimit = 10 * time.Minute

// order gets a certificate.
func (k *Keeper) order(ctx context.Context, e *entry) {
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	k.mu.Lock()
	cert, pending, old := e.cert, e.record.Pending, e.record.leaf()
	k.mu.Unlock()
	chain, key, err := k.obtain(ctx, e, cert, pending, old)
	if err == nil {
		k.logf(errorlog.Notice, "certificate issued, %s", about(cert))
		_ = k.update(ctx, e, func(r *Record) { r.succeed(chain, key, time.Now(), rand.Float64(), cert.Issuer.RenewBefore) })
		return
	}
	if context.Cause(ctx) == context.Canceled {
		return // this node does not lead any more, or ends; the order stands
	}
	k.forgotten(ctx, cert.Issuer, err)
	_ = k.update(context.WithoutCancel(ctx), e, func(r *Record) {
		if over(err) {
			r.Pending = nil
		}
		r.fail(err, rateLimit(err), time.Now(), rand.Float64())
	})
	k.mu.Lock()
	retry := e.record.Retry
	k.mu.Unlock()
	k.logf(errorlog.Warn, "%v while updating certificate, next attempt at %s, %s", err, retry.UTC().Format(time.RFC3339), about(cert))
}

func (k *Keeper) obtain(ctx context.Context, e *entry, cert *Certificate, pending *Pending, old *x509.Certificate) (chain, key string, err error) {
	client, err := k.client(ctx, cert.Issuer)
	if err != nil {
		return "", "", err
	}
	talk := &conversation{
		cert: cert, client: client, old: old,
		save: func(p *Pending) error {
			if ctx.Err() != nil {
				return ctx.Err() // the other node may have one meanwhile
			}
			return k.update(ctx, e, func(r *Record) { r.Pending = p })
		},
		present: k.present, remove: k.retract, warn: func(err error) { k.logf(errorlog.Warn, "%v, %s", err, about(cert)) },
	}
	return talk.obtain(ctx, pending)
}

// present gives an answer, on both nodes.
func (k *Keeper) present(ctx context.Context, a Answer) error {
	k.answers.put(a, time.Now())
	return k.share(ctx, answerItem+a.Token, &a)
}

func (k *Keeper) retract(token string) {
	k.answers.remove(token)
	k.unshare(answerItem + token)
}

// ask asks when a certificate is to be renewed. That it is not told is no failure.
func (k *Keeper) ask(ctx context.Context, e *entry) {
	k.mu.Lock()
	leaf, cert := e.record.leaf(), e.cert
	k.mu.Unlock()
	w, again, err := cert.Issuer.renewalInfo(ctx, leaf)
	if ctx.Err() != nil {
		return
	}
	if err == errNoRenewalInfo {
		_ = k.update(ctx, e, func(r *Record) { r.AskAgain = time.Time{} })
		return
	}
	if err != nil {
		k.logf(errorlog.Warn, "%v while updating renewal info, %s", err, about(cert))
		_ = k.update(ctx, e, func(r *Record) { r.AskAgain = time.Now().Add(askEvery) })
		return
	}
	_ = k.update(ctx, e, func(r *Record) {
		r.AskAgain = time.Now().Add(again)
		if r.Renew.Before(w.Start) || r.Renew.After(w.End) {
			r.Renew = w.at(rand.Float64())
		}
	})
}

// HTTP01 returns what is to be answered at /.well-known/acme-challenge/TOKEN.
func (k *Keeper) HTTP01(token string) (keyAuth string, ok bool) { return k.answers.byToken(token) }

// DNS01 returns the values of a TXT record, nil if there is none: for who serves the
// DNS with the answers to DNS-01.
func (k *Keeper) DNS01(record string) []string { return k.answers.byRecord(record) }

// Answering reports whether there is any question to be answered.
func (k *Keeper) Answering() bool { return k.answers.some.Load() }

// TLSALPN01 returns the certificate for a handshake in which an authority asks for
// a name; nil when it should not.
func (k *Keeper) TLSALPN01(name string) (*tls.Certificate, error) {
	a, ok := k.answers.byName(strings.ToLower(name))
	if !ok {
		return nil, nil
	}
	return a.certificate()
}

// Certificate returns the chain and the key of a certificate in PEM; "" if there is
// none yet.
func (k *Keeper) Certificate(c *Certificate) (chain, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[nameOf(c)]; e != nil {
		return e.record.Chain, e.record.Key
	}
	return "", ""
}

// Renew has certificates renewed now: those with this name, or all. An order that
// failed is tried again at once.
func (k *Keeper) Renew(name string) error {
	var found []*entry
	k.mu.Lock()
	for _, e := range k.entries {
		if e.wanted && (name == "" || e.name == name || e.cert.ID() == name || slices.Contains(e.cert.Names, name)) {
			found = append(found, e)
		}
	}
	k.mu.Unlock()
	if found == nil {
		return fmt.Errorf("no certificate is ordered for %s", name)
	}
	for _, e := range found {
		_ = k.update(context.Background(), e, func(r *Record) { r.Renew, r.Retry = time.Now(), time.Time{} })
	}
	k.wake()
	return nil
}

// about says in a log whose certificate a line is about, as nginx's ACME module
// does.
func about(c *Certificate) string {
	return fmt.Sprintf("acme issuer: \"%s\", order: \"%s\"", c.Issuer.Name, c.ID())
}

func (k *Keeper) logf(level errorlog.Level, format string, args ...any) {
	if log := k.log.Load(); log != nil {
		log.Printf(level, format, args...)
	}
}
