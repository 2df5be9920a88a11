package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// revocationList is a certificate revocation list (RFC 5280 section 5), of
// version 2 or, as OpenSSL makes them unless told otherwise, version 1.
type revocationList struct {
	issuer         []byte // its name, DER
	nextUpdate     time.Time
	revoked        map[string]struct{} // serial numbers
	checkSignature func(issuer *x509.Certificate) error
}

func (l *revocationList) has(serial *big.Int) bool {
	_, revoked := l.revoked[string(serial.Bytes())]
	return revoked
}

func (l *revocationList) add(serial *big.Int) { l.revoked[string(serial.Bytes())] = struct{}{} }

// revocationLists reads all lists of a PEM file.
func (f *Files) revocationLists(name string) ([]*revocationList, error) {
	b, err := f.Read(name)
	if err != nil {
		return nil, err
	}
	var lists []*revocationList
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		list, err := parseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("\"%s\": %w", name, err)
		}
		lists = append(lists, list)
	}
	if len(lists) == 0 {
		return nil, fmt.Errorf("no revocation lists in \"%s\"", name)
	}
	return lists, nil
}

func parseRevocationList(der []byte) (*revocationList, error) {
	l := &revocationList{revoked: map[string]struct{}{}}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return l, l.parseVersion1(der, err)
	}
	l.issuer, l.nextUpdate, l.checkSignature = list.RawIssuer, list.NextUpdate, list.CheckSignatureFrom
	for i := range list.RevokedCertificateEntries {
		l.add(list.RevokedCertificateEntries[i].SerialNumber)
	}
	return l, nil
}

// parseVersion1 reads a list of version 1, which x509.ParseRevocationList
// refuses with err.
func (l *revocationList) parseVersion1(der []byte, err error) error {
	//lint:ignore SA1019 nothing else reads version 1, which OpenSSL makes by default
	list, oldErr := x509.ParseDERCRL(der)
	if oldErr != nil || list.TBSCertList.Version != 0 {
		return err
	}
	var names struct{ Signature, Issuer asn1.RawValue }
	if _, err := asn1.Unmarshal(list.TBSCertList.Raw, &names); err != nil {
		return err
	}
	l.issuer, l.nextUpdate = names.Issuer.FullBytes, list.TBSCertList.NextUpdate
	//lint:ignore SA1019 as above
	l.checkSignature = func(issuer *x509.Certificate) error { return issuer.CheckCRLSignature(list) }
	for i := range list.TBSCertList.RevokedCertificates {
		l.add(list.TBSCertList.RevokedCertificates[i].SerialNumber)
	}
	return nil
}
