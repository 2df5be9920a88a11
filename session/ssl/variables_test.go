package ssl_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

// TestVariablesLikeNginx compares the variables of connections and certificates
// with those of the installed nginx.
func TestVariablesLikeNginx(t *testing.T) {
	binary, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	names := []string{
		"protocol", "cipher", "ciphers", "curve", "curves", "server_name", "alpn_protocol", "session_reused", "early_data", "client_verify", "client_serial",
		"client_fingerprint", "client_v_start", "client_v_end", "client_v_remain", "client_s_dn", "client_i_dn", "client_s_dn_legacy",
		"client_i_dn_legacy", "client_raw_cert", "client_escaped_cert", "client_cert",
	}
	all := ""
	for _, name := range names {
		all += name + "=$ssl_" + name + "|"
	}
	servers := `
	ssl_certificate s.pem; ssl_certificate_key s.key; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ALL; ssl_ecdh_curve X25519:prime256v1:secp384r1;
	server { listen 127.0.0.1:8080 ssl; server_name x; ssl_verify_client optional_no_ca; ssl_client_certificate a.pem; return 200 "` + all + `"; }
`
	files := map[string]string{}
	_, _, ca := issue(t, "ca, \"x\"/y", nil)
	files["a.pem"] = ca.pem
	certPEM, keyPEM, _ := issue(t, " client+,#", ca)
	pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	if err != nil {
		t.Fatal(err)
	}
	// An RSA certificate, for key exchanges without a curve.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	files["s.pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	files["s.key"] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	s := webtest.Start(t, "events {}\nhttp {\n"+servers+"}\n", []*web.Module{rewrite.Module, web.Shared(ssl.Module)}, files)
	nginx := startNginx(t, binary, s.Dir, servers)
	for name, change := range map[string]func(*tls.Config){
		"plain":  func(*tls.Config) {},
		"no SNI": func(c *tls.Config) { c.ServerName = "" },
		"no curve": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		},
		"TLS 1.2": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"3DES": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}
		},
		"P-384":     func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521, tls.CurveP384} },
		"ALPN":      func(c *tls.Config) { c.NextProtos = []string{"x", "http/1.1"} },
		"anonymous": func(c *tls.Config) { c.GetClientCertificate = nil },
	} {
		c := presenting(&pair, "x")
		c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521} // which every OpenSSL has
		change(c)
		got, _ := askTLS(s.Addr(t, "8080"), "GET / HTTP/1.0\r\n\r\n", c)
		want, _ := askTLS(nginx("8080"), "GET / HTTP/1.0\r\n\r\n", c)
		_, got, _ = strings.Cut(got, "\r\n\r\n")
		_, want, _ = strings.Cut(want, "\r\n\r\n")
		compareLines(t, name+"\n"+strings.ReplaceAll(got, "|", "\n"), name+"\n"+strings.ReplaceAll(want, "|", "\n"))
	}
}
