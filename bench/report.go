package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// result is what one peer did in one case.
type result struct {
	rate []float64       // answers a second, by round
	cpu  []time.Duration // processor time of the server for an answer
	p99  []time.Duration // latency at a fixed rate that all peers can serve
}

var requestTable = &table{
	title: "Requests",
	text: "CPU is the server's for one answer. Busy says how much of its core the server used: where that is clearly less than\n" +
		"100 %, the client was the limit, and CPU is the better measure. p99 is the latency at half of what the slowest of the row\n" +
		"serves, from the moment a request was due. Ratios are to nginx.",
	columns: []string{"work", "server", "answers/s", "x nginx", "goal", "CPU, us", "busy", "p99"},
}

// contest is one case and how the peers do in it.
type contest struct {
	c       benchCase
	peers   []*peer
	servers map[*peer]*server
	results map[*peer]*result
	cores   int // of the servers; 0: one
}

// part makes the case one of those that are measured.
func (c benchCase) part() part {
	return part{c.name, requestTable, func(b *bench) ([][]string, error) { return b.measure(c) }}
}

// measure runs one case: in each round every peer in turn, first as fast as it
// can, then all at one rate for the latency.
func (b *bench) measure(c benchCase) ([][]string, error) {
	t := &contest{c: c, servers: map[*peer]*server{}, results: map[*peer]*result{}}
	defer t.stop()
	if err := t.start(b); err != nil {
		return nil, err
	}
	for range b.rounds {
		for _, p := range t.peers {
			s, res := t.servers[p], t.results[p]
			l := b.load(c, s)
			before := s.cpu()
			rate, err := l.run(b.duration)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			res.rate = append(res.rate, rate)
			res.cpu = append(res.cpu, (s.cpu()-before)/time.Duration(max(l.done, 1)))
		}
	}
	if !c.reconnect {
		if err := t.latency(b); err != nil {
			return nil, err
		}
	}
	return t.rows(b), nil
}

// start starts the servers of all peers that have a configuration for the case.
func (t *contest) start(b *bench) error {
	for _, p := range b.peers {
		conf, ok := t.c.conf[p.reads]
		if !ok {
			continue
		}
		var back *backend
		if t.c.backend {
			var err error
			if back, err = newBackend(); err != nil {
				return err
			}
			addr, err := back.addr()
			if err != nil {
				back.close()
				return err
			}
			conf = strings.ReplaceAll(conf, "BACKEND", addr)
		}
		if t.cores > 1 {
			conf = strings.Replace(conf, "worker_processes 1;", fmt.Sprintf("worker_processes %d;", t.cores), 1)
		}
		s, err := p.start(b, conf, cores(t.cores)...)
		if err != nil {
			if back != nil {
				back.close()
			}
			return err
		}
		s.backend = back
		t.servers[p], t.results[p] = s, &result{}
		t.peers = append(t.peers, p)
	}
	return nil
}

func (t *contest) stop() {
	for _, s := range t.servers {
		s.stop()
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
			l := b.load(t.c, t.servers[p])
			l.rate = slowest / 2
			if _, err := l.run(b.duration); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			t.results[p].p99 = append(t.results[p].p99, l.percentile(0.99))
		}
	}
	return nil
}

func (b *bench) load(c benchCase, s *server) *load {
	request := "GET " + c.path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
	return &load{addr: s.addr, request: []byte(request), wantStatus: "HTTP/1.1 200", wantBody: c.body,
		connections: b.connections, reconnect: c.reconnect, backend: s.backend}
}

func (t *contest) rows(b *bench) [][]string {
	base := 0.0
	if res := t.results[b.base]; res != nil {
		base = median(res.rate)
	}
	var rows [][]string
	for _, p := range t.peers {
		res := t.results[p]
		rate, cpu := median(res.rate), median(res.cpu)
		ratio, goal, p99 := "", "", ""
		if base > 0 {
			ratio = fmt.Sprintf("%.2f", rate/base)
		}
		if p.name == "tandem" {
			goal = fmt.Sprintf("%.2f", t.c.goal)
		}
		if len(res.p99) > 0 {
			p99 = median(res.p99).Round(10 * time.Microsecond).String()
		}
		rows = append(rows, []string{t.c.what, p.name, fmt.Sprintf("%.0f", rate), ratio, goal,
			fmt.Sprintf("%.1f", float64(cpu.Nanoseconds())/1000), fmt.Sprintf("%.0f %%", rate*cpu.Seconds()*100), p99})
	}
	return rows
}

func median[T int64 | float64 | time.Duration](v []T) T {
	if len(v) == 0 {
		var zero T
		return zero
	}
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
