package scenario_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// authorityAddress is where Pebble listens, an authority for tests.
const authorityAddress = "192.168.200.2"

// withACME is the seed with a server whose certificate comes from Pebble, and a key for
// the peer link.
func withACME(c scenario.Config) scenario.Config {
	c = edit(c, "conf/nginx.conf", func(s string) string {
		return strings.Replace(s, "http {", `error_log logs/error.log notice;
http {
    resolver `+authorityAddress+` ipv6=off;
    acme_issuer pebble {
        uri https://`+authorityAddress+`:14000/dir;
        ssl_verify off;
        accept_terms_of_service;
        state_path state;
    }
    server {
        listen 443 ssl;
        server_name a.test;
        acme_certificate pebble;
        ssl_certificate $acme_certificate;
        ssl_certificate_key $acme_certificate_key;
        return 200 served;
    }
`, 1)
	})
	return withKey(c, "@tandem peer_key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
}

// pebble starts Pebble and a name server for which every name is the VIP, and returns
// the file with what Pebble says.
func pebble(t *testing.T, p *scenario.Pair) (log string) {
	t.Helper()
	host, err := p.Lab.Host("authority")
	check(t, err)
	_, err = p.Switch.Connect(host, "eth0", netip.MustParsePrefix(authorityAddress+"/24"))
	check(t, err)
	dir := filepath.Join(p.Dir, "pebble")
	check(t, os.Mkdir(dir, 0o755))
	check(t, writeCertificate(filepath.Join(dir, "tls.pem")))
	conf := `{"pebble": {"listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000", "certificate": "tls.pem", "privateKey": "tls.pem",
		"httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false}}`
	check(t, os.WriteFile(filepath.Join(dir, "conf.json"), []byte(conf), 0o644))
	log = filepath.Join(dir, "log")
	for _, cmd := range []*exec.Cmd{
		exec.Command("pebble-challtestsrv", "-defaultIPv4", vip.String(), "-defaultIPv6", "", "-dns01", ":53", "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", ":8055"),
		exec.Command("pebble", "-config", "conf.json", "-dnsserver", "127.0.0.1:53"),
	} {
		out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		check(t, err)
		defer func() { _ = out.Close() }()
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
		// It takes its time before it looks at an answer, which is when a node is
		// killed; every twentieth nonce is refused anyway.
		cmd.Env = append(os.Environ(), "PEBBLE_VA_SLEEPTIME=4", "PEBBLE_AUTHZREUSE=0")
		_, err = host.Start(cmd)
		check(t, err)
	}
	return log
}

// says waits until a file has a text.
func says(t *testing.T, ctx context.Context, file, text string) {
	t.Helper()
	for {
		data, _ := os.ReadFile(file)
		if strings.Contains(string(data), text) {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%q is not said:\n%s", text, data)
		}
	}
}

// handshake asks for the page of a.test over TLS at the VIP.
func handshake(ctx context.Context, p *scenario.Pair, sessions tls.ClientSessionCache) (*tls.ConnectionState, error) {
	raw, err := p.Client.DialContext(ctx, "tcp", netip.AddrPortFrom(vip, 443).String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = raw.Close() }()
	_ = raw.SetDeadline(time.Now().Add(2 * time.Second))
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", ClientSessionCache: sessions})
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")); err != nil {
		return nil, err
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if !strings.HasSuffix(string(b[:n]), "served") {
		return nil, fmt.Errorf("served: %q, %w", b[:n], err)
	}
	state := conn.ConnectionState()
	return &state, nil
}

// awaitHandshake waits until the VIP serves a.test over TLS.
func awaitHandshake(t *testing.T, ctx context.Context, p *scenario.Pair, sessions tls.ClientSessionCache) *tls.ConnectionState {
	t.Helper()
	for {
		state, err := handshake(ctx, p, sessions)
		if err == nil {
			return state
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%v\n%s\n%s", err, p.Nodes[0].LastWords(), p.Nodes[1].LastWords())
		}
	}
}

// TestOneOrder has the master killed in the middle of an order: the other node finishes
// it, and when the first one is back both have the certificate, of one order and one
// account. Then a session that was agreed with one node is resumed on the other.
func TestOneOrder(t *testing.T) {
	lab.Needs(t, "pebble", "pebble-challtestsrv")
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, [2]scenario.Config{withACME(seed[0]), withACME(seed[1])})
	one, two := p.Nodes[0], p.Nodes[1]
	log := pebble(t, p)
	t.Cleanup(func() {
		if said, err := os.ReadFile(log); t.Failed() {
			t.Logf("the authority, %v:\n%s", err, said)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	observe(t, p, "start", started(one, two), one)
	says(t, ctx, log, "/authZ/") // the order is known to both, and the authority is about to be told to look
	observe(t, p, "the master is killed in the middle of an order", func(ctx context.Context) error {
		err := one.Kill(ctx)
		if said, _ := os.ReadFile(log); strings.Contains(string(said), "Issued certificate") {
			t.Skip("the order was over before the master was killed")
		}
		return err
	}, two)
	says(t, ctx, log, "by completed challenge")
	if said, _ := os.ReadFile(log); strings.Contains(string(said), "set INVALID") {
		t.Skip("the authority looked when the master died")
	}
	first := awaitHandshake(t, ctx, p, nil).PeerCertificates[0]
	if issuer := first.Issuer.CommonName; !strings.Contains(issuer, "Pebble") {
		t.Errorf("the certificate is of %s", issuer)
	}
	observe(t, p, "the first node is back", started(one), one)
	sessions := tls.NewLRUClientSessionCache(1)
	if again := awaitHandshake(t, ctx, p, sessions); !again.PeerCertificates[0].Equal(first) || again.DidResume {
		t.Errorf("another certificate, or a session that nobody has agreed: %s, %t", again.PeerCertificates[0].SerialNumber, again.DidResume)
	}
	observe(t, p, "switch", one.Stop, two)
	if resumed := awaitHandshake(t, ctx, p, sessions); !resumed.DidResume {
		t.Error("the session is not resumed on the other node")
	}
	said, err := os.ReadFile(log)
	check(t, err)
	for text, want := range map[string]int{"There are now 1 orders in the db": 1, "There are now 2 orders in the db": 0, "There are now 1 accounts in memory": 1, "There are now 2 accounts in memory": 0} {
		if n := strings.Count(string(said), text); n != want {
			t.Errorf("the authority says %d times, not %d times: %s", n, want, text)
		}
	}
}
