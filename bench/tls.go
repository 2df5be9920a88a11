package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var tlsTable = &table{
	title: "TLS",
	text: "TLS 1.3 with X25519 and AES-128-GCM. The client is Go's own TLS on its core, and mostly the slower side: so the ratio to nginx, and the goal,\n" +
		"are those of the server's processor time for one answer. A handshake is a connection with one request for the small file.",
	columns: []string{"work", "server", "answers/s", "CPU, us", "x nginx per CPU", "goal", "busy"},
}

// tlsCase is one kind of work over TLS.
type tlsCase struct {
	name, what string
	goal       float64 // of nginx's processor time as a multiple of tandem's
	rsa        bool    // the server's key is of RSA, 2048 bits; otherwise of P-256
	body       []byte
	reconnect  bool // a new connection for each request,
	resume     bool // which goes on with the session of the one before
}

func tlsCases() []tlsCase {
	return []tlsCase{
		{name: "tls-small", what: "small file, kept alive", goal: 1.3, body: smallPage},
		{name: "tls-1m", what: "1 MB file", goal: 1, body: fileOf(1 << 20)},
		{name: "tls-ecdsa", what: "handshake, ECDSA", goal: 1.1, body: smallPage, reconnect: true},
		{name: "tls-rsa", what: "handshake, RSA", goal: 1, rsa: true, body: smallPage, reconnect: true},
		{name: "tls-resumed", what: "handshake, resumed", goal: 1.1, body: smallPage, reconnect: true, resume: true},
	}
}

// tlsParts are the parts that measure TLS.
func tlsParts() (list []part) {
	for _, c := range tlsCases() {
		list = append(list, part{c.name, tlsTable, true, c.measure})
	}
	return append(list, part{"tls-idle", tlsIdleTable, true, measureTLSIdle})
}

// tlsConf is that of a server with a certificate in its folder.
var tlsConf = strings.NewReplacer(
	"listen 127.0.0.1:PORT;", "listen 127.0.0.1:PORT ssl; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; ssl_session_cache shared:SSL:10m; ssl_session_timeout 1h; ssl_protocols TLSv1.3;",
).Replace(fileConf(logOff))

// start starts a server that serves a body over TLS.
func (c *tlsCase) start(b *bench, p *peer) (*server, error) {
	s, err := p.prepare(b, tlsConf)
	if err != nil {
		return nil, err
	}
	s.files = s.dir
	cert, key, err := newCertificate(c.rsa)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(
		s.configure(tlsConf),
		os.WriteFile(filepath.Join(s.dir, "cert.pem"), cert, 0o644), os.WriteFile(filepath.Join(s.dir, "key.pem"), key, 0o600),
		os.WriteFile(filepath.Join(s.dir, "index.html"), c.body, 0o644), s.launch(cores(1)...)); err != nil {
		return nil, err
	}
	return s, s.wait()
}

// newCertificate makes one for localhost that has signed itself.
func newCertificate(isRSA bool) (cert, key []byte, err error) {
	var signer crypto.Signer
	if isRSA {
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 3, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(signer)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), err
}

// measure has every peer that reads nginx's language do the work, in turns.
func (c *tlsCase) measure(b *bench) ([]row, error) {
	results := map[*peer]*result{}
	servers := map[*peer]*server{}
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	for _, p := range b.peers {
		if p.reads != nginxLanguage {
			continue
		}
		s, err := c.start(b, p)
		if err != nil {
			return nil, err
		}
		servers[p], results[p] = s, &result{}
	}
	for range b.rounds {
		for _, p := range b.peers {
			s := servers[p]
			if s == nil {
				continue
			}
			l := &tlsLoad{c: c, s: s}
			before := s.cpu()
			rate, err := l.run(b.connections, b.duration)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			results[p].rate = append(results[p].rate, rate)
			results[p].cpu = append(results[p].cpu, (s.cpu()-before)/time.Duration(max(l.done.Load(), 1)))
		}
	}
	var rows []row
	for _, p := range b.peers {
		if res := results[p]; res != nil {
			rows = append(rows, c.row(p, res, results[b.base]))
		}
	}
	return rows, nil
}

