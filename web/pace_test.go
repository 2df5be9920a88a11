package web

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	p := Pace{rate: 1000, after: 500, begin: 100}
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	for i, c := range []struct {
		second int64
		send   int64 // when something may be sent
		n      int64
		wait   time.Duration
	}{
		{second: 100, send: 600, n: 1500},
		{second: 100, wait: 100 * time.Millisecond}, // 100 bytes behind the first 500
		{second: 100, send: 900, n: 900},
		{second: 100, wait: 900 * time.Millisecond},
		{second: 100, wait: time.Millisecond}, // this second's share is used up
		{second: 101, send: 1000, n: 1000},
		{second: 101, wait: time.Second},
		{second: 105, send: 100, n: 4000},
	} {
		n, wait := p.next(at(c.second))
		if n != c.n || wait != c.wait {
			t.Errorf("%d: %d bytes, wait %v; want %d, %v", i, n, wait, c.n, c.wait)
		}
		if n > 0 {
			p.Took(c.send)
		}
	}
}
