package session

import (
	"sync/atomic"
	"time"
)

// clockText is the local time in some layout, put into words once a second.
type clockText struct {
	layout string
	last   atomic.Pointer[clockSecond]
}

type clockSecond struct {
	unix int64
	text []byte
}

func (c *clockText) append(dst []byte, now time.Time) []byte {
	s := c.last.Load()
	if unix := now.Unix(); s == nil || s.unix != unix {
		s = &clockSecond{unix, now.AppendFormat(nil, c.layout)}
		c.last.Store(s)
	}
	return append(dst, s.text...)
}

var (
	timeISO8601 = clockText{layout: "2006-01-02T15:04:05-07:00"}
	timeLocal   = clockText{layout: "02/Jan/2006:15:04:05 -0700"}
)
