package nginxconf

import (
	"math"
	"strings"
	"time"
)

// digits returns the number that s spells, as ngx_atoi: decimal digits and
// nothing else. ok is false for an empty s and for numbers over max.
func digits(s string, max int64) (n int64, ok bool) {
	for i := range len(s) {
		d := int64(s[i] - '0')
		if d > 9 || n > (max-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, s != ""
}

// ParseFlag reads "on" or "off", in any case.
func ParseFlag(s string) (bool, error) {
	switch {
	case strings.EqualFold(s, "on"):
		return true, nil
	case strings.EqualFold(s, "off"):
		return false, nil
	}
	return false, ErrInvalidValue
}

// ParseNumber reads a number without sign.
func ParseNumber(s string) (int, error) {
	n, ok := digits(s, math.MaxInt)
	if !ok {
		return 0, ErrInvalidNumber
	}
	return int(n), nil
}

// ParseSize reads a number of bytes, or of k, K, m or M for 2^10 and 2^20.
func ParseSize(s string) (int64, error) { return parseUnits(s, "km") }

// ParseOffset reads what ParseSize does, and g or G for 2^30.
func ParseOffset(s string) (int64, error) { return parseUnits(s, "kmg") }

func parseUnits(s, units string) (int64, error) {
	shift := 0
	if s != "" {
		if i := strings.IndexByte(units, s[len(s)-1]|0x20); i >= 0 {
			shift = 10 * (i + 1)
			s = s[:len(s)-1]
		}
	}
	n, ok := digits(s, math.MaxInt64>>shift)
	if !ok {
		return 0, ErrInvalidValue
	}
	return n << shift, nil
}

// timeUnit is a unit of time; they must occur from the largest to the
// smallest, each at most once.
type timeUnit int

const (
	noUnit timeUnit = iota
	years
	months
	weeks
	days
	hours
	minutes
	seconds
	milliseconds
	bareNumber // a number ended by a space: seconds, and only such may follow
)

// unitSeconds are the lengths of the units from years to seconds.
var unitSeconds = [...]int64{years: 365 * 24 * 3600, months: 30 * 24 * 3600, weeks: 7 * 24 * 3600,
	days: 24 * 3600, hours: 3600, minutes: 60, seconds: 1, bareNumber: 1}

// ParseMsec reads a time with the resolution of a millisecond: numbers with
// the units w d h m s ms, as in "1h30m"; a number without unit is seconds.
// Months and years are too long for it.
func ParseMsec(s string) (time.Duration, error) {
	return parseTime(s, weeks, milliseconds, time.Millisecond)
}

// ParseSec reads a time with the resolution of a second: as ParseMsec, but
// with the units y and M (30 days) and without ms.
func ParseSec(s string) (time.Duration, error) {
	return parseTime(s, years, seconds, time.Second)
}

// parseTime reads a time in units from largest to smallest, as nginx's
// ngx_parse_time. It counts in resolution, as nginx does; what overflows that is
// an error, what only overflows time.Duration becomes its maximum.
func parseTime(s string, largest, smallest timeUnit, resolution time.Duration) (time.Duration, error) {
	perSecond := int64(time.Second / resolution)
	total, valid, last := int64(0), false, largest-1
	for s != "" {
		n := 0
		for n < len(s) && '0' <= s[n] && s[n] <= '9' {
			n++
		}
		value := int64(0)
		if n > 0 {
			var ok bool
			if value, ok = digits(s[:n], math.MaxInt64); !ok {
				return 0, ErrInvalidValue
			}
			valid = true
		}
		unit, length := unitOf(s[n:])
		s = s[n+length:]
		if unit == noUnit && s != "" || unit > smallest && unit != bareNumber {
			return 0, ErrInvalidValue
		}
		scale := perSecond
		switch {
		case unit == noUnit: // the last number, which may follow any unit
		case unit == bareNumber && last >= seconds, unit <= last:
			return 0, ErrInvalidValue
		case unit == milliseconds:
			scale, last = 1, unit
		default:
			scale, last = unitSeconds[unit]*perSecond, unit
		}
		if value > math.MaxInt64/scale || total > math.MaxInt64-value*scale {
			return 0, ErrInvalidValue
		}
		total += value * scale
		if unit != noUnit {
			s = strings.TrimLeft(s, " ")
		}
	}
	if !valid {
		return 0, ErrInvalidValue
	}
	if total > math.MaxInt64/int64(resolution) {
		return math.MaxInt64, nil
	}
	return time.Duration(total) * resolution, nil
}

// unitOf returns the unit at the beginning of s and its length.
func unitOf(s string) (timeUnit, int) {
	if strings.HasPrefix(s, "ms") {
		return milliseconds, 2
	}
	if s == "" {
		return noUnit, 0
	}
	switch s[0] {
	case 'y':
		return years, 1
	case 'M':
		return months, 1
	case 'w':
		return weeks, 1
	case 'd':
		return days, 1
	case 'h':
		return hours, 1
	case 'm':
		return minutes, 1
	case 's':
		return seconds, 1
	case ' ':
		return bareNumber, 1
	}
	return noUnit, 0
}

// Bufs is a number of buffers and the size of each in bytes.
type Bufs struct {
	Num  int
	Size int64
}

// ParseBufs reads the two arguments of a directive such as "gzip_buffers 16
// 8k". Neither may be 0.
func ParseBufs(num, size string) (Bufs, error) {
	n, err := ParseNumber(num)
	if err != nil || n == 0 {
		return Bufs{}, ErrInvalidValue
	}
	bytes, err := ParseSize(size)
	if err != nil || bytes == 0 {
		return Bufs{}, ErrInvalidValue
	}
	return Bufs{n, bytes}, nil
}
