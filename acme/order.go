package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	rfc8555 "golang.org/x/crypto/acme"

	"tandem/internal/version"
)

// conversation is one with an authority about one certificate.
type conversation struct {
	cert   *Certificate
	client *rfc8555.Client
	old    *x509.Certificate // that is renewed, nil for none
	// save keeps an order, on this node and the other one, before anything is done
	// that only who has it can go on with.
	save func(*Pending) error
	// present sees to it that an answer is given by whoever is asked; remove ends
	// that.
	present func(context.Context, Answer) error
	remove  func(token string)
	// ends are what is to be done about answers when the order is over: until then
	// the authority may look again, as it does when the node that goes on with an
	// order tells it to look a second time.
	ends []func()
	// warn tells of what does not end the order.
	warn func(error)
}

// retries is how often a request is repeated that the authority could not answer,
// and longestRetry for how long it may ask to wait meanwhile; longer than that is
// a failure of the order.
const (
	retries      = 5
	longestRetry = 10 * time.Second
)

// newClient makes the client of an account.
func newClient(i *Issuer, key crypto.Signer, account string) *rfc8555.Client {
	return &rfc8555.Client{
		Key: key, KID: rfc8555.KeyID(account), DirectoryURL: i.Directory, HTTPClient: i.Client, UserAgent: "tandem/" + version.Tandem,
		RetryBackoff: func(n int, _ *http.Request, res *http.Response) time.Duration {
			if n > retries || res.StatusCode == http.StatusTooManyRequests {
				return -1
			}
			if res.StatusCode == http.StatusBadRequest { // a nonce that was used up
				return time.Millisecond
			}
			return min(time.Second<<(n-1), longestRetry)
		},
	}
}

// register finds the account of a key, or opens one; it returns its URL.
func register(ctx context.Context, i *Issuer, c *rfc8555.Client) (string, error) {
	account := &rfc8555.Account{Contact: i.Contact}
	if b := i.Binding; b != nil {
		account.ExternalAccountBinding = &rfc8555.ExternalAccountBinding{KID: b.KeyID, Key: b.Key}
	}
	terms := ""
	_, err := c.Register(ctx, account, func(url string) bool {
		terms = url
		return i.AgreeTOS
	})
	if errors.Is(err, rfc8555.ErrAccountAlreadyExists) {
		err = nil
	}
	if err != nil && terms != "" && !i.AgreeTOS {
		return "", fmt.Errorf("%w; the terms of service %s are not accepted", err, terms)
	}
	return string(c.KID), err
}

// errOver says that an order will not come to anything: the next one is new.
type errOver struct{ error }

func (e errOver) Unwrap() error { return e.error }

// over reports whether an order is over after an error. A lost connection, or an
// authority that has no time, end nothing.
func over(err error) bool {
	var done errOver
	var authz *rfc8555.AuthorizationError
	var order *rfc8555.OrderError
	var problem *rfc8555.Error
	switch {
	case errors.As(err, &done), errors.As(err, &authz), errors.As(err, &order):
		return true
	case errors.As(err, &problem):
		return problem.StatusCode >= 400 && problem.StatusCode < 500 && problem.StatusCode != http.StatusTooManyRequests
	}
	return false
}

// rateLimit returns how long an authority asks to be left alone, 0 if it does not.
func rateLimit(err error) time.Duration {
	var problem *rfc8555.Error
	if !errors.As(err, &problem) {
		return 0
	}
	d, _ := rfc8555.RateLimit(problem)
	return d
}

// obtain goes through an order: the one that is under way, or a new one. It
// returns the chain and the key in PEM.
func (c *conversation) obtain(ctx context.Context, p *Pending) (chain, key string, err error) {
	defer func() {
		if err != nil && !over(err) {
			return
		}
		for _, end := range c.ends {
			end()
		}
	}()
	var o *rfc8555.Order
	if p != nil {
		if o, err = c.client.GetOrder(ctx, p.URL); err != nil && over(err) || err == nil && o.Status == rfc8555.StatusInvalid {
			p = nil // it has been forgotten, or has failed
		} else if err != nil {
			return "", "", err
		}
	}
	if p == nil {
		if o, p, err = c.begin(ctx); err != nil {
			return "", "", err
		}
	}
	if o.Status == rfc8555.StatusPending {
		if err := c.authorize(ctx, o); err != nil {
			return "", "", err
		}
	}
	if o.Status != rfc8555.StatusValid {
		if o, err = c.client.WaitOrder(ctx, p.URL); err != nil {
			return "", "", err
		}
	}
	der, err := c.finalize(ctx, o, p)
	if err != nil {
		return "", "", err
	}
	var text bytes.Buffer
	for _, b := range der {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: b})
	}
	r := Record{Chain: text.String(), Key: p.Key}
	if err := r.check(); err != nil {
		return "", "", errOver{err}
	}
	if !c.cert.covers(r.leaf()) {
		return "", "", errOver{errors.New("the certificate is not for all names")}
	}
	return r.Chain, r.Key, nil
}

// begin places an order.
func (c *conversation) begin(ctx context.Context) (*rfc8555.Order, *Pending, error) {
	profile, err := c.profile(ctx)
	if err != nil {
		return nil, nil, err
	}
	key, err := c.cert.Key.generate()
	if err != nil {
		return nil, nil, err
	}
	var ids []rfc8555.AuthzID
	for _, name := range c.cert.Names {
		kind := "dns"
		if _, err := netip.ParseAddr(name); err == nil {
			kind = "ip"
		}
		ids = append(ids, rfc8555.AuthzID{Type: kind, Value: name})
	}
	var o *rfc8555.Order
	if c.old != nil {
		o, err = c.successor(ctx, ids, profile)
		if err != nil && err != errNoRenewalInfo && ctx.Err() == nil {
			c.warn(fmt.Errorf("%w: the order does not say what it renews", err))
		}
	}
	if o == nil {
		var options []rfc8555.OrderOption
		if profile != "" {
			options = append(options, rfc8555.WithOrderIssuanceProfile(rfc8555.ProfileName(profile)))
		}
		if o, err = c.client.AuthorizeOrder(ctx, ids, options...); err != nil {
			return nil, nil, err
		}
	}
	p := &Pending{URL: o.URI, Key: key, Begun: time.Now()}
	return o, p, c.save(p)
}

