package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// settle is left out of the figures at both ends: the load begins and ends.
const settle = time.Second

// measure times both programs' adverts under a load and prints the figures.
func measure(ctx context.Context, o options, load string) error {
	s, err := newStand(o)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.begun(ctx); err != nil {
		return err
	}
	d := time.Duration(o.adverts)*o.interval + 2*settle
	end, err := s.load(load, d)
	if err != nil {
		return err
	}
	begun, stood := time.Now(), stolen()
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return ctx.Err()
	}
	from, to := begun.Add(settle), begun.Add(d-settle)
	stood = (stolen() - stood) / time.Duration(processors())
	fmt.Printf("%s: advert_int %v, %s%d processors, which stood still for %.1f %% of the time\n",
		load, o.interval, end(), processors(), 100*stood.Seconds()/d.Seconds())
	for _, p := range s.programs() {
		var times []time.Time
		for _, f := range p.wire.Frames() {
			if p.isAdvert(f) && f.At.After(from) && f.At.Before(to) {
				times = append(times, f.At)
			}
		}
		late := p.late(times, o.interval)
		fmt.Printf("  %-10s %s\n", p.name, describe(late))
		if o.late {
			for i, l := range late {
				if l > 20*time.Millisecond {
					fmt.Printf("    %v at %v\n", l.Round(10*time.Microsecond), times[i].Sub(from).Round(time.Millisecond))
				}
			}
		}
	}
	return nil
}

// bySchedule is how late each advert is against a schedule: one interval after
// the other, from the advert that was earliest. One that is late by an interval
// or more begins the schedule anew, for both sides of the network.
func bySchedule(times []time.Time, interval time.Duration) []time.Duration {
	var late []time.Duration
	var due time.Time
	for i, t := range times {
		if due = due.Add(interval); i == 0 || t.Before(due) {
			due = t
		}
		late = append(late, t.Sub(due))
		if t.Sub(due) >= interval {
			due = t
		}
	}
	return late
}

// byGap is how much longer than an interval each silence is: for a program
// whose schedule begins anew with every advert.
func byGap(times []time.Time, interval time.Duration) []time.Duration {
	var late []time.Duration
	for i := range times {
		if i > 0 {
			late = append(late, max(0, times[i].Sub(times[i-1])-interval))
		}
	}
	return late
}

// describe gives the distribution in milliseconds.
func describe(late []time.Duration) string {
	if len(late) == 0 {
		return "no adverts"
	}
	sorted := slices.Sorted(slices.Values(late))
	at := func(part float64) float64 {
		return float64(sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]) / float64(time.Millisecond)
	}
	return fmt.Sprintf("%6d adverts, late in ms: median %.2f, 99%% %.2f, 99.9%% %.2f, worst %.2f",
		len(late), at(0.5), at(0.99), at(0.999), at(1))
}
