// Package acmetest is an authority that speaks ACME (RFC 8555), in memory: an
// http.RoundTripper, so that a test needs no network and, in a synctest bubble, no
// time. It is an http.Handler as well, for tests that need both.
package acmetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Directory is the authority's URL unless CA.Site says something else.
const Directory = "https://ca.test/dir"

// CA is an authority. Its fields may be set before it is used.
type CA struct {
	// Site is where it is reached, https://ca.test unless set.
	Site string
	// Check looks whether a name is the client's: what is answered at its place
	// must be keyAuth. nil: it is.
	Check func(challenge, name, token, keyAuth string) error
	// Fail may answer a request in place of the authority, with a problem of this
	// kind and status; 0: it does not.
	Fail func(path string) (status int, kind string)
	// Life is how long certificates are valid; 0: 90 days.
	Life time.Duration
	// Window is when it wants a certificate renewed; nil: it does not say.
	Window func(leaf *x509.Certificate) (start, end time.Time)

	mu       sync.Mutex
	key      *ecdsa.PrivateKey
	root     *x509.Certificate
	numbers  int64
	accounts map[string]*ecdsa.PublicKey // by URL
	orders   map[string]*order           // by path
	authz    map[string]*authorization   // by path
	issued   map[string]*x509.Certificate
	replaced []string // certificates, by what they are asked about by
	log      []string
}

type order struct {
	path, status string
	account      string
	names        []identifier
	authz        []string
	der          []byte
}

type identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type authorization struct {
	path, status, token string
	name                identifier
	order               *order
}

// New makes an authority.
func New() *CA {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	root, _ := x509.ParseCertificate(der)
	return &CA{Site: "https://ca.test", key: key, root: root, accounts: map[string]*ecdsa.PublicKey{}, orders: map[string]*order{}, authz: map[string]*authorization{},
		issued: map[string]*x509.Certificate{}}
}

// Accounts returns how many accounts were opened, Orders how many orders were
// placed, and Issued how many certificates were made.
func (ca *CA) Accounts() int { return ca.count(func() int { return len(ca.accounts) }) }

// Orders returns how many orders were placed.
func (ca *CA) Orders() int { return ca.count(func() int { return len(ca.orders) }) }

// Issued returns how many certificates were made.
func (ca *CA) Issued() int { return ca.count(func() int { return len(ca.issued) }) }

// Replaced returns how many certificates are replaced by an order that says so.
func (ca *CA) Replaced() int { return ca.count(func() int { return len(ca.replaced) }) }

// Forget has the authority forget the certificates that it has made: none of them can
// be replaced.
func (ca *CA) Forget() {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	clear(ca.issued)
}

// Log returns the paths that were asked for.
func (ca *CA) Log() []string {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return append([]string(nil), ca.log...)
}

func (ca *CA) count(f func() int) int {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return f()
}

// Client returns a client that knows the way to the authority.
func (ca *CA) Client() *http.Client { return &http.Client{Transport: ca} }

// RoundTrip implements http.RoundTripper.
func (ca *CA) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	a := &answer{header: http.Header{}, status: http.StatusOK}
	ca.mu.Lock()
	ca.numbers++
	a.header.Set("Replay-Nonce", fmt.Sprint("nonce", ca.numbers))
	ca.log = append(ca.log, r.URL.Path)
	ca.mu.Unlock()
	if ca.Fail != nil {
		if status, kind := ca.Fail(r.URL.Path); status != 0 {
			a.problem(status, kind, "told to fail")
			return a.response(r), nil
		}
	}
	if r.Method == http.MethodPost {
		ca.post(a, r.URL.Path, body)
	} else {
		ca.get(a, r.URL.Path)
	}
	return a.response(r), nil
}

// ServeHTTP implements http.Handler.
func (ca *CA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	res, err := ca.RoundTrip(r)
	if err != nil {
		return
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

// Root returns the certificate that all others are signed with.
func (ca *CA) Root() *x509.Certificate { return ca.root }

type answer struct {
	header http.Header
	status int
	body   []byte
}

func (a *answer) response(r *http.Request) *http.Response {
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Header: a.header, Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body))}
}

func (a *answer) json(status int, v any) {
	a.status = status
	a.header.Set("Content-Type", "application/json")
	a.body, _ = json.Marshal(v)
}