// row is what a peer did; base is nginx's, nil if it is not there.
func (c *tlsCase) row(p *peer, res, base *result) row {
	rate, cpu := median(res.rate), median(res.cpu)
	r := row{Cells: []string{c.what, p.name, fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.1f", float64(cpu.Nanoseconds())/1000), "", "", fmt.Sprintf("%.0f %%", rate*cpu.Seconds()*100)}}
	if base == nil || cpu == 0 {
		return r
	}
	ratio := float64(median(base.cpu)) / float64(cpu)
	r.Cells[4] = fmt.Sprintf("%.2f", ratio)
	if p.name == "tandem" {
		r.Cells[5] = fmt.Sprintf("%.2f", c.goal)
		if ratio < c.goal {
			r.Missed = append(r.Missed, fmt.Sprintf("TLS, %s: %.2f x nginx per CPU, not %.2f", c.what, ratio, c.goal))
		}
	}
	return r
}

// tlsLoad is the clients of a server.
type tlsLoad struct {
	c    *tlsCase
	s    *server
	done atomic.Int64
	end  atomic.Bool
}

// run asks over so many connections for d, and returns the answers a second.
func (l *tlsLoad) run(connections int, d time.Duration) (float64, error) {
	if l.c.reconnect {
		connections = min(connections, 16)
	}
	errs := make(chan error, connections)
	var all sync.WaitGroup
	start := time.Now()
	for range connections {
		all.Go(func() {
			if err := l.client(); err != nil {
				l.end.Store(true)
				errs <- err
			}
		})
	}
	stop := time.AfterFunc(d, func() { l.end.Store(true) })
	defer stop.Stop()
	all.Wait()
	took := time.Since(start)
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(l.done.Load()) / took.Seconds(), nil
	}
}

// client asks again and again.
func (l *tlsLoad) client() error {
	conf := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", CurvePreferences: []tls.CurveID{tls.X25519}}
	if l.c.resume {
		conf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	var conn *tls.Conn
	var answer []byte
	for first := true; !l.end.Load(); first = false {
		if conn == nil {
			raw, err := l.dial()
			if err != nil {
				return err
			}
			conn = tls.Client(raw, conf)
		}
		var err error
		if answer, err = ask(conn, l.c.body, answer); err != nil {
			return err
		}
		if resumed := conn.ConnectionState().DidResume; l.c.resume && resumed == first {
			return fmt.Errorf("a session is resumed: %t", resumed)
		}
		if !first || !l.c.resume {
			l.done.Add(1)
		}
		if l.c.reconnect {
			_ = conn.NetConn().Close()
			conn = nil
		}
	}
	if conn != nil {
		return conn.Close()
	}
	return nil
}

// dial connects. Closing is to send RST, so that no port waits in TIME_WAIT.
func (l *tlsLoad) dial() (net.Conn, error) {
	raw, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(l.s.addr))
	if err != nil {
		return nil, err
	}
	return raw, raw.SetLinger(0)
}

// ask asks for the page and checks the answer; in is a buffer as long as the one
// before, nil for the first.
func ask(conn net.Conn, body, in []byte) ([]byte, error) {
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")); err != nil {
		return nil, err
	}
	if in == nil {
		for head := -1; head < 0 || len(in) < head+4+len(body); head = bytes.Index(in, []byte("\r\n\r\n")) {
			piece := make([]byte, 16<<10)
			n, err := conn.Read(piece)
			if err != nil {
				return nil, fmt.Errorf("reading an answer: %w", err)
			}
			in = append(in, piece[:n]...)
		}
	} else if _, err := io.ReadFull(conn, in); err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	if !bytes.HasPrefix(in, []byte("HTTP/1.1 200 ")) || !bytes.HasSuffix(in, body) {
		return nil, fmt.Errorf("the answer is wrong: %.200q", in)
	}
	return in, nil
}

var tlsIdleTable = &table{
	title:   "Idle TLS connections",
	text:    "Connections over TLS that have had one answer each. Memory is what the server's PSS has grown by, for one.",
	columns: []string{"server", "memory of one, bytes", "goal"},
}

// tlsIdleConnections and tlsIdleGoal are how many there are, and what one may cost in
// bytes.
const (
	tlsIdleConnections = 4000
	tlsIdleGoal        = 8 << 10
)

func measureTLSIdle(b *bench) ([]row, error) {
	var rows []row
	for _, p := range b.peers {
		if p.reads != nginxLanguage {
			continue
		}
		cost, err := tlsIdleCost(b, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		r := row{Cells: []string{p.name, fmt.Sprint(cost), ""}}
		if p.name == "tandem" {
			r.Cells[2] = fmt.Sprint(tlsIdleGoal)
			if cost > tlsIdleGoal {
				r.Missed = append(r.Missed, fmt.Sprintf("an idle connection over TLS: %d bytes, not %d", cost, tlsIdleGoal))
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func tlsIdleCost(b *bench, p *peer) (int64, error) {
	c := &tlsCase{body: smallPage}
	s, err := c.start(b, p)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	l := &tlsLoad{c: c, s: s}
	if _, err := l.run(b.connections, b.duration); err != nil {
		return 0, err
	}
	time.Sleep(idleSettles)
	before, err := memory(family(s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	conf := &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}}
	for range tlsIdleConnections {
		raw, err := l.dial()
		if err != nil {
			return 0, err
		}
		defer func() { _ = raw.Close() }()
		if _, err := ask(tls.Client(raw, conf), c.body, nil); err != nil {
			return 0, err
		}
	}
	time.Sleep(idleSettles)
	after, err := memory(family(s.cmd.Process.Pid))
	return (after.pss - before.pss) / tlsIdleConnections, err
}
