// Package dnsrecord puts TXT records into the DNS for a while, as an authority wants to
// find them for DNS-01 (RFC 8555 section 8.4): by dynamic updates (RFC 2136), through
// acme-dns, or by a program of the operator's.
package dnsrecord

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Update puts records by dynamic updates (RFC 2136), signed if there is a key (RFC
// 8945).
type Update struct {
	Server string        // host:port of the name server that takes updates
	Zone   string        // that is updated; "": the server is asked for it
	Key    *Key          // nil: updates are not signed
	Life   uint32        // of the records, in seconds; 0: 60
	Settle time.Duration // how long the zone's other servers may take
	// Dial connects to the server; nil: as the system does.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Key is a key of TSIG.
type Key struct{ Name, Algorithm, Secret string }

// algorithms are those of RFC 8945 section 6 that are still to be used.
var algorithms = []string{"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"}

// NewKey makes a key; secret is in base64.
func NewKey(name, algorithm, secret string) (*Key, error) {
	algorithm = strings.ToLower(strings.TrimSuffix(algorithm, "."))
	if !slices.Contains(algorithms, algorithm) {
		return nil, fmt.Errorf("unknown algorithm \"%s\" of a key", algorithm)
	}
	if name == "" || secret == "" {
		return nil, errors.New("a key needs a name and a secret")
	}
	return &Key{dns.CanonicalName(name), dns.Fqdn(algorithm), secret}, nil
}

// ReadKey reads the key of a file as tsig-keygen writes it.
func ReadKey(file string) (*Key, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var words []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line, _, _ = strings.Cut(line, "//")
		words = append(words, strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\"{};", c) })...)
	}
	var name, algorithm, secret string
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "key":
			name = words[i+1]
		case "algorithm":
			algorithm = words[i+1]
		case "secret":
			secret = words[i+1]
		default:
			continue
		}
		i++
	}
	key, err := NewKey(name, algorithm, secret)
	if err != nil {
		return nil, fmt.Errorf("\"%s\": %w", file, err)
	}
	return key, nil
}

// Add implements acme.Records.
func (u *Update) Add(ctx context.Context, name, value string) error {
	if err := u.update(ctx, name, value, (*dns.Msg).Insert); err != nil {
		return err
	}
	return settle(ctx, u.Settle)
}

// Remove implements acme.Records.
func (u *Update) Remove(ctx context.Context, name, value string) error {
	return u.update(ctx, name, value, (*dns.Msg).Remove)
}

func (u *Update) update(ctx context.Context, name, value string, change func(*dns.Msg, []dns.RR)) error {
	zone, err := u.zoneOf(ctx, name)
	if err != nil {
		return err
	}
	m := new(dns.Msg).SetUpdate(zone)
	life := u.Life
	if life == 0 {
		life = 60
	}
	change(m, []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: dns.Fqdn(name), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: life}, Txt: []string{value}}})
	_, err = u.ask(ctx, m)
	return err
}

// zoneOf finds the zone that holds a name: the server says it in the SOA record of an
// answer, whether the name is there or not (RFC 1035 section 4.3.2, RFC 2308 section 3).
func (u *Update) zoneOf(ctx context.Context, name string) (string, error) {
	if u.Zone != "" {
		return dns.Fqdn(u.Zone), nil
	}
	answer, err := u.ask(ctx, new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeSOA))
	if err != nil {
		return "", err
	}
	for _, rr := range append(answer.Answer, answer.Ns...) {
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, dns.Fqdn(name)) {
			return soa.Hdr.Name, nil
		}
	}
	return "", fmt.Errorf("name server %s does not say which zone holds %s", u.Server, name)
}

// ask sends a message over TCP, signed, and returns the answer if that is signed too.
func (u *Update) ask(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	answer, err := u.exchange(ctx, m)
	switch {
	case err != nil:
		return nil, fmt.Errorf("name server %s: %w", u.Server, err)
	case answer.Rcode == dns.RcodeNameError && m.Opcode == dns.OpcodeQuery: // the name need not be there
	case answer.Rcode != dns.RcodeSuccess:
		return nil, fmt.Errorf("name server %s refuses: %s", u.Server, dns.RcodeToString[answer.Rcode])
	}
	if u.Key != nil && answer.IsTsig() == nil {
		return nil, fmt.Errorf("name server %s answers without a signature", u.Server)
	}
	return answer, nil
}

func (u *Update) exchange(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	dial := u.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", u.Server)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	c := &dns.Client{Net: "tcp"}
	if u.Key != nil {
		m.SetTsig(u.Key.Name, u.Key.Algorithm, fudge, time.Now().Unix())
		c.TsigSecret = map[string]string{u.Key.Name: u.Key.Secret}
	}
	answer, _, err := c.ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn})
	return answer, err
}

// askLimit is how long a server may take, and fudge how far its clock may be off, in
// seconds (RFC 8945 section 10).
const (
	askLimit = 10 * time.Second
	fudge    = 300
)

// settle waits until a zone's servers have what one of them was told.
func settle(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// HostPort returns the address of a name server, host[:port].
func HostPort(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port, err = net.SplitHostPort(text + ":53")
	}
	if err != nil || host == "" {
		return "", fmt.Errorf("invalid name server \"%s\"", text)
	}
	return net.JoinHostPort(host, port), nil
}
