package probe

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// KeptConfig says how a KeptClient asks. The zero value of a duration or number
// is its default.
type KeptConfig struct {
	// Dial, Address and Path are those of Config.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Address string
	Path    string

	// Connections is how many there are at a time; 32 by default.
	Connections int

	// Streams is how many requests each connection has under way at a time, with
	// HTTP/2; 0 is HTTP/1.
	Streams int

	// Messages makes each request of HTTP/2 a call of gRPC with so many messages,
	// each sent when the one before has come back, for a server that sends back
	// what it gets; 0 is a GET.
	Messages int

	// Echo is "tcp" or "udp" for a server that sends back what it gets, over a
	// connection that stays, or in one datagram for one; "" is HTTP.
	Echo string

	// Pause is the time between an answer and the next request on its
	// connection; 0 asks again at once.
	Pause time.Duration

	// Timeout is what a request has, with a connection if it needs one; 1 s by
	// default, less than the time after which a lost SYN is repeated.
	Timeout time.Duration
}

// KeptClient keeps connections busy: each asks again and again, until the server
// says that it closes it, and then there is another. It never asks a second time
// what failed: each request that was not answered counts.
type KeptClient struct {
	config KeptConfig
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	results []keptResult // in the order in which they ended
}

// keptResult is what became of one request.
type keptResult struct {
	begun, ended time.Time
	first        bool // on its connection
	err          error
}

// StartKept starts a client. Stop ends it.
func StartKept(c KeptConfig) *KeptClient {
	if c.Connections == 0 {
		c.Connections = 32
	}
	if c.Timeout == 0 {
		c.Timeout = time.Second
	}
	if c.Path == "" {
		c.Path = "/"
	}
	k := &KeptClient{config: c}
	var ctx context.Context
	ctx, k.cancel = context.WithCancel(context.Background())
	for range c.Connections {
		k.done.Go(func() {
			for ctx.Err() == nil {
				switch {
				case c.Streams > 0:
					k.use2(ctx)
				case c.Echo != "":
					k.use(ctx, c.Echo, k.echo)
				default:
					k.use(ctx, "tcp", k.ask)
				}
			}
		})
	}
	return k
}

// Stop ends the asking, and waits for the requests on their way.
func (k *KeptClient) Stop() {
	k.cancel()
	k.done.Wait()
}

// use makes a connection and uses it until it ends.
func (k *KeptClient) use(ctx context.Context, network string, ask func(net.Conn, *bufio.Reader, time.Time) (bool, error)) {
	begun := time.Now()
	dialing, cancel := context.WithTimeout(context.Background(), k.config.Timeout)
	conn, err := k.config.Dial(dialing, network, k.config.Address)
	cancel()
	if err != nil {
		k.add(keptResult{begun: begun, first: true, err: err})
		sleep(ctx, 10*time.Millisecond) // nobody is there: no reason to hurry
		return
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for first := true; ctx.Err() == nil; first = false {
		if !first {
			begun = time.Now()
		}
		more, err := ask(conn, r, begun)
		k.add(keptResult{begun: begun, first: first, err: err})
		if !more || err != nil {
			return
		}
		sleep(ctx, k.config.Pause)
	}
}

// ask makes one request; more says that the connection stays.
func (k *KeptClient) ask(conn net.Conn, r *bufio.Reader, begun time.Time) (more bool, err error) {
	if err := conn.SetDeadline(begun.Add(k.config.Timeout)); err != nil {
		return false, err
	}
	host, err := hostOf(k.config.Address)
	if err != nil {
		return false, err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", k.config.Path, host); err != nil {
		return false, err
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return false, err
	}
	if response.StatusCode != http.StatusOK {
		return !response.Close, fmt.Errorf("status %s", response.Status)
	}
	return !response.Close, nil
}

// echo sends something and wants it back.
func (k *KeptClient) echo(conn net.Conn, r *bufio.Reader, begun time.Time) (more bool, err error) {
	if err := conn.SetDeadline(begun.Add(k.config.Timeout)); err != nil {
		return false, err
	}
	question := fmt.Appendf(nil, "%20d", begun.UnixNano())
	if _, err := conn.Write(question); err != nil {
		return false, err
	}
	answer := make([]byte, len(question))
	if _, err := io.ReadFull(r, answer); err != nil {
		return false, err
	}
	if !bytes.Equal(answer, question) {
		return false, fmt.Errorf("%q came back", answer)
	}
	return true, nil
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (k *KeptClient) add(r keptResult) {
	r.ended = time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.results = append(k.results, r)
}

// KeptSummary is what a KeptClient saw during a time.
type KeptSummary struct {
	Requests    int // that began or ended during it
	Failed      int // of them
	Connections int // made during it
	Slowest     time.Duration
	Errors      map[string]int // the failed requests by their error, ports left out
}

// Summary sums up what happened since a time.
func (k *KeptClient) Summary(from time.Time) KeptSummary {
	k.mu.Lock()
	results := slices.Clone(k.results)
	k.mu.Unlock()
	s := KeptSummary{Errors: map[string]int{}}
	for _, r := range results {
		if r.ended.Before(from) {
			continue
		}
		s.Requests++
		if r.first {
			s.Connections++
		}
		s.Slowest = max(s.Slowest, r.ended.Sub(r.begun))
		if r.err != nil {
			s.Failed++
			s.Errors[withoutPorts(r.err.Error())]++
		}
	}
	return s
}
