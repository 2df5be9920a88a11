package ocsp

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"tandem/internal/pki"
)

// Status is what a responder says of a certificate.
type Status int

// The statuses (RFC 6960 section 2.2).
const (
	Good    Status = ocsp.Good
	Revoked Status = ocsp.Revoked
	Unknown Status = ocsp.Unknown
)

// String returns OpenSSL's word.
func (s Status) String() string {
	switch s {
	case Good:
		return "good"
	case Revoked:
		return "revoked"
	}
	return "unknown"
}

// Trust is what is asked of whoever has signed an answer.
type Trust int

// How much is asked, with the names of OpenSSL's flags for OCSP_basic_verify.
const (
	NoVerify   Trust = iota // only that the signature is that of a certificate which is there
	TrustOther              // that it is one of the chain, or as with Explicit
	Explicit                // that it is the issuer, or somebody whom the issuer lets sign answers
)

// Question is what an answer is to be the answer to.
type Question struct {
	Cert, Issuer *x509.Certificate
	Chain        []*x509.Certificate // known beside them, among which a signer may be
	Trust        Trust
	Store        *pki.Trust // of trusted certificates; nil: nobody is trusted
}

// Verdict is an answer that counts.
type Verdict struct {
	Status Status
	Until  time.Time // when there is to be a newer answer; zero: that is not said
}

// skew is how far the clocks of a responder and of this machine may be apart.
const skew = 5 * time.Minute

// Check reads an answer. The error says why it does not count, in OpenSSL's and
// nginx's words.
func (q *Question) Check(der []byte, now time.Time) (Verdict, error) {
	r, err := ocsp.ParseResponseForCert(der, q.Cert, nil)
	var failed ocsp.ResponseError
	switch {
	case errors.As(err, &failed):
		return Verdict{}, fmt.Errorf("OCSP response not successful (%d: %s)", int(failed.Status), statusWords[failed.Status])
	case err != nil:
		return Verdict{}, fmt.Errorf("d2i_OCSP_RESPONSE() failed (%w)", err)
	}
	if err := q.checkSigner(r, now); err != nil {
		return Verdict{}, fmt.Errorf("OCSP_basic_verify() failed (%w)", err)
	}
	switch {
	case r.ThisUpdate.After(now.Add(skew)):
		return Verdict{}, errors.New("OCSP_check_validity() failed (status not yet valid)")
	case r.NextUpdate.IsZero():
	case r.NextUpdate.Before(now.Add(-skew)):
		return Verdict{}, errors.New("OCSP_check_validity() failed (status expired)")
	case r.NextUpdate.Before(r.ThisUpdate):
		return Verdict{}, errors.New("OCSP_check_validity() failed (nextupdate before thisupdate)")
	}
	return Verdict{Status(r.Status), r.NextUpdate}, nil
}

// statusWords are OpenSSL's words for answers that are none (RFC 6960 section
// 4.2.1).
var statusWords = map[ocsp.ResponseStatus]string{
	ocsp.Malformed: "malformedrequest", ocsp.InternalError: "internalerror", ocsp.TryLater: "trylater",
	ocsp.SignatureRequired: "sigrequired", ocsp.Unauthorized: "unauthorized",
}

var (
	errNoSigner   = errors.New("signer certificate not found")
	errSignature  = errors.New("signature failure")
	errVerify     = errors.New("certificate verify error")
	errNoTrust    = errors.New("root ca not trusted")
	errNoDelegate = errors.New("missing ocspsigning usage")
)

// checkSigner finds who has signed an answer, checks the signature, and whether
// that one may.
func (q *Question) checkSigner(r *ocsp.Response, now time.Time) error {
	known := append(slices.Clip(q.Chain), q.Issuer)
	i := slices.IndexFunc(known, func(c *x509.Certificate) bool { return isOf(r, c) })
	var signer *x509.Certificate
	switch {
	case i >= 0:
		signer = known[i]
		if r.CheckSignatureFrom(signer) != nil {
			return errSignature
		}
	case r.Certificate != nil && isOf(r, r.Certificate): // its signature has been checked
		signer = r.Certificate
	default:
		return errNoSigner
	}
	if q.Trust == NoVerify || q.Trust == TrustOther && i >= 0 {
		return nil
	}
	chain := append([]*x509.Certificate{signer}, known...)
	if q.Store == nil {
		return errVerify
	}
	if err := q.Store.Verify(chain, x509.ExtKeyUsageAny, now); err != nil {
		return fmt.Errorf("%w: %w", errVerify, err)
	}
	switch {
	case bytes.Equal(signer.RawSubject, q.Issuer.RawSubject) && bytes.Equal(signer.RawSubjectPublicKeyInfo, q.Issuer.RawSubjectPublicKeyInfo):
		return nil
	case q.Issuer.CheckSignature(signer.SignatureAlgorithm, signer.RawTBSCertificate, signer.Signature) != nil:
		return errNoTrust
	case !slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errNoDelegate
	}
	return nil
}

// isOf reports whether an answer says that it comes from the owner of a
// certificate.
func isOf(r *ocsp.Response, c *x509.Certificate) bool {
	if r.ResponderKeyHash == nil {
		return bytes.Equal(r.RawResponderName, c.RawSubject)
	}
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Bits      asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &key); err != nil {
		return false
	}
	sum := sha1.Sum(key.Bits.RightAlign())
	return bytes.Equal(sum[:], r.ResponderKeyHash)
}

// IsResponse reports whether the bytes of a file are an answer at all, whatever it
// says.
func IsResponse(der []byte) bool {
	var answer struct {
		Status asn1.Enumerated
		Bytes  asn1.RawValue `asn1:"optional,explicit,tag:0"`
	}
	_, err := asn1.Unmarshal(der, &answer)
	return err == nil
}
