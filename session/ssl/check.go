package ssl

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/virtual"
)

// warnOfChain says what clients will not like about the chain of a certificate.
func (l *live) warnOfChain() error {
	pair := l.now.Load()
	why := ""
	if text := pki.Disorder(pair.Certificate); text != "" {
		why = "out of order: " + text
	} else if missing := missingIssuer(pair); missing != nil {
		why = fmt.Sprintf("incomplete: it lacks the certificate of \"%s\", of which clients do not know", pki.NameOneLine(missing.RawIssuer))
	}
	if why == "" {
		return nil
	}
	return &nc.Error{Pos: l.pos, Severity: nc.Warn, Msg: fmt.Sprintf("the chain of certificate \"%s\" is %s", l.files[0], why)}
}

// missingIssuer returns the last certificate of a chain when that ends too early: a
// server's own, which says where its issuer's is to be had (RFC 5280 section 4.2.2.1),
// and the system does not trust that issuer. Authorities of one's own say nothing of
// the kind, and their clients know them.
func missingIssuer(pair *tls.Certificate) *x509.Certificate {
	leaf := pair.Leaf
	if len(pair.Certificate) > 1 || leaf.IsCA || len(leaf.IssuingCertificateURL) == 0 || isSelfSigned(leaf) {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: leaf.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err == nil {
		return nil
	}
	return leaf
}

func isSelfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// warnOfNames lists the names of srv that none of its certificates is for. Those that
// have signed themselves are not for being looked at.
func (c *settings) warnOfNames(srv *session.Server) error {
	owner, ok := srv.Owner.(interface {
		Virtual() ([]virtual.Listen, []virtual.Name, *session.Server)
	})
	if !ok || srv.AsksTLS == nil || c.live == nil || c.reject.V {
		return nil
	}
	var leaves []*x509.Certificate
	for _, l := range c.live {
		leaf := l.now.Load().Leaf
		if isSelfSigned(leaf) {
			return nil
		}
		leaves = append(leaves, leaf)
	}
	_, names, _ := owner.Virtual()
	var bare []string
	for _, name := range names {
		if !covered(name, leaves) {
			bare = append(bare, "\""+name.Text+"\"")
		}
	}
	if bare == nil {
		return nil
	}
	return &nc.Error{Pos: srv.Pos, Severity: nc.Warn, Msg: fmt.Sprintf("no certificate of the server is for server name %s", strings.Join(bare, ", "))}
}

// covered reports whether a certificate is for a server name, or the name is none that
// a certificate could be for.
func covered(name virtual.Name, leaves []*x509.Certificate) bool {
	text := name.Text
	if name.Regexp() != nil || !strings.Contains(strings.Trim(text, "."), ".") || strings.HasSuffix(text, ".*") || strings.Contains(text, "_") {
		return true
	}
	// A name with a dot in front is for a domain and all below it. What is below
	// it may have certificates of other servers.
	text = strings.TrimPrefix(text, ".")
	for _, leaf := range leaves {
		if pki.MatchesHost(leaf, text) {
			return true
		}
	}
	return false
}
