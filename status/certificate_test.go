package status

import (
	"strings"
	"testing"
	"time"
)

func in(d time.Duration) *time.Time {
	t := at.Add(d)
	return &t
}

const day = 24 * time.Hour

// What is worth knowing of certificates: that one ends that nobody renews, or that
// renewing it fails.
func TestCertificates(t *testing.T) {
	r := &Report{At: at, Web: Web{Listeners: []string{"x"}}, Certificates: []Certificate{
		{Name: "a.test", Source: "/a.pem", Ends: in(22 * day), Issuer: "CA"},
		{Name: "b.test", Source: "/b.pem", Ends: in(20 * day)},
		{Name: "c.test", Source: "/c.pem", Ends: in(-time.Hour)},
		{Name: "d.test", Source: "acme le", Ends: in(5 * day), Renew: in(2 * day)},
		{Name: "e.test", Source: "acme le", Ends: in(5 * day), Renew: in(time.Hour), Error: "no answer"},
		{Name: "f.test", Source: "acme le", Renew: in(-time.Hour), Error: "refused"},
		{Name: "g.test", Source: "acme le", Renew: in(time.Hour), Elsewhere: true},
	}}
	r.Judge()
	want := []string{
		"the certificate of b.test (/b.pem) ends in 20 d", "the certificate of c.test (/c.pem) has ended 1 h ago",
		"the certificate of e.test is not renewed and ends in 5 d: no answer", "there is no certificate for f.test: refused",
	}
	if strings.Join(r.Notes, "\n") != strings.Join(want, "\n") || !r.Healthy {
		t.Errorf("got  %q\nwant %q", r.Notes, want)
	}
	var text strings.Builder
	if err := r.WriteCertificates(&text); err != nil {
		t.Fatal(err)
	}
	const table = `NAME    ENDS     SOURCE   RENEWAL            ISSUER  LAST ERROR
a.test  in 22 d  /a.pem   -                  CA      -
b.test  in 20 d  /b.pem   -                  -       -
c.test  1 h ago  /c.pem   -                  -       -
d.test  in 5 d   acme le  in 2 d             -       -
e.test  in 5 d   acme le  in 1 h             -       no answer
f.test  -        acme le  now                -       refused
g.test  -        acme le  by the other node  -       -
`
	if text.String() != table {
		t.Errorf("got\n%s\nwant\n%s", text.String(), table)
	}
}
