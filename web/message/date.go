package message

import (
	"strings"
	"sync/atomic"
)

const (
	weekdays = "SunMonTueWedThuFriSat"
	months   = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

// DateLength is the length of a date in the preferred format.
const DateLength = len("Sun, 06 Nov 1994 08:49:37 GMT")

// AppendDate appends a time in seconds since 1970, in the years 0 to 9999, in
// the preferred format of RFC 9110 section 5.6.7, "Sun, 06 Nov 1994 08:49:37
// GMT".
func AppendDate(dst []byte, unix int64) []byte {
	days := unix / 86400
	rest := unix % 86400
	if rest < 0 {
		rest += 86400
		days--
	}
	year, month, day := civil(days)
	weekday := (days%7 + 7 + 4) % 7
	dst = append(dst, weekdays[weekday*3:weekday*3+3]...)
	dst = append(dst, ',', ' ')
	dst = append2(dst, day)
	dst = append(dst, ' ')
	dst = append(dst, months[month*3-3:month*3]...)
	dst = append(dst, ' ')
	dst = append2(append2(dst, year/100), year%100)
	dst = append(dst, ' ')
	dst = append2(dst, rest/3600)
	dst = append(dst, ':')
	dst = append2(dst, rest/60%60)
	dst = append(dst, ':')
	dst = append2(dst, rest%60)
	return append(dst, " GMT"...)
}

func append2(dst []byte, n int64) []byte {
	return append(dst, '0'+byte(n/10%10), '0'+byte(n%10))
}

// civil returns the date of a day counted from 1970-01-01, by the Gregorian
// calendar of years that begin in March.
func civil(days int64) (year, month, day int64) {
	days += 719468 // 0000-03-01
	era := days / 146097
	if days < 0 {
		era = (days - 146096) / 146097
	}
	ofEra := days - era*146097
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/146096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*ofYear + 2) / 153
	year, month, day = yearOfEra+era*400, m+3, ofYear-(153*m+2)/5+1
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// daysFromCivil is the inverse of civil.
func daysFromCivil(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	yearOfEra := year - era*400
	ofYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + ofYear - 719468
}

// cachedDate is the text of one second.
type cachedDate struct {
	unix int64
	text []byte
}

var lastDate atomic.Pointer[cachedDate]

// CachedDateAt returns the given second in the preferred format; it formats
// only when the second differs from that of the last call. The bytes must not
// be changed.
func CachedDateAt(unix int64) []byte {
	d := lastDate.Load()
	if d == nil || d.unix != unix {
		d = &cachedDate{unix, AppendDate(make([]byte, 0, DateLength), unix)}
		lastDate.Store(d)
	}
	return d.text
}

// ParseTime reads the three formats of RFC 9110 section 5.6.7, "Sun, 06 Nov
// 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37
// 1994", as tolerantly as nginx: neither the name of the day nor what follows
// the time is looked at, and a two-digit year below 70 is in this century. It
// returns seconds since 1970.
func ParseTime(b []byte) (unix int64, ok bool) {
	asctime := false
	i := 0
	for ; i < len(b) && b[i] != ','; i++ {
		if b[i] == ' ' {
			asctime = true
			break
		}
	}
	for i++; i < len(b) && b[i] == ' '; i++ {
	}
	if i >= len(b) || len(b)-i < 18 {
		return 0, false
	}
	s := scanner{b: b[i:], ok: true}
	var day, month, year, hour, minute, second int64
	if asctime {
		month = s.month()
		s.literal(' ')
		s.skip(' ')
		day = s.digits(1)
		if s.peekDigit() {
			day = day*10 + s.digits(1)
		}
		s.literal(' ')
	} else {
		day = s.digits(2)
		separator := s.next()
		s.ok = s.ok && (separator == ' ' || separator == '-')
		month = s.month()
		s.literal(separator)
		if separator == ' ' {
			year = s.digits(4)
		} else if year = s.digits(2); year < 70 {
			year += 2000
		} else {
			year += 1900
		}
		s.literal(' ')
	}
	hour = s.digits(2)
	s.literal(':')
	minute = s.digits(2)
	s.literal(':')
	second = s.digits(2)
	if asctime {
		s.literal(' ')
		year = s.digits(4)
	}
	if !s.ok || hour > 23 || minute > 59 || second > 59 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return daysFromCivil(year, month, day)*86400 + hour*3600 + minute*60 + second, true
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// scanner reads a date; ok becomes false at the first thing that does not fit.
type scanner struct {
	b  []byte
	ok bool
}

func (s *scanner) next() byte {
	if len(s.b) == 0 {
		s.ok = false
		return 0
	}
	c := s.b[0]
	s.b = s.b[1:]
	return c
}

func (s *scanner) literal(c byte) { s.ok = s.next() == c && s.ok }

func (s *scanner) skip(c byte) {
	if len(s.b) > 0 && s.b[0] == c {
		s.b = s.b[1:]
	}
}

func (s *scanner) peekDigit() bool { return len(s.b) > 0 && IsDigit(s.b[0]) }

func (s *scanner) digits(n int) (v int64) {
	for ; n > 0; n-- {
		c := s.next()
		if !IsDigit(c) {
			s.ok = false
			return 0
		}
		v = v*10 + int64(c-'0')
	}
	return v
}

// month reads the name of a month, in any case.
func (s *scanner) month() int64 {
	if len(s.b) >= 3 {
		for m := 0; m < 12; m++ {
			if strings.EqualFold(months[m*3:m*3+3], string(s.b[:3])) {
				s.b = s.b[3:]
				return int64(m + 1)
			}
		}
	}
	s.ok = false
	return 1
}
