package acme

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxReply is how much of an authority's answer is read.
const maxReply = 1 << 20

var errNoRenewalInfo = errors.New("the authority does not say when to renew")

// renewalInfo asks when a certificate is to be renewed (RFC 9773), and when to ask
// again.
func (i *Issuer) renewalInfo(ctx context.Context, leaf *x509.Certificate) (w window, again time.Duration, err error) {
	var directory struct {
		RenewalInfo string `json:"renewalInfo"`
	}
	if _, err := i.fetch(ctx, i.Directory, &directory); err != nil {
		return w, 0, err
	}
	if directory.RenewalInfo == "" {
		return w, 0, errNoRenewalInfo
	}
	id, err := renewalID(leaf)
	if err != nil {
		return w, 0, err
	}
	var info struct{ SuggestedWindow window }
	header, err := i.fetch(ctx, strings.TrimSuffix(directory.RenewalInfo, "/")+"/"+id, &info)
	if err != nil {
		return w, 0, err
	}
	if w = info.SuggestedWindow; !w.End.After(w.Start) {
		// Of no use: as if there were none (RFC 9773 section 4.2).
		return w, 0, errors.New("the authority's renewal window has no length")
	}
	again = askEvery
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil {
		again = min(max(time.Duration(seconds)*time.Second, askLeast), askMost)
	}
	return w, again, nil
}

func (i *Issuer) fetch(ctx context.Context, url string, into any) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	reply, err := i.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reply.Body.Close() }()
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, reply.Status)
	}
	return reply.Header, json.NewDecoder(io.LimitReader(reply.Body, maxReply)).Decode(into)
}

// renewalID is what a certificate is asked about by (RFC 9773 section 4.1).
func renewalID(leaf *x509.Certificate) (string, error) {
	if len(leaf.AuthorityKeyId) == 0 {
		return "", errors.New("the certificate does not name its authority's key")
	}
	der, err := asn1.Marshal(leaf.SerialNumber)
	if err != nil {
		return "", err
	}
	var serial asn1.RawValue
	if _, err := asn1.Unmarshal(der, &serial); err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return b64(leaf.AuthorityKeyId) + "." + b64(serial.Bytes), nil
}
