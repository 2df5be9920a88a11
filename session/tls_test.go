package session_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"

	"tandem/session"
	"tandem/session/sessiontest"
)

// Both the server that asked for a certificate and the one that the session is for
// have to trust it, and each is asked once.
func TestWhoJudgesACertificate(t *testing.T) {
	s := sessiontest.Start(t, "server { } server { }")
	servers := s.Servers()
	asked := make(map[*session.Server]int)
	refusing := make(map[*session.Server]error)
	s.TLS.Verify = func(srv *session.Server, _ *tls.ConnectionState) error {
		asked[srv]++
		return refusing[srv]
	}
	first, second := errors.New("first"), errors.New("second")
	for _, c := range []struct {
		first, second error
		server        int
		want          error
	}{
		{nil, nil, 0, nil}, {first, nil, 0, first}, {nil, second, 0, nil}, {nil, second, 1, second}, {first, second, 1, first}, {first, nil, 1, first},
	} {
		clear(asked)
		refusing[servers[0]], refusing[servers[1]] = c.first, c.second
		client := s.Client("192.0.2.1:1")
		certificate := new(x509.Certificate)
		client.TLS = &session.Secured{State: tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}}, Asked: servers[0]}
		for range 2 {
			if got, err := s.Session(c.server, client).ClientCertificate(); got != certificate || err != c.want {
				t.Errorf("%+v: %v", c, err)
			}
		}
		for srv, n := range asked {
			if n != 1 {
				t.Errorf("%+v: %v was asked %d times", c, srv.Pos, n)
			}
		}
		client.TLS.Move(servers[1])
		if _, err := s.Session(1, client).ClientCertificate(); err != c.second {
			t.Errorf("%+v: after the move to the second server: %v", c, err)
		}
	}
}

func TestNoCertificate(t *testing.T) {
	s := sessiontest.Start(t, "server { }")
	client := s.Client("192.0.2.1:1")
	for _, secured := range []*session.Secured{nil, {}} {
		client.TLS = secured
		x := s.Session(0, client)
		if c, err := x.ClientCertificate(); c != nil || err != nil || x.TLS() != secured {
			t.Errorf("%v, %v", c, err)
		}
	}
}
