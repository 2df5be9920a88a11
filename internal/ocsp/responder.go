// Package ocsp asks responders whether certificates are still good (RFC 6960), as
// OpenSSL and nginx do: who is asked, how, and which answers count.
package ocsp

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/crypto/ocsp"
)

// Responder is who is asked.
type Responder struct {
	Host string // a name or an address
	url  string // with a final slash
}

// ReadResponder reads the URL of a responder. The error is in nginx's words, which
// go on with "in OCSP responder".
func ReadResponder(text string) (*Responder, error) {
	const scheme = "http://"
	if len(text) <= len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
		return nil, errors.New("invalid URL prefix")
	}
	u, err := url.Parse(scheme + text[len(scheme):])
	switch {
	case err != nil && strings.Contains(err.Error(), "port"):
		return nil, errors.New("invalid port")
	case err != nil:
		return nil, errors.New("invalid host")
	case u.Hostname() == "":
		return nil, errors.New("no host")
	}
	full := u.String()
	if !strings.HasSuffix(full, "/") {
		full += "/"
	}
	return &Responder{u.Hostname(), full}, nil
}

// ResponderOf returns the responder that a certificate names, an error of
// ReadResponder's kind; nil if it names none.
func ResponderOf(c *x509.Certificate) (*Responder, error) {
	if len(c.OCSPServer) == 0 {
		return nil, nil
	}
	return ReadResponder(c.OCSPServer[0])
}

// maxResponse bounds a response, in bytes; nginx takes 16 KB.
const maxResponse = 64 << 10

// Dial connects to a responder's host.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Ask asks a responder for the status of a certificate, and returns its answer as
// it is. As in nginx the question goes into a URL (RFC 6960 appendix A.1).
func (r *Responder) Ask(ctx context.Context, dial Dial, cert, issuer *x509.Certificate) ([]byte, error) {
	question, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return nil, fmt.Errorf("OCSP_cert_to_id() failed (%w)", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+url.QueryEscape(base64.StdEncoding.EncodeToString(question)), http.NoBody)
	if err != nil {
		return nil, err
	}
	way := &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true}
	resp, err := way.RoundTrip(req)
	if err != nil {
		return nil, failure(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("OCSP responder sent status %d", resp.StatusCode)
	}
	const want = "application/ocsp-response"
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != want {
		return nil, fmt.Errorf("OCSP responder sent invalid \"Content-Type\" header: %q", resp.Header.Get("Content-Type"))
	}
	var answer bytes.Buffer
	if _, err := io.Copy(&answer, io.LimitReader(resp.Body, maxResponse+1)); err != nil {
		return nil, failure(ctx, err)
	}
	if answer.Len() > maxResponse {
		return nil, errors.New("OCSP responder sent too much data")
	}
	return answer.Bytes(), nil
}

// failure is why there is no answer, in nginx's words where these have some.
func failure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("OCSP responder timed out")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("OCSP responder prematurely closed connection")
	}
	return err
}
