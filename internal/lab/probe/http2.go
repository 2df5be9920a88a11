package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// multiplexed is a connection of HTTP/2 in clear, with prior knowledge (RFC 9113
// section 3.3), on which several requests are under way at a time.
type multiplexed struct {
	config KeptConfig
	conn   net.Conn
	host   string

	writing sync.Mutex // framer's writing side, enc and block; taken before mu
	framer  *http2.Framer
	enc     *hpack.Encoder
	block   bytes.Buffer

	mu     sync.Mutex
	next   uint32
	asked  map[uint32]*asked
	away   bool  // the server has said that it takes no more (RFC 9113 section 6.8)
	broken error // nothing comes any more
}

// asked is a request under way. Its channels are closed or filled by who reads the
// connection.
type asked struct {
	status, outcome string        // :status and grpc-status
	data            chan int      // of the response's body, in bytes
	ended           chan struct{} // by either side
	err             error         // how it has ended
}

// use2 makes a connection and uses it until the server takes no more requests on
// it, and the last has been answered.
func (k *KeptClient) use2(ctx context.Context) {
	begun := time.Now()
	m, err := k.connect()
	if err != nil {
		k.add(keptResult{begun: begun, first: true, err: err})
		sleep(ctx, 10*time.Millisecond) // nobody is there: no reason to hurry
		return
	}
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		m.read()
	}()
	var workers sync.WaitGroup
	for i := range k.config.Streams {
		workers.Go(func() {
			for first := i == 0; ctx.Err() == nil; first = false {
				begun := time.Now()
				more, err := m.ask()
				if !more {
					return
				}
				k.add(keptResult{begun: begun, first: first, err: err})
				sleep(ctx, k.config.Pause)
			}
		})
	}
	workers.Wait()
	_ = m.conn.Close()
	<-reading
}

func (k *KeptClient) connect() (*multiplexed, error) {
	host, err := hostOf(k.config.Address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), k.config.Timeout)
	defer cancel()
	conn, err := k.config.Dial(ctx, "tcp", k.config.Address)
	if err != nil {
		return nil, err
	}
	m := &multiplexed{config: k.config, conn: conn, host: host, framer: http2.NewFramer(conn, conn), next: 1, asked: map[uint32]*asked{}}
	m.enc = hpack.NewEncoder(&m.block)
	m.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, err = io.WriteString(conn, http2.ClientPreface)
	if err = errors.Join(err, m.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}), m.framer.WriteWindowUpdate(0, 1<<30)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return m, nil
}

// read gives what comes to those who wait for it, until nothing comes any more.
func (m *multiplexed) read() {
	for {
		f, err := m.framer.ReadFrame()
		if err != nil {
			m.mu.Lock()
			m.broken = err
			for id, a := range m.asked {
				m.end(id, a, err)
			}
			m.mu.Unlock()
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				m.write(m.framer.WriteSettingsAck)
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				m.write(func() error { return m.framer.WritePing(true, f.Data) })
			}
		default:
			m.take(f)
		}
	}
}

// write writes frames; who reads finds out when that is not possible.
func (m *multiplexed) write(frames func() error) {
	m.writing.Lock()
	defer m.writing.Unlock()
	_ = frames()
}

// take takes a frame of a request, or the announcement of the end.
func (m *multiplexed) take(f http2.Frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := f.Header().StreamID
	a := m.asked[id]
	over := false
	switch f := f.(type) {
	case *http2.GoAwayFrame:
		m.away = true
		for id, a := range m.asked {
			if id > f.LastStreamID {
				m.end(id, a, errors.New("not served: GOAWAY says so"))
			}
		}
		return
	case *http2.MetaHeadersFrame:
		if a != nil {
			for _, field := range f.Fields {
				switch field.Name {
				case ":status":
					a.status = field.Value
				case "grpc-status":
					a.outcome = field.Value
				}
			}
		}
		over = f.StreamEnded()
	case *http2.DataFrame:
		if a != nil && len(f.Data()) > 0 {
			select {
			case a.data <- len(f.Data()):
			default: // nobody counts so many
			}
		}
		over = f.StreamEnded()
	case *http2.RSTStreamFrame:
		if a != nil {
			m.end(id, a, fmt.Errorf("reset: %v", f.ErrCode))
		}
	}
	if a != nil && over {
		m.end(id, a, nil)
	}
}

// end ends a request. The caller holds mu.
func (m *multiplexed) end(id uint32, a *asked, err error) {
	delete(m.asked, id)
	a.err = err
	close(a.ended)
}

// ask makes one request; more is false when it was not made because the connection
// takes no more.
func (m *multiplexed) ask() (more bool, err error) {
	method, path := "GET", m.config.Path
	if m.config.Messages > 0 {
		method = "POST"
	}
	m.writing.Lock()
	m.mu.Lock()
	if m.away || m.broken != nil {
		m.mu.Unlock()
		m.writing.Unlock()
		return false, nil
	}
	id, a := m.next, &asked{data: make(chan int, 64), ended: make(chan struct{})}
	m.next += 2
	m.asked[id] = a
	m.mu.Unlock()
	m.block.Reset()
	field := func(name, value string) { _ = m.enc.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	field(":method", method)
	field(":scheme", "http")
	field(":path", path)
	field(":authority", m.host)
	if m.config.Messages > 0 {
		field("content-type", "application/grpc")
		field("te", "trailers")
	}
	_ = m.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: m.block.Bytes(), EndHeaders: true, EndStream: m.config.Messages == 0})
	m.writing.Unlock()
	if m.config.Messages > 0 {
		m.converse(id, a)
	}
	timer := time.NewTimer(m.config.Timeout)
	defer timer.Stop()
	select {
	case <-a.ended:
	case <-timer.C:
		m.mu.Lock()
		delete(m.asked, id)
		m.mu.Unlock()
		return true, context.DeadlineExceeded
	}
	switch {
	case a.err != nil:
		return true, a.err
	case a.status != "200":
		return true, fmt.Errorf("status %s", a.status)
	case m.config.Messages > 0 && a.outcome != "0":
		return true, fmt.Errorf("grpc-status %q", a.outcome)
	}
	return true, nil
}

// converse sends messages, each when the one before has come back, and ends its
// side; or gives up.
func (m *multiplexed) converse(id uint32, a *asked) {
	message := append([]byte{0, 0, 0, 0, 5}, "hello"...)
	for i := range m.config.Messages {
		m.write(func() error { return m.framer.WriteData(id, i == m.config.Messages-1, message) })
		for left := len(message); left > 0; {
			timer := time.NewTimer(m.config.Timeout)
			select {
			case n := <-a.data:
				left -= n
			case <-a.ended:
				left = 0
			case <-timer.C:
				return
			}
			timer.Stop()
		}
	}
}
