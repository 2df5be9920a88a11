package ocsp_test

import (
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"

	"tandem/internal/ocsp"
	"tandem/internal/ocsp/ocsptest"
	"tandem/internal/pki"
)

// trusting returns a store that trusts a certificate.
func trusting(t testing.TB, root string) *pki.Trust {
	t.Helper()
	name := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(name, []byte(root), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := new(pki.Files).Trust("", 100, name)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Which answers count, by who signed them and how much is asked of that one.
func TestWhoMaySign(t *testing.T) {
	a, stranger := ocsptest.New(t), ocsptest.New(t)
	leaf := a.Issue("a.test").Leaf
	delegate, other := a.Issue("responder", x509.ExtKeyUsageOCSPSigning), a.Issue("b.test", x509.ExtKeyUsageServerAuth)
	foreign := stranger.Issue("responder", x509.ExtKeyUsageOCSPSigning)
	now := time.Now()
	good := xocsp.Response{Status: xocsp.Good, SerialNumber: leaf.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour)}
	byIssuer := a.Response(good, nil)
	broken := append([]byte(nil), byIssuer...)
	broken[len(broken)-1] ^= 1
	for _, c := range []struct {
		name                      string
		answer                    []byte
		noVerify, other, explicit string // what is wrong with it, "" for nothing
	}{
		{"the issuer", byIssuer, "", "", ""},
		{"the issuer, with a wrong signature", broken, "signature failure", "signature failure", "signature failure"},
		{"a delegate", a.Response(good, &delegate), "", "", ""},
		{"another certificate", a.Response(good, &other), "", "missing ocspsigning usage", "missing ocspsigning usage"},
		{"a delegate of somebody else", a.Response(good, &foreign), "", "certificate verify error", "certificate verify error"},
		{"somebody else, of the issuer's name", stranger.Response(good, nil), "signature failure", "signature failure", "signature failure"},
	} {
		store := trusting(t, a.RootPEM())
		for trust, want := range map[ocsp.Trust]string{ocsp.NoVerify: c.noVerify, ocsp.TrustOther: c.other, ocsp.Explicit: c.explicit} {
			q := ocsp.Question{Cert: leaf, Issuer: a.Root, Trust: trust, Store: store}
			v, err := q.Check(c.answer, now)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), "OCSP_basic_verify() failed ("+want) || err == nil && v.Status != ocsp.Good {
				t.Errorf("%s, %d: %v, %v; want %q", c.name, trust, v, err, want)
			}
		}
	}
	// What only a file of trusted certificates has is not enough for one that
	// nobody trusts.
	q := ocsp.Question{Cert: leaf, Issuer: a.Root, Trust: ocsp.Explicit, Store: trusting(t, stranger.RootPEM())}
	if _, err := q.Check(byIssuer, now); err == nil {
		t.Error("an issuer that is not trusted may sign")
	}
}

// What an answer says, and for how long.
func TestWhatAnAnswerSays(t *testing.T) {
	a := ocsptest.New(t)
	leaf, other := a.Issue("a.test").Leaf, a.Issue("b.test").Leaf
	now := time.Now().Truncate(time.Second)
	q := ocsp.Question{Cert: leaf, Issuer: a.Root}
	of := func(status int, from, until time.Duration) []byte {
		r := xocsp.Response{Status: status, SerialNumber: leaf.SerialNumber, ThisUpdate: now.Add(from)}
		if until != 0 {
			r.NextUpdate = now.Add(until)
		}
		return a.Response(r, nil)
	}
	for _, c := range []struct {
		answer []byte
		status ocsp.Status
		until  time.Duration
		err    string
	}{
		{of(xocsp.Good, 0, time.Hour), ocsp.Good, time.Hour, ""},
		{of(xocsp.Revoked, 0, time.Hour), ocsp.Revoked, time.Hour, ""},
		{of(xocsp.Unknown, 0, 0), ocsp.Unknown, 0, ""},
		{of(xocsp.Good, 4*time.Minute, time.Hour), ocsp.Good, time.Hour, ""},
		{of(xocsp.Good, -time.Hour, -4*time.Minute), ocsp.Good, -4 * time.Minute, ""},
		{of(xocsp.Good, 6*time.Minute, time.Hour), 0, 0, "OCSP_check_validity() failed (status not yet valid)"},
		{of(xocsp.Good, -time.Hour, -6*time.Minute), 0, 0, "OCSP_check_validity() failed (status expired)"},
		{of(xocsp.Good, time.Minute, -time.Minute), 0, 0, "OCSP_check_validity() failed (nextupdate before thisupdate)"},
		{a.Response(xocsp.Response{SerialNumber: other.SerialNumber, ThisUpdate: now}, nil), 0, 0, "d2i_OCSP_RESPONSE() failed"},
		{xocsp.UnauthorizedErrorResponse, 0, 0, "OCSP response not successful (6: unauthorized)"},
		{xocsp.TryLaterErrorResponse, 0, 0, "OCSP response not successful (3: trylater)"},
		{[]byte("nonsense"), 0, 0, "d2i_OCSP_RESPONSE() failed"},
	} {
		v, err := q.Check(c.answer, now)
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%v, want %s", err, c.err)
			}
			continue
		}
		if err != nil || v.Status != c.status || v.Until.IsZero() != (c.until == 0) || c.until != 0 && !v.Until.Equal(now.Add(c.until)) {
			t.Errorf("%v, %v; want %v, %v", v, err, c.status, c.until)
		}
	}
}

