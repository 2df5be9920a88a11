package acme_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"tandem/acme/acmetest"
	"tandem/web/webtest"
)

// plainAuthority runs an authority without TLS: certificates of others are not to be
// taken as they are.
func plainAuthority(t *testing.T) *acmetest.CA {
	t.Helper()
	ca := acmetest.New()
	s := httptest.NewServer(ca)
	t.Cleanup(s.Close)
	ca.Site = s.URL
	return ca
}

// A client of Angie's gets one certificate for the names of all servers that refer to
// it, and any server may use it.
func TestClient(t *testing.T) {
	ca := plainAuthority(t)
	s := webtest.Start(t, fmt.Sprintf(`events {}
http {
	resolver 127.0.0.1:1;
	acme_client_path state;
	acme_client Main %s/dir email=a@a.test key_type=ecdsa renew_before_expiry=30d;
	acme_client unused %[1]s/dir;
	acme_client off %[1]s/dir enabled=off;
	server { listen 127.0.0.1:8080; server_name a.test; acme main; acme off; }
	server { listen 127.0.0.1:8081 ssl; server_name b.test ~^c; acme Main; return 200 served;
		ssl_certificate $acme_cert_main; ssl_certificate_key $acme_cert_key_main; }
}`, ca.Site), modules, nil)
	ca.Check = func(challenge, _, token, keyAuth string) error {
		if got := s.Get(t, "/.well-known/acme-challenge/"+token); challenge != "http-01" || got.Body != keyAuth {
			return fmt.Errorf("%s: %q", challenge, got.Body)
		}
		return nil
	}
	for _, name := range []string{"a.test", "b.test"} {
		if got := served(t, s, ca, name); !strings.Contains(got, "served") {
			t.Error(got)
		}
	}
	if ca.Orders() != 1 || ca.Accounts() != 1 {
		t.Errorf("%d orders, %d accounts", ca.Orders(), ca.Accounts())
	}
}

// With challenge=dns the server answers for the names that are delegated to it.
func TestClientDNS(t *testing.T) {
	ca := plainAuthority(t)
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := socket.LocalAddr().String()
	_ = socket.Close()
	names := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", at)
	}}
	ca.Check = func(challenge, name, _, _ string) error {
		found, err := names.LookupTXT(t.Context(), "_acme-challenge."+name+".")
		if challenge != "dns-01" || err != nil || len(found) != 1 || len(found[0]) != 43 {
			return fmt.Errorf("%s: %q, %w", challenge, found, err)
		}
		if _, err := names.LookupTXT(t.Context(), "_acme-challenge.other.test."); err == nil {
			return fmt.Errorf("another name is answered")
		}
		return nil
	}
	s := webtest.Start(t, fmt.Sprintf(`events {}
http {
	resolver 127.0.0.1:1;
	acme_client_path state;
	acme_client dns %s/dir challenge=dns;
	acme_dns_port %s;
	acme_dns_ttl 5;
	server { listen 127.0.0.1:8081 ssl; server_name *.a.test; acme dns; return 200 served; ssl_certificate $acme_cert_dns; ssl_certificate_key $acme_cert_key_dns; }
}`, ca.Site, at), modules, nil)
	if got := served(t, s, ca, "x.a.test"); !strings.Contains(got, "served") {
		t.Error(got)
	}
}

func TestClientErrors(t *testing.T) {
	const one = "acme_client a https://ca.test/dir"
	for conf, want := range map[string]string{
		one + "; " + one + ";":                             "duplicate ACME client \"a\" defined in ",
		one + " enabled=maybe;":                            "has an invalid \"enabled\" value",
		one + " key_type=dsa;":                             "has an invalid \"key_type\" value",
		one + " key_bits=1;":                               "has an unsupported key_type/key_bits combination",
		one + " key_type=rsa key_bits=3072;":               "",
		one + " challenge=smoke;":                          "has an invalid \"challenge\" value",
		one + " eab=x;":                                    "has an invalid \"eab\" value",
		one + " eab=id:HS512:eA;":                          "the algorithm \"HS512\" is not supported",
		one + " eab=id:HS256:eA retry_after_error=off;":    "",
		one + " what=x;":                                   "invalid parameter \"what=x\"",
		"acme_client a ftp://ca.test/;":                    "invalid value \"ftp://ca.test/\"",
		"server { acme a; }":                               "ACME client \"a\" is not defined but referenced",
		one + "; server { acme a; acme A; }":               "duplicate \"acme a\" directive",
		one + "; server { server_name *.a.test; acme a; }": "ACME client \"a\": a certificate for \"*.a.test\" needs challenge=dns",
		one + "; acme_issuer a { uri https://ca.test/dir; } server { server_name a.test; acme a; }": "\"a\" is the name of an \"acme_issuer\" as well",
		"acme_dns_port 0;":              "invalid port value \"0\"",
		"acme_dns_port 127.0.0.1:5353;": "",
		"acme_http_port 127.0.0.1;":     "",
	} {
		_, _, errs := webtest.Load(t.TempDir(), "http { resolver 127.0.0.1; "+conf+" }", modules)
		if (len(errs) == 0) != (want == "") || len(errs) > 0 && !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v, want %q", conf, errs, want)
		}
	}
}