func (a *answer) problem(status int, kind, detail string) {
	a.json(status, map[string]any{"type": "urn:ietf:params:acme:error:" + kind, "detail": detail, "status": status})
	a.header.Set("Content-Type", "application/problem+json")
}

func (ca *CA) get(a *answer, path string) {
	switch {
	case path == "/dir":
		d := map[string]any{"newNonce": ca.Site + "/nonce", "newAccount": ca.Site + "/account", "newOrder": ca.Site + "/order", "revokeCert": ca.Site + "/revoke", "keyChange": ca.Site + "/key"}
		if ca.Window != nil {
			d["renewalInfo"] = ca.Site + "/renewal"
		}
		a.json(http.StatusOK, d)
	case path == "/nonce":
	case strings.HasPrefix(path, "/renewal/"):
		ca.mu.Lock()
		leaf := ca.issued[strings.TrimPrefix(path, "/renewal/")]
		ca.mu.Unlock()
		if leaf == nil {
			a.problem(http.StatusNotFound, "malformed", "no such certificate")
			return
		}
		start, end := ca.Window(leaf)
		a.json(http.StatusOK, map[string]any{"suggestedWindow": map[string]time.Time{"start": start, "end": end}})
	default:
		a.problem(http.StatusNotFound, "malformed", "no such resource")
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unb64(s string) []byte {
	b, _ := base64.RawURLEncoding.DecodeString(s)
	return b
}

// post takes a signed request apart (RFC 7515) and has it carried out.
func (ca *CA) post(a *answer, path string, body []byte) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	var signed struct{ Protected, Payload, Signature string }
	var head struct {
		KID string
		JWK *struct{ Crv, Kty, X, Y string }
	}
	if json.Unmarshal(body, &signed) != nil || json.Unmarshal(unb64(signed.Protected), &head) != nil {
		a.problem(http.StatusBadRequest, "malformed", "no JWS")
		return
	}
	account := head.KID
	public := ca.accounts[account]
	if head.JWK != nil {
		point := append(append([]byte{uncompressed}, unb64(head.JWK.X)...), unb64(head.JWK.Y)...)
		var err error
		if public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err != nil {
			a.problem(http.StatusBadRequest, "badPublicKey", err.Error())
			return
		}
		account = ca.Site + "/account/" + thumbprint(public)
	}
	if public == nil {
		a.problem(http.StatusBadRequest, "accountDoesNotExist", "no such account")
		return
	}
	sum := sha256.Sum256([]byte(signed.Protected + "." + signed.Payload))
	signature := unb64(signed.Signature)
	if len(signature) != 64 || !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		a.problem(http.StatusBadRequest, "malformed", "bad signature")
		return
	}
	payload := unb64(signed.Payload)
	switch kind := strings.Split(path, "/")[1]; {
	case path == "/account":
		status := http.StatusOK
		if ca.accounts[account] == nil {
			status = http.StatusCreated
			ca.accounts[account] = public
		}
		a.header.Set("Location", account)
		a.json(status, map[string]string{"status": "valid"})
	case path == "/order":
		ca.newOrder(a, account, payload)
	case kind == "order" && ca.orders[path] != nil && ca.orders[path].account == account:
		ca.showOrder(a, ca.orders[path])
	case kind == "authz" && ca.authz[path] != nil:
		ca.showAuthz(a, ca.authz[path])
	case kind == "challenge":
		ca.challenge(a, path, thumbprint(public))
	case kind == "finalize":
		ca.finalize(a, ca.orders["/order"+strings.TrimPrefix(path, "/finalize")], payload)
	case kind == "cert":
		o := ca.orders["/order"+strings.TrimPrefix(path, "/cert")]
		a.header.Set("Content-Type", "application/pem-certificate-chain")
		a.body = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.root.Raw})...)
	default:
		a.problem(http.StatusNotFound, "malformed", "no such resource")
	}
}

// uncompressed is the first byte of a point whose coordinates follow (SEC 1, 2.3.3).
const uncompressed = 4

// thumbprint is that of RFC 7638, of a key on P-256.
func thumbprint(k *ecdsa.PublicKey) string {
	point, err := k.Bytes()
	if err != nil {
		panic(err) // it was parsed
	}
	x, y := point[1:33], point[33:]
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + b64(x) + `","y":"` + b64(y) + `"}`))
	return b64(sum[:])
}

