// Package flowtest opens connections of every kind for tests.
package flowtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// Pair returns the two ends of a TCP connection over loopback.
func Pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	return PairOf(t, "tcp", "127.0.0.1:0")
}

// PairOf is Pair in a network and at an address.
func PairOf(t testing.TB, network, address string) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		s, _ := l.Accept()
		accepted <- s
	}()
	client, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server = <-accepted; server == nil {
		t.Fatal("accept failed")
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// opaque hides the type of a connection, and layered is one on top of
// another, as TLS is.
type (
	opaque  struct{ net.Conn }
	layered struct{ net.Conn }
)

func (s layered) NetConn() net.Conn { return s.Conn }

// Transports runs a test over every kind of transport.
func Transports(t *testing.T, test func(t *testing.T, client, server net.Conn)) {
	for name, open := range map[string]func(t *testing.T) (client, server net.Conn){
		"tcp": func(t *testing.T) (client, server net.Conn) { return Pair(t) },
		"unix": func(t *testing.T) (client, server net.Conn) {
			return PairOf(t, "unix", filepath.Join(t.TempDir(), "s"))
		},
		"layered": func(t *testing.T) (client, server net.Conn) {
			client, server = Pair(t)
			return client, layered{server}
		},
		"tls": func(t *testing.T) (client, server net.Conn) {
			client, server = Pair(t)
			return TLS(t, client, server)
		},
		"opaque": func(t *testing.T) (client, server net.Conn) {
			client, server = Pair(t)
			return client, opaque{server}
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := open(t)
			_ = client.SetDeadline(time.Now().Add(30 * time.Second))
			test(t, client, server)
		})
	}
}

// TLS returns the ends of a TLS connection on the ends of another one, after its
// handshake.
func TLS(t testing.TB, client, server net.Conn) (clientTLS, serverTLS net.Conn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	s := tls.Server(server, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	shaken := make(chan error)
	go func() { shaken <- c.Handshake() }()
	if err := s.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return c, s
}

// Send writes a text.
func Send(t testing.TB, s net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatal(err)
	}
}

// Receive reads a text and fails when it is another.
func Receive(t testing.TB, s net.Conn, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(s, buf); err != nil || string(buf) != want {
		t.Fatalf("received %q, %v, want %q", buf, err, want)
	}
}

// Until polls for something that another goroutine or the kernel does.
func Until(t testing.TB, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}
