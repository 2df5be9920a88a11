package dnsrecord

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// zone is a name server for example.test that takes signed updates.
type zone struct {
	addr string

	mu      sync.Mutex
	records []string
	sign    bool
}

const secret = "c2VjcmV0IG9mIHRoZSB6b25l"

func startZone(t *testing.T) *zone {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z := &zone{addr: l.Addr().String(), sign: true}
	server := &dns.Server{Listener: l, Handler: z, TsigSecret: map[string]string{"updates.": secret}, MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return z
}

func (z *zone) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	answer := new(dns.Msg).SetReply(m)
	switch {
	case m.Opcode == dns.OpcodeQuery:
		answer.Rcode = dns.RcodeNameError
		answer.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "example.test.", Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "ns.", Mbox: "x."}}
	case m.IsTsig() == nil || w.TsigStatus() != nil || m.Question[0].Name != "example.test.":
		answer.Rcode = dns.RcodeNotAuth
	default:
		for _, rr := range m.Ns {
			text := rr.Header().Name + " " + strings.Join(rr.(*dns.TXT).Txt, "")
			switch rr.Header().Class {
			case dns.ClassINET:
				z.records = append(z.records, text)
			case dns.ClassNONE:
				z.records = slices.DeleteFunc(z.records, func(s string) bool { return s == text })
			}
		}
	}
	if t := m.IsTsig(); t != nil && z.sign {
		answer.SetTsig(t.Hdr.Name, t.Algorithm, fudge, time.Now().Unix())
	}
	_ = w.WriteMsg(answer)
}

func (z *zone) all() string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return strings.Join(z.records, ", ")
}

// Records are added beside others and removed alone, in the zone that the server says
// holds them.
func TestUpdate(t *testing.T) {
	z := startZone(t)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("key \"updates\" { # of ours\n\talgorithm hmac-sha256;\n\tsecret \""+secret+"\";\n};\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ReadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	u := &Update{Server: z.addr, Key: key}
	const name = "_acme-challenge.www.example.test"
	if err := errors.Join(u.Add(t.Context(), name, "one"), u.Add(t.Context(), name, "two")); err != nil || z.all() != name+". one, "+name+". two" {
		t.Errorf("%v, %s", err, z.all())
	}
	if err := u.Remove(t.Context(), name, "one"); err != nil || z.all() != name+". two" {
		t.Errorf("%v, %s", err, z.all())
	}
	wrong, err := NewKey("updates", "HMAC-SHA256", "b3RoZXI=")
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		u    *Update
		want string
	}{
		"without a key":    {&Update{Server: z.addr}, "refuses: NOTAUTH"},
		"a wrong key":      {&Update{Server: z.addr, Zone: "example.test", Key: wrong}, "name server " + z.addr + ":"},
		"another zone":     {&Update{Server: z.addr, Zone: "other.test", Key: key}, "bad authentication"},
		"no server":        {&Update{Server: "127.0.0.1:1"}, "connection refused"},
		"a way that fails": {&Update{Server: z.addr, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no way") }}, "no way"},
	} {
		if err := c.u.Add(t.Context(), name, "three"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
	// Whoever answers in the server's place cannot sign.
	z.mu.Lock()
	z.sign = false
	z.mu.Unlock()
	if err := u.Add(t.Context(), name, "four"); err == nil {
		t.Error("an answer without a signature is taken")
	}
}

func TestKeysAndServers(t *testing.T) {
	for _, c := range [][3]string{{"a", "hmac-md5", "eA=="}, {"", "hmac-sha256", "eA=="}, {"a", "hmac-sha256", ""}} {
		if _, err := NewKey(c[0], c[1], c[2]); err == nil {
			t.Errorf("%q is a key", c)
		}
	}
	if _, err := ReadKey("/nonexistent"); err == nil {
		t.Error("a file that is not there is read")
	}
	for text, want := range map[string]string{"192.0.2.1": "192.0.2.1:53", "ns.test:54": "ns.test:54", "[2001:db8::1]": "[2001:db8::1]:53", "2001:db8::1": "", "": "", "ns.test:53:1": ""} {
		if got, err := HostPort(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

// acme-dns is told the value for the account of the domain.
func TestDelegated(t *testing.T) {
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		_ = json.NewDecoder(r.Body).Decode(&body)
		if got = r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Api-User") + " " + body["subdomain"] + " " + body["txt"]; r.Header.Get("X-Api-Key") != "p" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"forbidden"}`))
		}
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "accounts.json")
	text := `{"example.test": {"username": "u", "password": "p", "subdomain": "sub", "fulldomain": "sub.auth.test"}, "b.test": {"username": "u", "password": "wrong"}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &Delegated{URL: s.URL + "/", File: file, Client: s.Client()}
	if err := errors.Join(d.Check(), d.Add(t.Context(), "_acme-challenge.example.test", "value"), d.Remove(t.Context(), "_acme-challenge.example.test", "value")); err != nil || got != "POST /update u sub value" {
		t.Errorf("%v, %s", err, got)
	}
	for name, want := range map[string]string{"_acme-challenge.c.test": "has no account for c.test", "_acme-challenge.b.test": "acme-dns: 401 Unauthorized: {\"error\":\"forbidden\"}"} {
		if err := d.Add(t.Context(), name, "value"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil || d.Check() == nil {
		t.Errorf("%v; half a file is read", err)
	}
}

// A program is called with what is to be done, and not for longer than it may.
func TestHook(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "hook")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n[ $4 != slow ] || sleep 100\necho \"$@\" >> "+dir+"/out\n[ $2 != remove ] || exit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	h := &Hook{Args: []string{program, "own"}}
	if err := h.Add(t.Context(), "_acme-challenge.a.test", "value"); err != nil {
		t.Error(err)
	}
	if err := h.Remove(t.Context(), "_acme-challenge.a.test", "value"); err == nil || !strings.HasSuffix(err.Error(), "hook remove\": exit status 3") {
		t.Error(err)
	}
	out, err := os.ReadFile(filepath.Join(dir, "out"))
	if want := "own add _acme-challenge.a.test value\nown remove _acme-challenge.a.test value\n"; err != nil || string(out) != want {
		t.Errorf("%v, %q", err, out)
	}
	h.Limit = 50 * time.Millisecond
	if err := h.Add(t.Context(), "name", "slow"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := (&Hook{Args: []string{dir + "/none"}}).Add(t.Context(), "name", "value"); err == nil || !strings.Contains(err.Error(), "cannot be executed") {
		t.Error(err)
	}
}