func (ca *CA) newOrder(a *answer, account string, payload []byte) {
	var request struct {
		Identifiers []identifier
		Replaces    string
	}
	_ = json.Unmarshal(payload, &request)
	if request.Replaces != "" {
		if ca.issued[request.Replaces] == nil || slices.Contains(ca.replaced, request.Replaces) {
			a.problem(http.StatusConflict, "alreadyReplaced", "it has been replaced, or is nobody's") // RFC 9773 section 5
			return
		}
		ca.replaced = append(ca.replaced, request.Replaces)
	}
	number := len(ca.orders) + 1
	o := &order{path: fmt.Sprint("/order/", number), status: "pending", account: account, names: request.Identifiers}
	for i, name := range o.names {
		name.Value = strings.TrimPrefix(name.Value, "*.") // RFC 8555 section 7.1.4
		z := &authorization{path: fmt.Sprintf("/authz/%d-%d", number, i), status: "pending", token: fmt.Sprintf("token-%d-%d", number, i), name: name, order: o}
		ca.authz[z.path] = z
		o.authz = append(o.authz, ca.Site+z.path)
	}
	ca.orders[o.path] = o
	a.header.Set("Location", ca.Site+o.path)
	ca.showOrder(a, o)
	a.status = http.StatusCreated
}

func (ca *CA) showOrder(a *answer, o *order) {
	if o.status == "pending" {
		ready := true
		for _, url := range o.authz {
			ready = ready && ca.authz[strings.TrimPrefix(url, ca.Site)].status == "valid"
		}
		if ready {
			o.status = "ready"
		}
	}
	v := map[string]any{"status": o.status, "identifiers": o.names, "authorizations": o.authz, "finalize": ca.Site + "/finalize" + strings.TrimPrefix(o.path, "/order")}
	if o.status == "valid" {
		v["certificate"] = ca.Site + "/cert" + strings.TrimPrefix(o.path, "/order")
	}
	a.json(http.StatusOK, v)
}

func (ca *CA) showAuthz(a *answer, z *authorization) {
	var challenges []map[string]any
	for _, kind := range []string{"http-01", "tls-alpn-01", "dns-01"} {
		challenges = append(challenges, map[string]any{"type": kind, "url": ca.Site + "/challenge" + strings.TrimPrefix(z.path, "/authz") + "/" + kind, "token": z.token, "status": z.status})
	}
	a.json(http.StatusOK, map[string]any{"status": z.status, "identifier": z.name, "challenges": challenges})
}

func (ca *CA) challenge(a *answer, path, thumb string) {
	words := strings.Split(path, "/")
	z := ca.authz["/authz/"+words[2]]
	check := ca.Check
	if z.status == "pending" {
		ca.mu.Unlock()
		var err error
		if check != nil {
			err = check(words[3], z.name.Value, z.token, z.token+"."+thumb)
		}
		ca.mu.Lock()
		z.status = "valid"
		if err != nil {
			z.status, z.order.status = "invalid", "invalid"
		}
	}
	a.json(http.StatusOK, map[string]any{"type": words[3], "url": ca.Site + path, "token": z.token, "status": z.status})
}

func (ca *CA) finalize(a *answer, o *order, payload []byte) {
	der, err := ca.sign(o, payload)
	if err != nil {
		a.problem(http.StatusForbidden, "badCSR", err.Error())
		return
	}
	o.der, o.status = der, "valid"
	ca.showOrder(a, o)
}

func (ca *CA) sign(o *order, payload []byte) ([]byte, error) {
	if o == nil || o.status != "ready" {
		return nil, errors.New("the order is not ready")
	}
	var request struct{ CSR string }
	_ = json.Unmarshal(payload, &request)
	csr, err := x509.ParseCertificateRequest(unb64(request.CSR))
	if err != nil {
		return nil, err
	}
	life := ca.Life
	if life == 0 {
		life = 90 * 24 * time.Hour
	}
	ca.numbers++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1000 + ca.numbers), Subject: csr.Subject, DNSNames: csr.DNSNames, IPAddresses: csr.IPAddresses,
		NotBefore: time.Now(), NotAfter: time.Now().Add(life), AuthorityKeyId: []byte("test CA"),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.root, csr.PublicKey, ca.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	serial := leaf.SerialNumber.Bytes()
	if serial[0]&0x80 != 0 {
		serial = append([]byte{0}, serial...)
	}
	ca.issued[b64(leaf.AuthorityKeyId)+"."+b64(serial)] = leaf
	return der, nil
}
