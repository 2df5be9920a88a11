package acme

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"tandem/internal/errorlog"
)

// Pair is the other node of a pair as the keeper sees it.
type Pair interface {
	// Leads reports whether this node is the one that orders: it has the addresses
	// at which an authority asks. It does not wait.
	Leads() bool
	// Keep has the other node keep an item in place of the one of that name; nil
	// has it forget it. It does not wait.
	Keep(name string, item []byte)
	// Kept waits until the other node has the item as it is now. Without another
	// node there is nothing to wait for. The error says that it may not have it.
	Kept(ctx context.Context, name string) error
}

// The names of items begin with what they are.
const (
	accountItem     = "acme/account/"
	certificateItem = "acme/certificate/"
	answerItem      = "acme/answer/"
)

// Owns reports whether an item of that name is the keeper's.
func Owns(name string) bool { return strings.HasPrefix(name, "acme/") }

// settling is how long a node waits for what the other one knows before it orders.
const settling = 10 * time.Second

// SetPair gives the keeper the other node; nil: there is none, and this one orders.
func (k *Keeper) SetPair(p Pair) {
	k.mu.Lock()
	if k.pair == nil && p != nil {
		k.settled = time.Now().Add(settling)
		time.AfterFunc(settling, k.wake)
	}
	k.pair = p
	k.shareAll()
	k.mu.Unlock()
	k.wake()
}

// RoleChanged has the keeper look again whether it leads.
func (k *Keeper) RoleChanged() { k.wake() }

func (k *Keeper) leads() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pair == nil || k.pair.Leads() && !time.Now().Before(k.settled)
}

// shareAll shares what is known. Called with k.mu held.
func (k *Keeper) shareAll() {
	if k.pair == nil {
		return
	}
	for _, e := range k.entries {
		if e.record.Revision > 0 || e.record.Chain != "" {
			k.keep(k.pair, certificateItem+e.name, &e.record)
		}
	}
}

func (k *Keeper) keep(p Pair, name string, item any) {
	b, err := json.Marshal(item)
	if err != nil {
		panic("acme: " + err.Error()) // only for a value that is no JSON
	}
	p.Keep(name, b)
}

// shareLimit is how long an order waits for the other node, which then goes on
// without it: better a certificate than none.
const shareLimit = 5 * time.Second

// share has the other node keep an item, and waits until it does. The error is the
// context's.
func (k *Keeper) share(ctx context.Context, name string, item any) error {
	k.mu.Lock()
	p := k.pair
	k.mu.Unlock()
	if p == nil {
		return ctx.Err()
	}
	k.keep(p, name, item)
	limited, cancel := context.WithTimeout(ctx, shareLimit)
	defer cancel()
	if err := p.Kept(limited, name); err != nil && ctx.Err() == nil {
		k.logf(errorlog.Warn, "acme: %v while waiting for the other node to have %s", err, name)
	}
	return ctx.Err()
}

func (k *Keeper) unshare(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pair != nil {
		k.pair.Keep(name, nil)
	}
}

// Heard takes up an item that the other node keeps too; nil: it is gone.
func (k *Keeper) Heard(name string, item []byte) {
	switch {
	case strings.HasPrefix(name, answerItem):
		k.heardAnswer(strings.TrimPrefix(name, answerItem), item)
	case strings.HasPrefix(name, accountItem):
		k.heardAccount(strings.TrimPrefix(name, accountItem), item)
	case strings.HasPrefix(name, certificateItem):
		k.heardRecord(strings.TrimPrefix(name, certificateItem), item)
	}
}

func (k *Keeper) heardAnswer(token string, item []byte) {
	var a Answer
	now := time.Now()
	if item == nil || json.Unmarshal(item, &a) != nil || a.Token != token || a.Until.Before(now) {
		k.answers.remove(token)
		return
	}
	k.answers.put(a, now)
}

// heardAccount takes over the account of the node that leads. A configured key
// stays.
func (k *Keeper) heardAccount(issuer string, item []byte) {
	var a account
	if json.Unmarshal(item, &a) != nil {
		return
	}
	leads := k.leads()
	k.mu.Lock()
	b, p := k.accounts[issuer], k.pair
	var i *Issuer
	for _, e := range k.entries {
		if e.cert.Issuer.Name == issuer {
			i = e.cert.Issuer
		}
	}
	k.mu.Unlock()
	if b == nil || i == nil || p == nil || leads || i.OwnKey != nil || a.Key == "" {
		return
	}
	if _, err := parseKey(a.Key); err != nil {
		return
	}
	go func() { // whose turn it is may wait for the authority
		_ = b.take(context.Background())
		defer b.leave()
		if b.account == a {
			return
		}
		b.account = a
		if err := store(i.Folder).saveAccount(a); err != nil {
			k.logf(errorlog.Error, "%v while keeping account, acme issuer: \"%s\"", err, issuer)
		}
		k.keep(p, accountItem+issuer, &a)
	}()
}

func (k *Keeper) heardRecord(name string, item []byte) {
	var r Record
	if json.Unmarshal(item, &r) != nil || r.Chain != "" && r.check() != nil {
		return
	}
	k.mu.Lock()
	e := k.entries[name]
	if e == nil || r.Chain != "" && !e.cert.covers(r.leaf()) {
		k.mu.Unlock()
		return // of a configuration that this node does not have
	}
	before, merged := e.record, merge(e.record, r)
	e.record = merged
	folder, id, p := store(e.cert.Issuer.Folder), e.cert.ID(), k.pair
	k.mu.Unlock()
	changed := !merged.same(&before)
	if changed {
		if err := folder.save(id, &merged); err != nil {
			k.logf(errorlog.Error, "%v while keeping certificate, %s", err, about(e.cert))
		}
		k.wake()
	}
	if p != nil && (changed || !merged.same(&r)) {
		// The other node may have to be told it again one day.
		k.keep(p, certificateItem+name, &merged)
	}
}
