package ssl_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/session/ssl"
	"tandem/web/webtest"
)

// leaf returns the name of the certificate that a server shows to a client.
func leaf(t *testing.T, s *webtest.Server, c *tls.Config) string {
	t.Helper()
	c.InsecureSkipVerify = true
	conn := tls.Client(s.Dial(t), c)
	if err := conn.Handshake(); err != nil {
		return "none"
	}
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// Where any name holds a variable the handshake finds certificate and key; a
// store that is a file is read as one; ssl_conf_command is above the directives.
func TestCertificateNames(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"a", "v", "w"} {
		files[name+".pem"], files[name+".key"], _ = issue(t, name, nil)
	}
	stored := filepath.Join(t.TempDir(), "a.key")
	if err := os.WriteFile(stored, []byte(files["a.key"]), 0o600); err != nil {
		t.Fatal(err)
	}
	s := webtest.Start(t, `events {}
http {
	ssl_certificate a.pem; ssl_certificate_key a.key;
	server { listen 127.0.0.1:8080 ssl; server_name a; return 204; }
	server { listen 127.0.0.1:8080 ssl; server_name v; ssl_certificate v.pem; ssl_certificate_key $ssl_server_name.key; return 204; }
	server { listen 127.0.0.1:8080 ssl; server_name w; ssl_certificate ${ssl_server_name}.pem; ssl_certificate_key w.key; ssl_certificate_cache max=2; return 204; }
	server { listen 127.0.0.1:8080 ssl; server_name s; ssl_certificate_key store:file:`+stored+`; return 204; }
	server { listen 127.0.0.1:8080 ssl; server_name c; ssl_conf_command Certificate w.pem; ssl_conf_command PrivateKey w.key;
		ssl_session_tickets off; ssl_conf_command Options "KTLS,SessionTicket,-ServerPreference"; ssl_conf_command MaxProtocol TLSv1.2; return 204; }
}`, modules, files)
	for name, want := range map[string]string{"a": "a", "v": "v", "w": "w", "s": "a", "c": "w"} {
		if got := leaf(t, s, &tls.Config{ServerName: name}); got != want {
			t.Errorf("%s: certificate %s, want %s", name, got, want)
		}
	}
	var report []string
	for _, c := range ssl.Report(&s.HTTP.Realm) {
		report = append(report, c.Name+" "+filepath.Base(c.Source))
	}
	if got := strings.Join(report, ", "); got != "a a.pem" {
		t.Errorf("report: %s", got)
	}
	if got := leaf(t, s, &tls.Config{ServerName: "c", MinVersion: tls.VersionTLS13}); got != "none" {
		t.Errorf("MaxProtocol has no effect")
	}
	c := &tls.Config{ServerName: "c", InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for i := range 2 {
		conn := tls.Client(s.Dial(t), c)
		if err := conn.Handshake(); err != nil || conn.ConnectionState().DidResume != (i == 1) {
			t.Errorf("connection %d: resumed %t, %v", i, conn.ConnectionState().DidResume, err)
		}
	}
}

func TestConfCommandErrors(t *testing.T) {
	for text, want := range map[string]string{
		`ssl_conf_command Options Nonsense;`:       `SSL_CONF_cmd("Options", "Nonsense") failed (the option "Nonsense" is not supported) in`,
		`ssl_conf_command DHParameters x;`:         `SSL_CONF_cmd("DHParameters", "x") failed (not supported) in`,
		`ssl_conf_command MinProtocol TLSv9;`:      `SSL_CONF_cmd("MinProtocol", "TLSv9") failed (invalid value "TLSv9") in`,
		`ssl_conf_command Certificate x;`:          `SSL_CONF_cmd() needs "Certificate" and "PrivateKey" together in`,
		`ssl_conf_command Ciphersuites TLS_X;`:     `SSL_CONF_cmd("Ciphersuites") has no effect, Go's TLS chooses the suites of TLS 1.3 itself in`,
		`ssl_certificate_cache inactive=1s;`:       `"ssl_certificate_cache" must have the "max" parameter in`,
		`ssl_certificate_cache max=0;`:             `invalid parameter "max=0" in`,
		`ssl_certificate_cache max=1 valid=never;`: `invalid parameter "valid=never" in`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { server { listen 127.0.0.1:8080 ssl; ssl_certificate $host; ssl_certificate_key $host;\n"+text+"\n} }\n", modules)
		found := false
		for _, err := range errs {
			found = found || strings.HasPrefix(err.Error(), want)
		}
		if !found {
			t.Errorf("%s: %v", text, errs)
		}
	}
}
