package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// writeCertificate writes a certificate and its key for the servers.
func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: lastChange.AddDate(100, 0, 0)},
		&x509.Certificate{}, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return errors.Join(os.WriteFile(filepath.Join(dir, "tls.pem"), cert, 0o644), os.WriteFile(filepath.Join(dir, "tls.key"), secret, 0o644),
		os.WriteFile(filepath.Join(dir, "tls.both"), append(cert, secret...), 0o644))
}

// runSecure is a load over TLS 1.3, a goroutine for each connection. The back end
// has one of its own beside them.
func runSecure(b *bench, t *contest, p *peer) (perSecond float64, done int, err error) {
	l := t.load(b, p)
	stop := make(chan struct{})
	var back sync.WaitGroup
	back.Go(func() { err = errors.Join(err, serveUntil(t.back, stop)) })
	var clients sync.WaitGroup
	var answers atomic.Int64
	var failed atomic.Pointer[error]
	start := time.Now()
	for range l.connections {
		clients.Go(func() {
			for once := true; (once || l.reconnect) && time.Since(start) < b.duration && failed.Load() == nil; once = false {
				if err := l.secureConnection(start.Add(b.duration), &answers); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	clients.Wait()
	took := time.Since(start)
	close(stop)
	back.Wait()
	if e := failed.Load(); e != nil {
		err = errors.Join(err, *e)
	}
	done = int(answers.Load())
	return float64(done) / took.Seconds(), done, err
}

// serveUntil has a back end serve.
func serveUntil(back *backend, stop chan struct{}) error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(epoll) }()
	if err := back.watch(epoll); err != nil {
		return err
	}
	ready := make([]unix.EpollEvent, 256)
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		// The clients are goroutines of this thread: it must not sleep for long.
		n, err := unix.EpollWait(epoll, ready, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for i := range max(n, 0) {
			if err := back.serve(int(ready[i].Fd)); err != nil {
				return err
			}
		}
		if n <= 0 {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// secureConnection asks over one connection until then, or once.
func (l *load) secureConnection(end time.Time, answers *atomic.Int64) error {
	raw, err := net.Dial("tcp", l.addr.String())
	if err != nil {
		return err
	}
	if l.reconnect {
		_ = raw.(*net.TCPConn).SetLinger(0) // no port is to wait in TIME_WAIT
	}
	defer func() { _ = raw.Close() }()
	_ = raw.SetDeadline(end.Add(5 * time.Second))
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	buf := make([]byte, 4096)
	for {
		if _, err := c.Write(l.request); err != nil {
			return err
		}
		n := 0
		for want := -1; n != want; {
			m, err := c.Read(buf[n:])
			if n += m; err != nil {
				return fmt.Errorf("an answer of %d bytes: %w", n, errors.Join(err, io.ErrUnexpectedEOF))
			}
			if i := bytes.Index(buf[:n], headEnd); i >= 0 {
				want = i + len(headEnd) + len(l.wantBody)
			}
		}
		if !bytes.HasSuffix(buf[:n], l.wantBody) {
			return errors.New("a wrong body")
		}
		answers.Add(1)
		if l.reconnect || time.Now().After(end) {
			return nil
		}
	}
}
