package ssl_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"tandem/web/webtest"
)

// echFile makes a key and the configurations for clients (RFC 9849 section 4), and the
// file with both.
func echFile(t *testing.T, id uint8) (file string, configs []byte) {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(0xfe0d)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint8(id)
			b.AddUint16(0x0020) // DHKEM(X25519, HKDF-SHA256)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(key.PublicKey().Bytes()) })
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint16(1) // HKDF-SHA256
				b.AddUint16(1) // AES-128-GCM
			})
			b.AddUint8(32)
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("outer.test")) })
			b.AddUint16(0)
		})
	})
	configs = b.BytesOrPanic()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "ECHCONFIG", Bytes: configs})), configs
}

// A client that has found the configurations in the DNS asks for a server that nobody
// else sees; one with old ones is given new ones.
func TestECH(t *testing.T) {
	file, configs := echFile(t, 1)
	_, old := echFile(t, 2)
	cert, key, _ := webtest.SelfSigned(t, "outer.test", "inner.test")
	s := webtest.Start(t, `http {
		ssl_certificate s.pem; ssl_certificate_key s.key; ssl_ech_file ech.pem;
		server { listen 127.0.0.1:8080 ssl; server_name outer.test; return 200 "outer $ssl_ech_status $ssl_ech_outer_server_name"; }
		server { listen 127.0.0.1:8080 ssl; server_name inner.test; return 200 "inner $ssl_ech_status $ssl_ech_outer_server_name"; }
	}`, ocspModules, map[string]string{"s.pem": cert, "s.key": key, "ech.pem": file})
	ask := func(name string, configs []byte) (string, error) {
		conn := tls.Client(s.Dial(t), &tls.Config{ServerName: name, InsecureSkipVerify: true, EncryptedClientHelloConfigList: configs,
			EncryptedClientHelloRejectionVerify: func(tls.ConnectionState) error { return nil }})
		defer func() { _ = conn.Close() }()
		if err := conn.Handshake(); err != nil {
			return "", err
		}
		_, _ = conn.Write([]byte("GET / HTTP/1.0\r\nHost: " + name + "\r\n\r\n"))
		b, err := io.ReadAll(conn)
		_, body, _ := strings.Cut(string(b), "\r\n\r\n")
		return body, err
	}
	if got, err := ask("inner.test", configs); err != nil || got != "inner SUCCESS outer.test" {
		t.Errorf("encrypted: %q, %v", got, err)
	}
	if got, err := ask("inner.test", nil); err != nil || got != "inner NOT_TRIED " {
		t.Errorf("openly: %q, %v", got, err)
	}
	_, err := ask("inner.test", old)
	var rejected *tls.ECHRejectionError
	if !errors.As(err, &rejected) || string(rejected.RetryConfigList) != string(configs) {
		t.Errorf("with an old key: %v", err)
	}
}

func TestECHFiles(t *testing.T) {
	file, _ := echFile(t, 1)
	other, _ := echFile(t, 2)
	private, config, _ := strings.Cut(file, "-----BEGIN ECHCONFIG")
	otherPrivate, _, _ := strings.Cut(other, "-----BEGIN ECHCONFIG")
	cert, key, _ := webtest.SelfSigned(t, "a.test")
	for text, want := range map[string]string{
		file:                            "",
		"-----BEGIN ECHCONFIG" + config: "", // nothing that could be opened
		private:                         "(no ECHCONFIG)",
		otherPrivate + "-----BEGIN ECHCONFIG" + config:                         "(no private key that a configuration is for)",
		private + "-----BEGIN ECHCONFIG-----\nAAAB\n-----END ECHCONFIG-----\n": "(bad ECHCONFIG)",
	} {
		s := webtest.New(t, "http { }", ocspModules, map[string]string{"s.pem": cert, "s.key": key, "ech.pem": text})
		_, _, errs := webtest.Load(s.Dir, "http { server { listen 127.0.0.1:8080 ssl; ssl_certificate s.pem; ssl_certificate_key s.key; ssl_ech_file ech.pem; } }", ocspModules)
		if (len(errs) == 0) != (want == "") || len(errs) > 0 && !strings.Contains(errs.Error(), "OSSL_ECHSTORE_read_pem(") || !strings.Contains(errs.Error(), want) {
			t.Errorf("%v, want %q", errs, want)
		}
	}
}
