package main

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// result is what one peer did in one case.
type result struct {
	rate []float64       // answers a second, by round
	cpu  []time.Duration // processor time of the server for an answer
	// Latency at a rate that all peers can serve: the 99th percentile in each
	// slice of time, and in each round.
	slices, rounds []time.Duration
}

var requestTable = &table{
	title: "Requests",
	text: "CPU is the server's for one answer. Busy says how much of its core the server used: where that is clearly less than\n" +
		"100 %, the client was the limit, and CPU is the better measure. Ratios are to nginx.\n\n" +
		"p99 is the latency, from the moment a request was due, at half of what the slowest of the row serves. Virtual machines like this one stand\n" +
		"still for some milliseconds at times, whoever serves. So p99 is taken of each 100 ms (of 500 requests at least) by themselves, without those\n" +
		"in which the client noticed that it was not running for 0.25 ms; the median of them counts. The other column is p99 of a whole round with all\n" +
		"that happened in it, the median of the rounds.",
	columns: []string{"work", "server", "answers/s", "x nginx", "goal", "CPU, us", "busy", "p99", "p99 with stalls"},
}

// contest is one case and how the peers do in it.
type contest struct {
	c         benchCase
	cores     int // of the servers; 0: one
	peers     []*peer
	servers   map[*peer]*server
	bodies    map[*peer][]byte // what the servers answer
	results   map[*peer]*result
	back      *backend // what the servers pass requests on to: the client,
	behind    *server  // or a server; nil: nothing
	datagrams int      // the socket of a back end of datagrams
}

func newContest(c benchCase, cores int) *contest {
	return &contest{c: c, cores: cores, servers: map[*peer]*server{}, bodies: map[*peer][]byte{}, results: map[*peer]*result{}}
}

// part makes the case one of those that are measured.
func (c benchCase) part() part {
	return part{c.name, requestTable, c.byName, func(b *bench) ([]row, error) { return b.measure(c) }}
}

// measure runs one case: in each round every peer in turn, first as fast as it
// can, then all at one rate for the latency.
func (b *bench) measure(c benchCase) ([]row, error) {
	t := newContest(c, 1)
	defer t.stop()
	if err := t.start(b); err != nil {
		return nil, err
	}
	for range b.rounds {
		for _, p := range t.peers {
			res := t.results[p]
			rate, cpu, err := t.round(b, p)
			if err != nil {
				return nil, err
			}
			res.rate = append(res.rate, rate)
			res.cpu = append(res.cpu, cpu)
		}
	}
	if b.latency && c.streams == 0 {
		if err := t.latency(b); err != nil {
			return nil, err
		}
	}
	return t.rows(b), nil
}

// round has a peer answer as fast as it can; it returns the answers a second and
// the processor time of one.
func (t *contest) round(b *bench, p *peer) (rate float64, cpu time.Duration, err error) {
	s, l := t.servers[p], t.load(b, p)
	before := s.cpu()
	if rate, err = l.run(b.duration); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return rate, (s.cpu() - before) / time.Duration(max(l.done, 1)), nil
}

