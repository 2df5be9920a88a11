package scenario_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/lab/probe"
	"tandem/internal/scenario"
)

// manyAddresses is the seed with more to hand over: TLS, a second address and an
// IPv6 one in a sync group with the first, and one on another network.
func manyAddresses(c scenario.Config) scenario.Config {
	c = edit(c, "conf/nginx.conf", func(s string) string {
		return strings.Replace(s, "listen       80;", "listen 80; listen [::]:80; listen 443 ssl; ssl_certificate tls.pem; ssl_certificate_key tls.pem;", 1)
	})
	c = edit(c, "keepalived.conf", func(s string) string {
		first := s[strings.Index(s, "vrrp_instance"):]
		name := strings.Fields(first)[1]
		next := func(name, vrid, iface, vip string) string {
			return strings.NewReplacer(strings.Fields(first)[1], name, "virtual_router_id 51", "virtual_router_id "+vrid,
				"interface ens33", "interface "+iface, "192.168.200.254", vip).Replace(first)
		}
		six := next("VI6", "53", "ens33", "fd00::254/64")
		six = strings.Replace(six, "advert_int 1", "advert_int 1\n    version 3", 1)
		return s + next("VI2", "52", "ens33", "192.168.200.253") + six + next("VI3", "54", "ens34", "10.7.0.254/24") +
			"\nvrrp_sync_group G {\n    group {\n        " + name + "\n        VI2\n        VI6\n    }\n}\n"
	})
	write := c.Write
	c.Write = func(prefix string) error {
		if err := write(prefix); err != nil {
			return err
		}
		return writeCertificate(filepath.Join(prefix, "conf", "tls.pem"))
	}
	return c
}

// writeCertificate writes a key and a certificate that nobody trusts.
func writeCertificate(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	return os.WriteFile(name, text, 0o644)
}

// TestHandover hands addresses of several kinds over and back, under clients that
// count every request that is not answered.
func TestHandover(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, [2]scenario.Config{manyAddresses(seed[0]), manyAddresses(seed[1])})
	one, two := p.Nodes[0], p.Nodes[1]
	other, err := p.Lab.Switch()
	check(t, err)
	for host, last := range map[*lab.Host]string{one.Host: "7", two.Host: "10", p.Client: "100"} {
		_, err := other.Connect(host, "ens34", netip.MustParsePrefix("10.7.0."+last+"/24"))
		check(t, err)
		iface := "ens33"
		if host == p.Client {
			iface = "eth0"
		}
		_, err = host.Output("ip", "addr", "add", "fd00::"+last+"/64", "dev", iface, "nodad")
		check(t, err)
	}
	observe(t, p, "start", started(one, two), one)

	secure := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := p.Client.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		s := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		if err := s.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return nil, err
		}
		return s, nil
	}
	clients := map[string]*probe.KeptClient{}
	for _, c := range []struct {
		address string
		dial    func(context.Context, string, string) (net.Conn, error)
	}{
		{"192.168.200.254:80", p.Client.DialContext}, {"192.168.200.254:443", secure}, {"192.168.200.253:80", p.Client.DialContext},
		{"[fd00::254]:80", p.Client.DialContext}, {"10.7.0.254:80", p.Client.DialContext},
	} {
		var err error
		for ctx := within(t); ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			var conn net.Conn
			if conn, err = c.dial(ctx, "tcp", c.address); err == nil {
				_ = conn.Close()
				break
			}
		}
		check(t, err)
		clients[c.address] = probe.StartKept(probe.KeptConfig{Dial: c.dial, Address: c.address, Connections: 3, Pause: 5 * time.Millisecond, Timeout: 3 * time.Second})
		defer clients[c.address].Stop()
	}
	order := func(words string) func(context.Context) error {
		return func(context.Context) error {
			if out, code := run(t, one, 0, "-s", words); code != 0 {
				t.Errorf("-s %s: %d\n%s", words, code, out)
			}
			return nil
		}
	}
	for _, step := range []struct {
		what   string
		change func(context.Context) error
		master *scenario.Node
	}{
		{"demote", order("demote"), two}, {"promote", order("promote"), one}, {"stop", one.Stop, two}, {"return", started(one), one},
	} {
		begun := time.Now()
		seen := observe(t, p, step.what, step.change, step.master)
		failed := seen.Failed
		for address, c := range clients {
			s := c.Summary(begun)
			failed += s.Failed
			if s.Failed > 0 || s.Requests == 0 {
				t.Errorf("%s: %s: %d of %d requests failed: %v", step.what, address, s.Failed, s.Requests, s.Errors)
			}
		}
		lossless(t, step.what, seen)
		if failed > 0 {
			t.Logf("%s\n%s", one.LastWords(), two.LastWords())
		}
	}
	for _, n := range p.Nodes {
		// A successor lets go of them a moment after it has become master.
		for ctx := within(t); ; time.Sleep(50 * time.Millisecond) {
			addrs, err := n.Host.Output("ip", "addr", "show", "dev", "lo")
			check(t, err)
			arp, err := n.Host.Output("cat", "/proc/sys/net/ipv4/conf/ens33/arp_ignore", "/proc/sys/net/ipv4/conf/ens33/arp_announce")
			check(t, err)
			if !strings.Contains(addrs, "254") && !strings.Contains(addrs, "253") && strings.Join(strings.Fields(arp), " ") == "0 0" {
				break
			}
			if ctx.Err() != nil {
				t.Errorf("%s has kept addresses on the loopback, or is still silent:\n%s%s", n.Name, addrs, arp)
				break
			}
		}
	}
}
