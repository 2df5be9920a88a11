package status

import (
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Certificate is one that is shown to clients, or will be.
type Certificate struct {
	Name   string     `json:"name"`
	Names  []string   `json:"names,omitempty"`  // that it is for
	Issuer string     `json:"issuer,omitempty"` // who has signed it
	Source string     `json:"source"`           // its file, or "acme" and the issuer's name
	Ends   *time.Time `json:"ends,omitempty"`   // nil: there is none yet
	// Renew is when it is ordered, or ordered again; nil for one that somebody else
	// renews.
	Renew *time.Time `json:"renew,omitempty"`
	// Elsewhere: the other node of the pair orders it.
	Elsewhere bool   `json:"elsewhere,omitempty"`
	Error     string `json:"error,omitempty"` // of the last attempt
}

// endsSoon is how long before its end a certificate that nobody renews is worth
// knowing.
const endsSoon = 21 * 24 * time.Hour

// note is what is worth knowing of it, "" for nothing.
func (c *Certificate) note(now time.Time) string {
	switch {
	case c.Ends == nil && c.Error != "":
		return fmt.Sprintf("there is no certificate for %s: %s", c.Name, c.Error)
	case c.Ends == nil:
		return ""
	case !now.Before(*c.Ends):
		return fmt.Sprintf("the certificate of %s (%s) has ended %s ago", c.Name, c.Source, Duration(now.Sub(*c.Ends)))
	case c.Error != "":
		return fmt.Sprintf("the certificate of %s is not renewed and ends in %s: %s", c.Name, Duration(c.Ends.Sub(now)), c.Error)
	case c.Renew == nil && c.Ends.Sub(now) < endsSoon:
		return fmt.Sprintf("the certificate of %s (%s) ends in %s", c.Name, c.Source, Duration(c.Ends.Sub(now)))
	}
	return ""
}

// WriteCertificates writes the certificates for people.
func (r *Report) WriteCertificates(w io.Writer) error {
	if len(r.Certificates) == 0 {
		_, err := fmt.Fprintln(w, "no certificates")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tENDS\tSOURCE\tRENEWAL\tISSUER\tLAST ERROR")
	for i := range r.Certificates {
		c := &r.Certificates[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.endText(r.At), c.Source, c.renewText(r.At), dash(c.Issuer), dash(c.Error))
	}
	return t.Flush()
}

func (c *Certificate) endText(now time.Time) string {
	switch {
	case c.Ends == nil:
		return "-"
	case now.Before(*c.Ends):
		return "in " + Duration(c.Ends.Sub(now))
	}
	return Duration(now.Sub(*c.Ends)) + " ago"
}

func (c *Certificate) renewText(now time.Time) string {
	switch {
	case c.Renew == nil:
		return "-"
	case c.Elsewhere:
		return "by the other node"
	case c.Renew.After(now):
		return "in " + Duration(c.Renew.Sub(now))
	}
	return "now"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// OfCertificate says what can be said of any certificate.
func OfCertificate(leaf *x509.Certificate, source string) Certificate {
	c := Certificate{Name: leaf.Subject.CommonName, Names: leaf.DNSNames, Issuer: leaf.Issuer.CommonName, Source: source, Ends: &leaf.NotAfter}
	for _, ip := range leaf.IPAddresses {
		c.Names = append(slices.Clip(c.Names), ip.String())
	}
	if len(c.Names) > 0 {
		c.Name = c.Names[0]
	}
	return c
}

// certificateText tells how many certificates there are and which one ends first.
func (r *Report) certificateText() []string {
	var first *Certificate
	seen := make(map[[2]string]bool) // several servers may show the same one
	for i := range r.Certificates {
		c := &r.Certificates[i]
		seen[[2]string{c.Name, c.Source}] = true
		if c.Ends != nil && (first == nil || c.Ends.Before(*first.Ends)) {
			first = c
		}
	}
	if first == nil {
		return nil
	}
	how := "ends first,"
	if !first.Ends.After(r.At) {
		how = "has ended"
	}
	return []string{fmt.Sprintf("%d; that of %s %s %s", len(seen), first.Name, how, first.endText(r.At))}
}
