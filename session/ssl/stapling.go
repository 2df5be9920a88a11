package ssl

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/ocsp"
	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/resolver"
)

// stapler asks a responder again and again what it says of a certificate of files, for
// servers to show it to their clients (RFC 6066 section 8).
type stapler struct {
	as        stapleKey
	live      *live
	responder *ocsp.Responder // of ssl_stapling_responder, nil: the certificate's own
	store     *pki.Trust
	dial      ocsp.Dial

	now atomic.Pointer[staple] // nil: none yet

	// The watcher's, and of renew while that is at work:
	busy   atomic.Bool
	asked  *tls.Certificate // about which one last
	next   time.Time        // when it is asked again about that
	failed time.Duration    // what was waited for after the last failure, 0: there was none
}

// stapleKey is what staplers have in common that are one, in one configuration and
// the next.
type stapleKey struct {
	files              [2]string
	responder, trusted string
	verify             bool
}

// staple is what a responder has said.
type staple struct {
	leaf  *x509.Certificate // of whom
	der   []byte
	until time.Time // zero: for good
	next  time.Time // when it is worth asking again
}

// How often a responder is asked, as by nginx: before the answer ends, but not sooner
// than in 5 minutes nor later than in an hour. After a failure nginx waits for 5 minutes;
// the first ones may be of a machine that starts, so the time doubles up to that.
const (
	askAgain   = 5 * time.Minute
	askLatest  = time.Hour
	firstRetry = 10 * time.Second
	askLimit   = time.Minute // how long a responder may take
	askAtOnce  = 4           // how many of them are asked at a time
)

// maxChain is how many certificates may stand between a responder's and a trusted one,
// as for OpenSSL.
const maxChain = 100

// loadStaplers finds out whom to ask about the certificates of srv. What cannot be
// stapled is a warning.
func (c *settings) loadStaplers(srv *session.Server, at *session.Level) error {
	if !c.stapling.V || c.staple != nil || c.live == nil {
		return nil
	}
	store, err := srv.Realm.PKI.Trust("", maxChain, c.trustedFiles()...)
	if err != nil {
		return &nc.Error{Pos: srv.Pos, Msg: err.Error()}
	}
	dialer := resolver.DialerOf(at)
	dialer.System = true
	var responder *ocsp.Responder
	if c.staplingFrom.V != "" {
		responder, err = ocsp.ReadResponder(c.staplingFrom.V)
	}
	certs := stores.Of(srv.Realm)
	var errs []error
	for _, l := range c.live {
		as := stapleKey{l.files, c.staplingFrom.V, strings.Join(c.trustedFiles(), " "), c.staplingHard.V}
		st := certs.stapler(as)
		if st == nil {
			st = &stapler{as: as, live: l, responder: responder, store: store, dial: dialer.DialContext}
			why := cmp.Or(err, st.check())
			if err != nil {
				why = fmt.Errorf("%w in OCSP responder \"%s\" in the certificate \"%s\"", err, c.staplingFrom.V, l.files[0])
			}
			if why != nil {
				errs = append(errs, &nc.Error{Pos: srv.Pos, Severity: nc.Warn, Msg: "\"ssl_stapling\" ignored, " + why.Error()})
				st = nil
			} else {
				st.takeOver(srv.Realm)
				certs.staplers = append(certs.staplers, st)
			}
		}
		c.staplers = append(c.staplers, st)
	}
	return errors.Join(errs...)
}

func (s *store) stapler(as stapleKey) *stapler {
	for _, st := range s.staplers {
		if st.as == as {
			return st
		}
	}
	return nil
}

// check finds out whether there is somebody to ask.
func (st *stapler) check() error {
	_, _, err := st.question(st.live.now.Load())
	return err
}

// takeOver has what the configuration before was told hold in this one.
func (st *stapler) takeOver(r *session.Realm) {
	if r.Previous == nil {
		return
	}
	old := stores.Of(r.Previous).stapler(st.as)
	if old == nil {
		return
	}
	pair := st.live.now.Load()
	if s := old.now.Load(); s != nil && bytes.Equal(s.leaf.Raw, pair.Leaf.Raw) {
		st.now.Store(&staple{pair.Leaf, s.der, s.until, s.next})
		st.asked, st.next = pair, s.next
	}
}