// start starts the servers of all peers that have a configuration for the case.
func (t *contest) start(b *bench) error {
	backend, err := t.startBackend(b)
	if err != nil {
		return err
	}
	for _, p := range b.peers {
		conf, ok := t.c.conf[p.reads]
		if !ok {
			continue
		}
		conf = strings.ReplaceAll(conf, "BACKEND", backend)
		if t.cores > 1 {
			conf = strings.Replace(conf, "worker_processes 1;", fmt.Sprintf("worker_processes %d;", t.cores), 1)
		}
		s, err := p.start(b, conf, cores(t.cores)...)
		if err != nil {
			return err
		}
		t.servers[p], t.results[p] = s, &result{}
		t.peers = append(t.peers, p)
		switch {
		case t.c.status == http.StatusNotModified, t.c.behind == datagramsBackend:
			continue
		case t.c.body != nil:
			t.bodies[p] = t.c.body
			continue
		}
		if t.bodies[p], err = s.ask(t.c.request(b.header), t.c.status); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// startBackend starts what the servers pass requests on to, and returns its
// address, "" if there is none.
func (t *contest) startBackend(b *bench) (addr string, err error) {
	switch t.c.behind {
	case datagramsBackend:
		t.datagrams, addr, err = newDatagramBackend()
		return addr, err
	case clientsBackend:
		if t.back, err = newBackend(t.c.body); err != nil {
			return "", err
		}
		if t.c.call {
			t.back.calls = newCalls(t.c.body)
		}
		return t.back.addr()
	case nginxBackend:
		nginx := newPeer("nginx", "nginx", nginxLanguage)
		if err := nginx.find(); err != nil {
			return "", err
		}
		if t.behind, err = nginx.start(b, fileConf(logOff), lastCore()); err != nil {
			return "", err
		}
		return t.behind.addr.String(), nil
	}
	return "", nil
}

func (t *contest) stop() {
	for _, s := range t.servers {
		s.stop()
	}
	if t.back != nil {
		t.back.close()
	}
	if t.behind != nil {
		t.behind.stop()
	}
	if t.c.behind == datagramsBackend {
		_ = unix.Close(t.datagrams)
	}
}

// latency has all peers serve half of what the slowest can.
func (t *contest) latency(b *bench) error {
	slowest := 0.0
	for _, p := range t.peers {
		if m := median(t.results[p].rate); slowest == 0 || m < slowest {
			slowest = m
		}
	}
	for range b.rounds {
		for _, p := range t.peers {
			l := t.load(b, p)
			l.rate = slowest / 2
			if _, err := l.run(b.duration); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			res := t.results[p]
			res.slices = append(res.slices, l.slices99()...)
			res.rounds = append(res.rounds, l.p99())
		}
	}
	return nil
}

// load returns a client of a peer.
func (t *contest) load(b *bench, p *peer) *load {
	l := b.load(t.c, t.servers[p])
	l.wantBody, l.backend = t.bodies[p], t.back
	return l
}

// load returns a client for a case, which has no back end.
func (b *bench) load(c benchCase, s *server) *load {
	l := &load{addr: s.addr, request: c.request(b.header), wantStatus: fmt.Sprintf("HTTP/1.1 %d ", cmp.Or(c.status, 200)), wantBody: c.body,
		connections: b.connections, reconnect: c.reconnect}
	if c.streams > 0 {
		l.http2, l.connections = newHTTP2Load(c), http2Connections
	}
	return l
}

func (t *contest) rows(b *bench) []row {
	base := t.base(b)
	var rows []row
	for _, p := range t.peers {
		res := t.results[p]
		rate, cpu := median(res.rate), median(res.cpu)
		ratio, goal := "", ""
		if r := rateRatio(res, base); r > 0 {
			ratio = fmt.Sprintf("%.2f", r)
		}
		var missed []string
		if p.name == "tandem" && t.c.goal > 0 {
			goal = fmt.Sprintf("%.2f", t.c.goal)
			missed = t.missed(res, base)
		}
		rows = append(rows, row{[]string{t.c.what, p.name, fmt.Sprintf("%.0f", rate), ratio, goal,
			fmt.Sprintf("%.1f", float64(cpu.Nanoseconds())/1000), fmt.Sprintf("%.0f %%", rate*cpu.Seconds()*100),
			latencyText(res.slices), latencyText(res.rounds)}, missed})
	}
	return rows
}

// base returns what nginx did, nothing if it is not there.
func (t *contest) base(b *bench) *result {
	if b.base != nil && t.results[b.base] != nil {
		return t.results[b.base]
	}
	return &result{}
}

// rateRatio compares the answers a second of two programs, to 0.01; 0: one of
// them was not measured.
func rateRatio(a, b *result) float64 {
	if median(b.rate) == 0 {
		return 0
	}
	return math.Round(100*median(a.rate)/median(b.rate)) / 100
}

func latencyText(d []time.Duration) string {
	if len(d) == 0 {
		return ""
	}
	return median(d).Round(10 * time.Microsecond).String()
}

// missed lists what tandem did not reach in a case with a goal; base is nginx.
func (t *contest) missed(res, base *result) []string {
	var list []string
	miss := func(format string, args ...any) { list = append(list, t.c.what+": "+fmt.Sprintf(format, args...)) }
	if r := rateRatio(res, base); r > 0 && r < t.c.goal {
		miss("%.2f x nginx, not %.2f", r, t.c.goal)
	}
	for p, other := range t.results {
		if r := rateRatio(res, other); p.name == "HAProxy" && r < t.c.goalHA {
			miss("%.2f x HAProxy, not %.2f", r, t.c.goalHA)
		}
	}
	cpu, most := median(res.cpu), median(base.cpu)
	if t.c.streams > 0 {
		most = time.Duration(float64(most) / t.c.goal)
	}
	if t.c.goalCPU && most > 0 && cpu > most {
		miss("%.1f us of processor time, nginx %.1f", float64(cpu.Nanoseconds())/1000, float64(most.Nanoseconds())/1000)
	}
	if p99, most := median(res.slices), median(base.slices); most > 0 && p99 > most {
		miss("p99 %s, nginx %s", latencyText(res.slices), latencyText(base.slices))
	}
	return list
}

func median[T int64 | float64 | time.Duration](v []T) T {
	if len(v) == 0 {
		var zero T
		return zero
	}
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
