// Package probe is a client that never stops asking: it opens a new connection
// to a virtual address at a fixed pace, and remembers what became of each
// request. An outage is what such a client sees.
package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config says what to ask, and how often. The zero value of a duration is its
// default.
type Config struct {
	// Dial connects from where the client is.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Address is where to connect to, as host:port.
	Address string

	// Path is what to GET; "" is "/".
	Path string

	// Interval is the time from the start of one request to the start of the
	// next, however the first goes on; 10 ms by default.
	Interval time.Duration

	// Timeout is what a request has for connecting, asking and the whole
	// answer; 250 ms by default.
	Timeout time.Duration

	// Server names who served, from the body of an answer; nil names nobody.
	Server func(body string) string

	// Changed, if set, is told each result, in the order in which they end,
	// from one goroutine at a time. It must not wait.
	Changed func(Result)
}

// Result is what became of one request.
type Result struct {
	Begun, Ended time.Time
	Server       string // who served
	Status       int    // of the answer, 0 without one
	Err          error  // why nobody did; nil for an answer with status 200
}

// OK reports whether the request was answered.
func (r Result) OK() bool { return r.Err == nil }

// Probe is a running client.
type Probe struct {
	config Config
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	results []Result      // in the order in which they ended
	changed chan struct{} // closed, and made anew, at every result
}

// Start starts asking. Stop ends it.
func Start(c Config) *Probe {
	if c.Interval == 0 {
		c.Interval = 10 * time.Millisecond
	}
	if c.Timeout == 0 {
		c.Timeout = 250 * time.Millisecond
	}
	if c.Path == "" {
		c.Path = "/"
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Probe{config: c, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{})}
	go p.run(ctx)
	return p
}

// Stop ends the asking, and waits for the requests on their way.
func (p *Probe) Stop() {
	p.cancel()
	<-p.done
}

func (p *Probe) run(ctx context.Context) {
	defer close(p.done)
	var running sync.WaitGroup
	defer running.Wait()
	ticker := time.NewTicker(p.config.Interval)
	defer ticker.Stop()
	for {
		running.Go(func() {
			begun := time.Now()
			server, status, err := p.ask()
			p.add(Result{Begun: begun, Server: server, Status: status, Err: err})
		})
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *Probe) add(r Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.Ended = time.Now()
	p.results = append(p.results, r)
	close(p.changed)
	p.changed = make(chan struct{})
	if p.config.Changed != nil {
		p.config.Changed(r)
	}
}

// ask makes one connection and one request.
func (p *Probe) ask() (server string, status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeout)
	defer cancel()
	conn, err := p.config.Dial(ctx, "tcp", p.config.Address)
	if err != nil {
		return "", 0, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", 0, err
	}
	host, err := hostOf(p.config.Address)
	if err != nil {
		return "", 0, err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", p.config.Path, host); err != nil {
		return "", 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", 0, err
	}
	if response.StatusCode != http.StatusOK {
		return "", response.StatusCode, fmt.Errorf("status %s", response.Status)
	}
	if p.config.Server != nil {
		server = p.config.Server(string(body))
	}
	return server, response.StatusCode, nil
}

// hostOf returns the Host field for an address with its port.
func hostOf(address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host, err
}

// Wait returns the first result that ended after the given time and that match
// accepts.
func (p *Probe) Wait(ctx context.Context, after time.Time, match func(Result) bool) (Result, error) {
	seen := 0
	for {
		p.mu.Lock()
		results, changed := p.results, p.changed
		p.mu.Unlock()
		for ; seen < len(results); seen++ {
			if r := results[seen]; r.Ended.After(after) && match(r) {
				return r, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Result{}, fmt.Errorf("no answer as awaited among %d requests: %w", seen, ctx.Err())
		}
	}
}

// Summary is what the client saw during a time.
type Summary struct {
	Requests int // that began during it, and ended
	Failed   int // of them

	// Outage is the longest time between the ends of two answers in a row,
	// the last one before and the first one after the time included; the
	// interval between two requests is part of it. OutageBegan is when the
	// answer before it ended.
	Outage      time.Duration
	OutageBegan time.Time

	// Servers are who served, in order, without repetitions in a row.
	Servers []string

	// Answered are the requests that were answered with whatever status, and
	// Silence is the Outage if all of them count.
	Answered int
	Silence  time.Duration

	// Errors are the failed requests by their error.
	Errors map[string]int
}

// Summary sums up what happened between two times; a zero to means until now.
func (p *Probe) Summary(from, to time.Time) Summary {
	if to.IsZero() {
		to = time.Now()
	}
	p.mu.Lock()
	results := p.results
	p.mu.Unlock()
	return summarize(results, from, to)
}

// silence is the longest time between two answers of whatever status.
func silence(results []Result, from, to time.Time) (longest time.Duration) {
	last := from
	for _, r := range results {
		if !r.OK() && r.Status == 0 {
			continue
		}
		if r.Ended.After(from) {
			longest = max(longest, r.Ended.Sub(last))
		}
		if last = r.Ended; last.After(to) {
			return longest
		}
	}
	return max(longest, to.Sub(last))
}

// summarize sums up; the results are in the order in which they ended.
func summarize(results []Result, from, to time.Time) Summary {
	s := Summary{Errors: map[string]int{}, Silence: silence(results, from, to)}
	last := from // the end of the last answer
	gap := func(until time.Time) {
		if d := until.Sub(last); d > s.Outage {
			s.Outage, s.OutageBegan = d, last
		}
	}
	for _, r := range results {
		if within := !r.Begun.Before(from) && !r.Begun.After(to); within {
			s.Requests++
			if r.Status != 0 {
				s.Answered++
			}
			if !r.OK() {
				s.Failed++
				s.Errors[withoutPorts(r.Err.Error())]++
			}
		}
		switch {
		case !r.OK():
		case r.Ended.Before(from):
			last = r.Ended
		default:
			gap(r.Ended)
			last = r.Ended
			if r.Ended.After(to) {
				return s
			}
			if n := len(s.Servers); n == 0 || s.Servers[n-1] != r.Server {
				s.Servers = append(s.Servers, r.Server)
			}
		}
	}
	gap(to)
	return s
}