// profile returns the profile to ask for, "" for none.
func (c *conversation) profile(ctx context.Context) (string, error) {
	i := c.cert.Issuer
	if i.Profile == "" {
		return "", nil
	}
	directory, err := c.client.Discover(ctx)
	if err != nil {
		return "", err
	}
	if _, ok := directory.Profiles[rfc8555.ProfileName(i.Profile)]; ok {
		return i.Profile, nil
	}
	if i.NeedsProfile {
		return "", fmt.Errorf("the authority does not have the profile \"%s\"", i.Profile)
	}
	return "", nil
}

// authorize shows the authority that all names of an order are ours.
func (c *conversation) authorize(ctx context.Context, o *rfc8555.Order) error {
	for _, url := range o.AuthzURLs {
		a, err := c.client.GetAuthorization(ctx, url)
		if err != nil {
			return err
		}
		if a.Status == rfc8555.StatusValid {
			continue
		}
		if err := c.answer(ctx, url, a); err != nil {
			return fmt.Errorf("%s: %w", a.Identifier.Value, err)
		}
	}
	return nil
}

// answerLife is how long an answer is kept at most.
const answerLife = time.Hour

func (c *conversation) answer(ctx context.Context, url string, a *rfc8555.Authorization) error {
	want := c.cert.Issuer.Challenge
	for _, challenge := range a.Challenges {
		if Challenge(challenge.Type) != want {
			continue
		}
		end, err := c.prepare(ctx, a.Identifier.Value, challenge.Token)
		if err != nil {
			return err
		}
		if challenge.Status == rfc8555.StatusPending {
			if _, err := c.client.Accept(ctx, challenge); err != nil {
				return err
			}
		}
		c.ends = append(c.ends, end)
		_, err = c.client.WaitAuthorization(ctx, url)
		return err
	}
	return errOver{fmt.Errorf("the authority does not offer the challenge %s", want)}
}

// prepare sees to it that the authority finds what it looks for; end is for when it
// has.
func (c *conversation) prepare(ctx context.Context, name, token string) (end func(), err error) {
	want := c.cert.Issuer.Challenge
	if want == DNS01 && c.cert.Issuer.Records != nil {
		record, err := c.client.DNS01ChallengeRecord(token)
		if err != nil {
			return nil, err
		}
		full := "_acme-challenge." + name
		return func() { c.unpublish(context.WithoutCancel(ctx), full, record) }, c.cert.Issuer.Records.Add(ctx, full, record)
	}
	keyAuth, err := c.client.HTTP01ChallengeResponse(token) // the same for both
	if err != nil {
		return nil, err
	}
	answer := Answer{Challenge: want, Name: name, Token: token, KeyAuth: keyAuth, Until: time.Now().Add(answerLife)}
	return func() { c.remove(token) }, c.present(ctx, answer)
}

// removeLimit is how long a record may take to be removed.
const removeLimit = time.Minute

// unpublish removes a record. One that stays does no harm.
func (c *conversation) unpublish(ctx context.Context, name, record string) {
	ctx, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	if err := c.cert.Issuer.Records.Remove(ctx, name, record); err != nil {
		c.warn(fmt.Errorf("%w while removing the record of %s", err, name))
	}
}

// finalize has the certificate made, if that has not been done, and fetches it.
func (c *conversation) finalize(ctx context.Context, o *rfc8555.Order, p *Pending) (der [][]byte, err error) {
	url := o.CertURL
	if o.Status == rfc8555.StatusValid {
		der, err = c.client.FetchCert(ctx, url, true)
	} else {
		var request []byte
		if request, err = c.request(p); err == nil {
			o.URI = p.URL // not every answer has it
			der, url, err = c.client.CreateCertFromOrder(ctx, o, request, true)
		}
	}
	if err != nil || c.fromPreferred(der) {
		return der, err
	}
	others, err := c.client.ListCertAlternates(ctx, url)
	if err != nil {
		return der, nil
	}
	for _, other := range others {
		if chain, err := c.client.FetchCert(ctx, other, true); err == nil && c.fromPreferred(chain) {
			return chain, nil
		}
	}
	return der, nil
}

// fromPreferred reports whether the last certificate of a chain was issued by the
// preferred name, if there is one.
func (c *conversation) fromPreferred(der [][]byte) bool {
	name := c.cert.Issuer.PreferredChain
	if name == "" || len(der) == 0 {
		return true
	}
	last, err := x509.ParseCertificate(der[len(der)-1])
	return err == nil && last.Issuer.CommonName == name
}

// request makes the certificate request.
func (c *conversation) request(p *Pending) ([]byte, error) {
	key, err := parseKey(p.Key)
	if err != nil {
		return nil, errOver{err}
	}
	r := &x509.CertificateRequest{}
	for _, name := range c.cert.Names {
		if addr, err := netip.ParseAddr(name); err == nil {
			r.IPAddresses = append(r.IPAddresses, net.IP(addr.AsSlice()))
		} else {
			r.DNSNames = append(r.DNSNames, name)
		}
	}
	if c.cert.Issuer.CommonName {
		r.Subject = pkix.Name{CommonName: c.cert.Title()}
	}
	return x509.CreateCertificateRequest(rand.Reader, r, key)
}
