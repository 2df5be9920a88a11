package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"tandem/internal/lab"
)

// backendAddress is where a node's back end listens.
const backendAddress = "127.0.0.1:8080"

// slowness is how long a back end that is too late takes: longer than any
// probe waits, shorter than a proxy.
const slowness = 5 * time.Second

// behaviour is what a back end does.
type behaviour int32

const (
	well behaviour = iota
	failing
	slow
)

// backend is an application on a node, outside of the web server.
type backend struct {
	host   *lab.Host
	page   string
	is     atomic.Int32
	server *http.Server
	echoes []io.Closer
}

// echo has it send back what comes to echoAddress, over TCP and UDP, until the lab is
// closed.
func (b *backend) echo() error {
	l, err := b.host.Listen("tcp", echoAddress)
	if err != nil {
		return err
	}
	b.echoes = append(b.echoes, l)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	u, err := b.host.ListenPacket("udp", echoAddress)
	if err != nil {
		return err
	}
	b.echoes = append(b.echoes, u)
	go func() {
		for buf := make([]byte, 2048); ; {
			n, from, err := u.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = u.WriteTo(buf[:n], from)
			}
		}
	}()
	return nil
}

func (b *backend) start() error {
	l, err := b.host.Listen("tcp", backendAddress)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: b, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	b.server = server
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Println("back end:", err)
		}
	}()
	return nil
}

// stop ends it as a crash does.
func (b *backend) stop() {
	if b.server != nil {
		_ = b.server.Close()
		b.server = nil
	}
}

func (b *backend) set(v behaviour) { b.is.Store(int32(v)) }

// ServeHTTP implements http.Handler.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 2 {
		answer(w, r)
		return
	}
	switch behaviour(b.is.Load()) {
	case failing:
		http.Error(w, "failing", http.StatusInternalServerError)
		return
	case slow:
		select {
		case <-r.Context().Done():
		case <-time.After(slowness):
		}
	}
	fmt.Fprintf(w, "<h1>%s</h1>\n", b.page)
}

// close ends what echoes.
func (b *backend) close() {
	b.stop()
	for _, c := range b.echoes {
		_ = c.Close()
	}
}

// answer answers a call of gRPC with the messages that come, as they come.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	for buf := make([]byte, 1024); ; {
		n, err := r.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	w.Header().Set("Grpc-Status", "0")
}
