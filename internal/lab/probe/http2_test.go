package probe

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A client of HTTP/2 asks on until it is told to make another connection, counts
// what fails, and never asks for that again.
func TestKeptHTTP2(t *testing.T) {
	var asked, limit atomic.Int64
	limit.Store(20)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := asked.Add(1); {
		case r.ProtoMajor != 2:
			t.Error(r.Proto)
		case n == 7:
			panic(http.ErrAbortHandler) // RST_STREAM
		case n == 9:
			w.WriteHeader(http.StatusBadGateway)
		case n == limit.Load():
			limit.Add(20)
			w.Header().Set("Connection", "close") // GOAWAY
		}
		if r.Method != "POST" {
			_, _ = io.WriteString(w, "hello")
			return
		}
		w.Header().Set("Trailer", "Grpc-Status")
		for buf := make([]byte, 64); ; {
			n, err := r.Body.Read(buf)
			_, _ = w.Write(buf[:n])
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				break
			}
		}
		w.Header().Set("Grpc-Status", "0")
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	for _, messages := range []int{0, 3} {
		asked.Store(0)
		limit.Store(20)
		k := StartKept(KeptConfig{Dial: (&net.Dialer{}).DialContext, Address: strings.TrimPrefix(server.URL, "http://"), Path: "/x", Connections: 2, Streams: 4,
			Messages: messages, Timeout: 10 * time.Second})
		for end := time.Now().Add(20 * time.Second); asked.Load() < 100 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		k.Stop()
		s := k.Summary(time.Time{})
		// Go's server may have refused some when it said GOAWAY.
		refused := s.Errors["not served: GOAWAY says so"]
		if s.Requests < 100 || s.Failed != 2+refused || s.Connections < 4 || s.Errors["status 502"] != 1 || s.Errors["reset: INTERNAL_ERROR"] != 1 {
			t.Errorf("with %d messages: %+v", messages, s)
		}
	}
}
