package secure

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"tandem/internal/pki"
	"tandem/session"
)

// BetweenALPN stands between the names of protocols, which never hold it.
const BetweenALPN = "\x00"

// Identity is what a connection over TLS was made with: it is reused only for
// requests with the same.
type Identity struct {
	settings              *Settings
	alpn, name, cert, key string
}

// Identify evaluates what the connection for a request depends on: name is the
// back end's, unless the configuration has another, alpn the protocol that is to
// be spoken, "" for one that is not told, or several with BetweenALPN between them.
func (t *Settings) Identify(s *session.Session, name, alpn string) Identity {
	id := Identity{settings: t, name: name, alpn: alpn}
	if t.name.V != nil {
		id.name = string(t.name.V.Value(s))
	}
	id.name = stripPort(id.name)
	if c := t.certificate.V; c != nil && t.made.certificate == nil {
		if id.cert = string(c.Value(s)); id.cert != "" {
			id.key = string(t.key.V.Value(s))
		}
	}
	return id
}

// stripPort takes the port off a name, as nginx does for names that come from
// variables such as $proxy_host.
func stripPort(name string) string {
	if strings.HasPrefix(name, "[") {
		if i := strings.IndexByte(name, ']'); i > 0 {
			return name[1:i]
		}
		return name
	}
	host, _, _ := strings.Cut(name, ":")
	return host
}

// Mismatch is the error of a back end's certificate that is for somebody else.
type Mismatch struct{ name string }

func (e Mismatch) Error() string {
	return fmt.Sprintf("upstream SSL certificate does not match \"%s\"", e.name)
}

// Client makes a TLS connection of c, without a handshake yet. Its handshake
// fails with a *pki.VerifyError or Mismatch if the certificate is not the right
// one.
func (t *Settings) Client(c net.Conn, id Identity) (*tls.Conn, error) {
	config := t.made.config.Clone()
	if id.alpn != "" {
		config.NextProtos = strings.Split(id.alpn, BetweenALPN)
	}
	if _, err := netip.ParseAddr(id.name); err != nil && t.serverName.V {
		// RFC 6066 section 3: "Literal IPv4 and IPv6 addresses are not
		// permitted in "HostName"."
		config.ServerName = id.name
	}
	cert := t.made.certificate
	if id.cert != "" {
		var err error
		if cert, err = t.load(id.cert, id.key); err != nil {
			return nil, err
		}
	}
	if cert != nil {
		// Whatever authorities the back end names, as OpenSSL does.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	if trust := t.made.trust; trust != nil {
		config.VerifyConnection = func(cs tls.ConnectionState) error {
			if err := trust.Verify(cs.PeerCertificates, x509.ExtKeyUsageServerAuth, clock()); err != nil {
				return err
			}
			if !pki.MatchesHost(cs.PeerCertificates[0], id.name) {
				return Mismatch{id.name}
			}
			return nil
		}
	}
	return tls.Client(c, config), nil
}
