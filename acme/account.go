package acme

import (
	"context"
	"errors"
	"strings"

	rfc8555 "golang.org/x/crypto/acme"

	"tandem/internal/errorlog"
)

// client returns a client with the account of an issuer, which is opened if need
// be. The other node has the account's key before the authority knows of it.
func (k *Keeper) client(ctx context.Context, i *Issuer) (*rfc8555.Client, error) {
	k.mu.Lock()
	b := k.accounts[i.Name]
	k.mu.Unlock()
	if err := b.take(ctx); err != nil {
		return nil, err
	}
	defer b.leave()
	if err := k.open(b, i); err != nil {
		return nil, err
	}
	key := i.OwnKey
	if key == nil {
		var err error
		if key, err = parseKey(b.Key); err != nil {
			return nil, err
		}
	}
	c := newClient(i, key, b.URL)
	if err := k.share(ctx, accountItem+i.Name, &b.account); err != nil || b.URL != "" {
		return c, err
	}
	url, err := register(ctx, i, c)
	if err != nil {
		return nil, err
	}
	k.logf(errorlog.Notice, "account \"%s\", acme issuer: \"%s\"", url, i.Name)
	b.URL = url
	if err := store(i.Folder).saveAccount(b.account); err != nil {
		k.logf(errorlog.Error, "%v while keeping account, acme issuer: \"%s\"", err, i.Name)
	}
	return c, k.share(ctx, accountItem+i.Name, &b.account)
}

// open reads the account's key, or makes one. Called by who has the
// turn.
func (k *Keeper) open(b *bank, i *Issuer) error {
	if !b.loaded {
		kept, err := store(i.Folder).loadAccount()
		if err != nil {
			return err
		}
		if b.Key == "" { // the other node may have told one
			b.account = kept
		}
		b.loaded = true
	}
	if b.Directory != i.Directory {
		b.URL, b.Directory = "", i.Directory
	}
	if b.Key != "" || i.OwnKey != nil {
		return nil
	}
	var err error
	if b.Key, err = i.AccountKey.generate(); err != nil {
		return err
	}
	// A key that is not kept would be another account at the next start.
	return store(i.Folder).saveAccount(b.account)
}

// forgotten notes that the authority does not know the account any more, if that is
// what it has said.
func (k *Keeper) forgotten(ctx context.Context, i *Issuer, err error) {
	var problem *rfc8555.Error
	if !errors.As(err, &problem) || !strings.HasSuffix(problem.ProblemType, ":accountDoesNotExist") {
		return
	}
	k.mu.Lock()
	b := k.accounts[i.Name]
	k.mu.Unlock()
	if b.take(ctx) == nil {
		b.URL = ""
		b.leave()
	}
}