// question returns whom to ask about a certificate, and what. The error is in nginx's
// words.
func (st *stapler) question(pair *tls.Certificate) (*ocsp.Responder, *ocsp.Question, error) {
	q := &ocsp.Question{Cert: pair.Leaf, Store: st.store, Trust: ocsp.NoVerify}
	if st.as.verify {
		q.Trust = ocsp.TrustOther
	}
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			q.Chain = append(q.Chain, c)
		}
	}
	if q.Issuer = pki.IssuerAmong(pair.Leaf, q.Chain); q.Issuer == nil {
		q.Issuer = st.store.IssuerOf(pair.Leaf)
	}
	if q.Issuer == nil {
		return nil, nil, fmt.Errorf("issuer certificate not found for certificate \"%s\"", st.live.files[0])
	}
	responder, err := st.responder, error(nil)
	if responder == nil {
		responder, err = ocsp.ResponderOf(pair.Leaf)
	}
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w in OCSP responder \"%s\" in the certificate \"%s\"", err, pair.Leaf.OCSPServer[0], st.live.files[0])
	case responder == nil:
		return nil, nil, fmt.Errorf("no OCSP responder URL in the certificate \"%s\"", st.live.files[0])
	}
	return responder, q, nil
}

// isDue reports whether it is time to ask.
func (st *stapler) isDue(now time.Time) bool {
	return !st.busy.Load() && (st.asked != st.live.now.Load() || !now.Before(st.next)) && st.busy.CompareAndSwap(false, true)
}

// renew asks, when one of the free places is to be had.
func (st *stapler) renew(ctx context.Context, free chan struct{}, log *errorlog.Log) {
	defer st.busy.Store(false)
	select {
	case free <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-free }()
	pair := st.live.now.Load()
	if pair != st.asked {
		st.failed = 0
	}
	err := error(nil)
	if panicked := contain.Run("OCSP stapling", func() { err = st.ask(ctx, pair) }); panicked != nil {
		err = panicked
	}
	st.asked = pair
	switch {
	case err == nil:
		st.failed, st.next = 0, st.now.Load().next
	case ctx.Err() == nil:
		log.Printf(errorlog.Error, "%v, certificate: \"%s\"", err, st.live.files[0])
		st.failed = min(max(2*st.failed, firstRetry), askAgain)
		st.next = time.Now().Add(st.failed)
	}
}

// ask asks once, and keeps a good answer.
func (st *stapler) ask(ctx context.Context, pair *tls.Certificate) error {
	responder, q, err := st.question(pair)
	if err != nil {
		return fmt.Errorf("\"ssl_stapling\": %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	der, verdict, err := inquire(ctx, responder, st.dial, q)
	if err == nil && verdict.Status != ocsp.Good {
		err = fmt.Errorf("certificate status \"%v\" in the OCSP response", verdict.Status)
	}
	if err != nil {
		return whileAsking(responder, err)
	}
	st.now.Store(&staple{pair.Leaf, der, verdict.Until, nextAsking(verdict.Until, time.Now())})
	return nil
}

// nextAsking returns when to ask again for an answer that is good until a time.
func nextAsking(until, now time.Time) time.Time {
	next := now.Add(askLatest)
	if early := until.Add(-askAgain); !until.IsZero() && early.Before(next) {
		next = early
	}
	if soonest := now.Add(askAgain); next.Before(soonest) {
		return soonest
	}
	return next
}

// latest returns what the responder has said last, nil for nothing.
func (st *stapler) latest() *staple {
	if st == nil {
		return nil
	}
	return st.now.Load()
}

// forLeaf returns what is to be stapled to a certificate, nil for nothing.
func (s *staple) forLeaf(leaf *x509.Certificate, now time.Time) []byte {
	if s == nil || s.leaf != leaf || !s.until.IsZero() && now.After(s.until) {
		return nil
	}
	return s.der
}

// readStaple reads ssl_stapling_file.
func readStaple(name string) ([]byte, error) {
	der, err := readFile(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("BIO_new_file(\"%s\") failed (%w)", name, err)
	case !ocsp.IsResponse(der):
		return nil, fmt.Errorf("d2i_OCSP_RESPONSE_bio(\"%s\") failed", name)
	}
	return der, nil
}
