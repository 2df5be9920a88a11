package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
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

// row is one case.
type row struct {
	c       benchCase
	peers   []*peer
	results map[*peer]*result
}

// report is the table.
type report struct {
	b    *bench
	rows []*row
}

func newReport(b *bench) *report { return &report{b: b} }

// measure runs one case: in each round every peer in turn, first as fast as it
// can, then all at one rate for the latency.
func (r *report) measure(b *bench, c benchCase) error {
	row := &row{c: c, results: map[*peer]*result{}}
	servers, backends := map[*peer]*server{}, map[*peer]*backend{}
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	for _, p := range b.peers {
		conf, ok := c.conf[p.reads]
		if !ok {
			continue
		}
		if c.backend {
			back, err := newBackend()
			if err != nil {
				return err
			}
			defer back.close()
			addr, err := back.addr()
			if err != nil {
				return err
			}
			conf = strings.ReplaceAll(conf, "BACKEND", addr)
			backends[p] = back
		}
		s, err := p.start(b, conf)
		if err != nil {
			return err
		}
		s.backend = backends[p]
		servers[p] = s
		row.peers = append(row.peers, p)
		row.results[p] = &result{}
	}
	for range b.rounds {
		for _, p := range row.peers {
			s, res := servers[p], row.results[p]
			l := b.load(c, s)
			before := s.cpu()
			rate, err := l.run(b.duration)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			res.rate = append(res.rate, rate)
			res.cpu = append(res.cpu, (s.cpu()-before)/time.Duration(max(l.done, 1)))
		}
	}
	if !c.reconnect {
		if err := r.latency(b, row, servers); err != nil {
			return err
		}
	}
	r.rows = append(r.rows, row)
	r.progress(row)
	return nil
}

// latency has all peers serve half of what the slowest can.
func (r *report) latency(b *bench, row *row, servers map[*peer]*server) error {
	slowest := 0.0
	for _, p := range row.peers {
		if m := median(row.results[p].rate); slowest == 0 || m < slowest {
			slowest = m
		}
	}
	for range b.rounds {
		for _, p := range row.peers {
			l := b.load(row.c, servers[p])
			l.rate = slowest / 2
			if _, err := l.run(b.duration); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			row.results[p].p99 = append(row.results[p].p99, l.percentile(0.99))
		}
	}
	return nil
}

func (b *bench) load(c benchCase, s *server) *load {
	request := "GET " + c.path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
	return &load{addr: s.addr, request: []byte(request), wantStatus: "HTTP/1.1 200", wantBody: c.body,
		connections: b.connections, reconnect: c.reconnect, backend: s.backend}
}

func median[T int64 | float64 | time.Duration](v []T) T {
	if len(v) == 0 {
		var zero T
		return zero
	}
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func (r *report) progress(row *row) {
	for _, p := range row.peers {
		res := row.results[p]
		fmt.Fprintf(os.Stderr, "%-12s %-8s %9.0f /s %7.1f us  p99 %v\n", row.c.name, p.name, median(res.rate),
			float64(median(res.cpu).Nanoseconds())/1000, median(res.p99).Round(time.Microsecond))
	}
}

// print writes the table as Markdown.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "# Performance\n\nMeasured on %s with\n\n    go run ./bench %s\n\n", time.Now().UTC().Format("2006-01-02"), strings.Join(os.Args[1:], " "))
	fmt.Fprintf(w, "%s, %d cores; one for the server, one for the client. %d rounds of %v, in turns; medians. %d connections.\n", cpuModel(), lastCore()+1, r.b.rounds, r.b.duration, r.b.connections)
	fmt.Fprintf(w, "CPU is the server's for one answer. p99 is the latency at half of what the slowest of the row serves, from the moment a\nrequest was due. Ratios are to nginx.\n\n")
	for _, p := range r.b.peers {
		fmt.Fprintf(w, "- %s: %s\n", p.name, p.versionText())
	}
	fmt.Fprintf(w, "\n| work | server | answers/s | x nginx | goal | CPU, us | p99 |\n|---|---|---|---|---|---|---|\n")
	for _, row := range r.rows {
		base := 0.0
		if res := row.results[r.b.base]; res != nil {
			base = median(res.rate)
		}
		for _, p := range row.peers {
			res := row.results[p]
			ratio, goal := "", ""
			if base > 0 {
				ratio = fmt.Sprintf("%.2f", median(res.rate)/base)
			}
			if p == r.b.peers[0] {
				goal = fmt.Sprintf("%.2f", row.c.goal)
			}
			fmt.Fprintf(w, "| %s | %s | %.0f | %s | %s | %.1f | %s |\n", row.c.what, p.name, median(res.rate), ratio, goal,
				float64(median(res.cpu).Nanoseconds())/1000, median(res.p99).Round(10*time.Microsecond))
		}
	}
}

func (p *peer) versionText() string {
	out, _ := exec.Command(p.program, p.version...).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown processor"
}
