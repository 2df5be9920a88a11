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

var scalePart = part{"scale", scaleTable, false, measureScale}

// scaleGoal is what two cores are to serve, as a multiple of one.
const scaleGoal = 1.8

func measureScale(b *bench) ([]row, error) {
	var rows []row
	for _, c := range []benchCase{b.caseNamed("small"), b.caseNamed("proxy")} {
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
			r := row{Cells: []string{c.what, p.name, fmt.Sprintf("%.1f", one), fmt.Sprintf("%.1f", two), fmt.Sprintf("%.2f x", 2*one/two), ""}}
			if p.name == "tandem" {
				r.Cells[5] = fmt.Sprintf("%.2f x", scaleGoal)
				if 2*one/two < scaleGoal {
					r.Missed = append(r.Missed, fmt.Sprintf("%s on two cores: %.2f x, not %.2f", c.what, 2*one/two, scaleGoal))
				}
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// costOn is the processor time of an answer, in us, with the server on the
// first cores.
func (b *bench) costOn(c benchCase, p *peer, cores int) (float64, error) {
	t := newContest(c, cores)
	defer t.stop()
	only := *b
	only.peers = []*peer{p}
	if err := t.start(&only); err != nil {
		return 0, err
	}
	var costs []time.Duration
	for range b.rounds {
		_, cpu, err := t.round(b, p)
		if err != nil {
			return 0, err
		}
		costs = append(costs, cpu)
	}
	return float64(median(costs).Nanoseconds()) / 1000, nil
}
