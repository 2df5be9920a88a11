package main

import (
	"math"
	"os"
	"slices"
	"time"
)

// answered is a request of an open loop.
type answered struct {
	due  time.Time
	took time.Duration // from when it was due to the end of the answer
}

// stall is a time in which the client did not run.
type stall struct{ from, to time.Time }

// stallMin is what nothing that the client does by itself takes.
const stallMin = 250 * time.Microsecond

// runAtRate asks at the rate of the load, whether or not the server keeps up. It
// polls, because who sleeps wakes up late.
func (l *load) runAtRate(d time.Duration) error {
	l.answers = make([]answered, 0, int(l.rate*d.Seconds())+len(l.conns))
	l.start = time.Now()
	last := l.start
	ran := func() {
		now := time.Now()
		if now.Sub(last) > stallMin {
			l.stalls = append(l.stalls, stall{last, now})
		}
		last = now
	}
	for sent := 0; last.Sub(l.start) < d; ran() {
		for len(l.idle) > 0 {
			due := l.start.Add(time.Duration(float64(sent) / l.rate * float64(time.Second)))
			if due.After(last) {
				break
			}
			c := l.idle[len(l.idle)-1]
			l.idle = l.idle[:len(l.idle)-1]
			if l.reconnect {
				if err := l.connect(c); err != nil {
					return err
				}
			}
			if err := l.ask(c, due); err != nil {
				return err
			}
			sent++
			ran()
		}
		n, err := poll(l.epoll, l.ready)
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		for i := range n {
			if err := l.event(&l.ready[i]); err != nil {
				return err
			}
			ran()
		}
	}
	return nil
}

// Latencies are looked at in slices of time of at least this length, with at
// least so many requests.
const (
	sliceLength   = 100 * time.Millisecond
	sliceRequests = 500
)

// slices99 returns the 99th percentile of the latency in each slice of time,
// without the slices in which the client stalled. Only whole slices count,
// unless there is none.
func (l *load) slices99() []time.Duration {
	length := max(sliceLength, time.Duration(sliceRequests/l.rate*float64(time.Second)))
	index := func(t time.Time) int { return int(t.Sub(l.start) / length) }
	bySlice := map[int][]time.Duration{}
	last := 0
	for _, a := range l.answers {
		i := index(a.due)
		bySlice[i] = append(bySlice[i], a.took)
		last = max(last, i)
	}
	if last > 0 {
		delete(bySlice, last)
	}
	for _, s := range l.stalls {
		// What was due before may have been answered in it.
		for i := index(s.from) - 1; i <= index(s.to); i++ {
			delete(bySlice, i)
		}
	}
	var list []time.Duration
	for _, took := range bySlice {
		list = append(list, percentile(took, 0.99))
	}
	return list
}

// p99 is the 99th percentile of the latency in all of the time.
func (l *load) p99() time.Duration {
	var all []time.Duration
	for _, a := range l.answers {
		all = append(all, a.took)
	}
	return percentile(all, 0.99)
}

// percentile returns what the share p of the values does not exceed, 0 if there
// are none.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[max(int(math.Ceil(p*float64(len(values)))), 1)-1]
}