// A responder is asked for what nginx asks for, and what is no answer is an error in
// nginx's words.
func TestAsk(t *testing.T) {
	a := ocsptest.New(t)
	leaf := a.Issue("a.test").Leaf
	r, err := ocsp.ResponderOf(leaf)
	if err != nil {
		t.Fatal(err)
	}
	der, err := r.Ask(t.Context(), new(net.Dialer).DialContext, leaf, a.Root)
	if err != nil || !ocsp.IsResponse(der) || len(a.Asked()) != 1 || a.Asked()[0] != leaf.SerialNumber.Int64() {
		t.Errorf("%v, asked about %v", err, a.Asked())
	}
	for want, answer := range map[string]http.HandlerFunc{
		"OCSP responder sent status 404":                            http.NotFound,
		"OCSP responder sent invalid \"Content-Type\" header: \"\"": func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil },
		"OCSP responder sent too much data": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/ocsp-response")
			_, _ = w.Write(make([]byte, 65<<10))
		},
		"OCSP responder prematurely closed connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"connection refused":                           nil,
	} {
		s := httptest.NewServer(answer)
		if answer == nil {
			s.Close()
		}
		r, err := ocsp.ReadResponder(s.URL + "/base")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = r.Ask(t.Context(), new(net.Dialer).DialContext, leaf, a.Root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		s.Close()
	}
	for text, want := range map[string]string{
		"https://a.test": "invalid URL prefix", "http:/": "invalid URL prefix", "http:///x": "no host", "http://a.test:x/": "invalid port", "http://[::1": "invalid host",
		"HTTP://a.test:81/x": "", "http://127.0.0.1": "",
	} {
		if _, err := ocsp.ReadResponder(text); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// No answer ends the process, and none is good that the issuer has not signed.
func FuzzCheck(f *testing.F) {
	block, _ := pem.Decode([]byte(fuzzRoot))
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		f.Fatal(err)
	}
	a, store := ocsptest.New(f), trusting(f, fuzzRoot)
	f.Add(a.Response(xocsp.Response{SerialNumber: big.NewInt(1), ThisUpdate: time.Now()}, nil))
	f.Add(xocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, der []byte) {
		q := ocsp.Question{Cert: root, Issuer: root, Trust: ocsp.Explicit, Store: store}
		if v, err := q.Check(der, time.Now()); err == nil {
			t.Errorf("%v", v)
		}
		ocsp.IsResponse(der)
	})
}

// fuzzRoot is a certificate whose key is nowhere.
const fuzzRoot = `
-----BEGIN CERTIFICATE-----
MIIBYTCCAQigAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARyb290MCAX
DTI2MTEyOTA4MjQ0M1oYDzIxMjYxMTA1MDgyNDQzWjAPMQ0wCwYDVQQDDARyb290
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErPfM/tZA/ZrKN4TtmFzvf2xtSfOm
QMDzrPSu0kJ5s+mSwHHyDhT3cBVgyvm6G5+TSbg0OQPNiFsuyw/z0cedUKNTMFEw
HQYDVR0OBBYEFOYNwZaYqWbGHODJF4yi4df/ewQEMB8GA1UdIwQYMBaAFOYNwZaY
qWbGHODJF4yi4df/ewQEMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAw
RAIgN1zQOyhPz66emRrHOZjIP1M0Vp+LsZ89TbYUGR8lj7MCIA7c+tfITOwqoIJZ
f5vNLZSU9R1PD+wE9wBErZTQEbF6
-----END CERTIFICATE-----
`
