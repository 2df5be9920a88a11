package ssl

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tandem/internal/escape"
	"tandem/internal/pki"
	"tandem/session"
)

// ofState is a variable of the TLS connection.
func ofState(f func(s *tls.ConnectionState) string) session.Getter {
	return func(s *session.Session, dst []byte) ([]byte, bool) {
		t := s.TLS()
		if t == nil {
			return dst, false
		}
		v := f(&t.State)
		return append(dst, v...), v != ""
	}
}

// ofOffer is a variable that lists what the client offered.
func ofOffer(f func(o session.Offer) []string) session.Getter {
	return func(s *session.Session, dst []byte) ([]byte, bool) {
		t := s.TLS()
		if t == nil {
			return dst, false
		}
		names := f(t.Offer)
		return append(dst, strings.Join(names, ":")...), names != nil
	}
}

// ofClient is a variable of the client's certificate.
func ofClient(f func(c *x509.Certificate) string) session.Getter {
	return func(s *session.Session, dst []byte) ([]byte, bool) {
		c, _ := s.ClientCertificate()
		if c == nil {
			return dst, false
		}
		return append(dst, f(c)...), true
	}
}

var variables = []session.Variable{
	{Name: "ssl_protocol", Get: ofState(func(s *tls.ConnectionState) string { return pki.ProtocolName(s.Version) })},
	{Name: "ssl_cipher", Get: ofState(func(s *tls.ConnectionState) string { return pki.SuiteName(s.CipherSuite) })},
	{Name: "ssl_curve", Get: ofState(func(s *tls.ConnectionState) string { return pki.CurveName(s.CurveID) })},
	{Name: "ssl_ciphers", Get: ofOffer(func(o session.Offer) (names []string) {
		for _, id := range o.CipherSuites {
			names = append(names, pki.SuiteName(id))
		}
		return names
	})},
	{Name: "ssl_curves", Get: ofOffer(func(o session.Offer) (names []string) {
		for _, id := range o.Curves {
			names = append(names, pki.CurveName(id))
		}
		return names
	})},
	{Name: "ssl_server_name", Get: ofState(func(s *tls.ConnectionState) string { return s.ServerName })},
	{Name: "ssl_alpn_protocol", Get: ofState(func(s *tls.ConnectionState) string { return s.NegotiatedProtocol })},
	{Name: "ssl_session_reused", Get: ofState(func(s *tls.ConnectionState) string {
		if s.DidResume {
			return "r"
		}
		return "."
	})},
	{Name: "ssl_session_id", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		t := s.TLS()
		if t == nil || len(t.SessionID) == 0 {
			return dst, false
		}
		return hex.AppendEncode(dst, t.SessionID), true
	}},
	{Name: "ssl_sigalgs", Get: ofOffer(func(o session.Offer) (names []string) {
		for _, scheme := range o.Signatures {
			names = append(names, fmt.Sprintf("0x%04x", uint16(scheme)))
		}
		return names
	})},
	// Go's TLS does not tell what was signed with.
	{Name: "ssl_sigalg", Get: ofState(func(*tls.ConnectionState) string { return "" })},
	{Name: "ssl_client_sigalg", Get: ofState(func(*tls.ConnectionState) string { return "" })},
	{Name: "ssl_ech_status", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		t := s.TLS()
		switch {
		case t == nil || len(echKeys(t.Asked)) == 0 && !t.Offer.Encrypted:
			return dst, false
		case t.State.ECHAccepted:
			return append(dst, "SUCCESS"...), true
		case t.Offer.Encrypted:
			return append(dst, "GREASE"...), true
		}
		return append(dst, "NOT_TRIED"...), true
	}},
	{Name: "ssl_ech_outer_server_name", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		t := s.TLS()
		if t == nil || !t.State.ECHAccepted {
			return dst, false
		}
		return append(dst, t.Offer.OuterName...), t.Offer.OuterName != ""
	}},
	// Early data is never taken.
	{Name: "ssl_early_data", Get: ofState(func(*tls.ConnectionState) string { return "" })},

	{Name: "ssl_client_verify", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		if s.TLS() == nil {
			return dst, false
		}
		switch c, err := s.ClientCertificate(); {
		case c == nil:
			return append(dst, "NONE"...), true
		case err != nil:
			return append(append(dst, "FAILED:"...), verifyText(err)...), true
		}
		return append(dst, "SUCCESS"...), true
	}},
	{Name: "ssl_client_raw_cert", Get: ofClient(pemOf)},
	{Name: "ssl_client_cert", Get: ofClient(func(c *x509.Certificate) string {
		return strings.ReplaceAll(strings.TrimRight(pemOf(c), "\n"), "\n", "\n\t")
	})},
	{Name: "ssl_client_escaped_cert", Get: ofClient(func(c *x509.Certificate) string {
		return string(escape.AppendURI(nil, []byte(pemOf(c)), escape.Component))
	})},
	{Name: "ssl_client_s_dn", Get: ofClient(func(c *x509.Certificate) string { return pki.NameRFC2253(c.RawSubject) })},
	{Name: "ssl_client_i_dn", Get: ofClient(func(c *x509.Certificate) string { return pki.NameRFC2253(c.RawIssuer) })},
	{Name: "ssl_client_s_dn_legacy", Get: ofClient(func(c *x509.Certificate) string { return pki.NameOneLine(c.RawSubject) })},
	{Name: "ssl_client_i_dn_legacy", Get: ofClient(func(c *x509.Certificate) string { return pki.NameOneLine(c.RawIssuer) })},
	{Name: "ssl_client_serial", Get: ofClient(func(c *x509.Certificate) string {
		text := strings.ToUpper(c.SerialNumber.Text(16))
		if len(text)%2 == 1 {
			text = "0" + text
		}
		return text
	})},
	{Name: "ssl_client_fingerprint", Get: ofClient(func(c *x509.Certificate) string {
		sum := sha1.Sum(c.Raw)
		return hex.EncodeToString(sum[:])
	})},
	{Name: "ssl_client_v_start", Get: ofClient(func(c *x509.Certificate) string { return dateText(c.NotBefore) })},
	{Name: "ssl_client_v_end", Get: ofClient(func(c *x509.Certificate) string { return dateText(c.NotAfter) })},
	{Name: "ssl_client_v_remain", Get: ofClient(func(c *x509.Certificate) string {
		return strconv.FormatInt(max(int64(time.Until(c.NotAfter)/(24*time.Hour)), 0), 10)
	})},
}

// verifyText is why a certificate is not trusted, without OpenSSL's number.
func verifyText(err error) string {
	var e *pki.VerifyError
	if errors.As(err, &e) {
		return e.Text
	}
	return err.Error()
}

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// dateText is a time as OpenSSL prints it.
func dateText(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006 GMT") }
