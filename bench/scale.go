package main

import (
	"fmt"
	"time"
)

var scaleTable = &table{
	title: "Two cores",
	text: "The same server on one core and on two. On a machine with two cores the client takes one of them for itself, so that the\n" +
		"answers a second say little. CPU for one answer says what two cores would serve: twice as much, but for what an answer costs\n" +
		"more.",
	columns: []string{"work", "server", "CPU on one core, us", "on two, us", "two cores serve", "goal"},
}

var scalePart = part{"scale", scaleTable, measureScale}

func measureScale(b *bench) ([][]string, error) {
	var rows [][]string
	for _, i := range []int{1, len(cases) - 1} {
		c := cases[i]
		for _, p := range b.peers {
			if p.reads != nginxLanguage {
				continue
			}
			one, err := b.costOn(c, p, 1)
			if err != nil {
				return nil, err
			}
			two, err := b.costOn(c, p, 2)
			if err != nil {
				return nil, err
			}
			goal := ""
			if p.name == "tandem" {
				goal = "1.80 x"
			}
			rows = append(rows, []string{c.what, p.name, fmt.Sprintf("%.1f", one), fmt.Sprintf("%.1f", two), fmt.Sprintf("%.2f x", 2*one/two), goal})
		}
	}
	return rows, nil
}

// costOn is the processor time of an answer, in us, with the server on the
// first cores.
func (b *bench) costOn(c benchCase, p *peer, cores int) (float64, error) {
	t := &contest{c: c, servers: map[*peer]*server{}, results: map[*peer]*result{}, cores: cores}
	defer t.stop()
	only := *b
	only.peers = []*peer{p}
	if err := t.start(&only); err != nil {
		return 0, err
	}
	s := t.servers[p]
	var costs []time.Duration
	for range b.rounds {
		l := b.load(c, s)
		before := s.cpu()
		if _, err := l.run(b.duration); err != nil {
			return 0, err
		}
		costs = append(costs, (s.cpu()-before)/time.Duration(max(l.done, 1)))
	}
	return float64(median(costs).Nanoseconds()) / 1000, nil
}
