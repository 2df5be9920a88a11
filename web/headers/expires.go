package headers

import (
	"fmt"
	"strconv"
	"time"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
)

// expires is what an expires directive says.
type expires struct {
	kind    expiresKind
	seconds int64             // of access, modified and daily; may be negative
	value   *session.Template // of one with variables: read for each response
}

type expiresKind uint8

const (
	expiresUnset expiresKind = iota
	expiresOff
	expiresEpoch
	expiresMax
	expiresAccess   // so long after the response
	expiresModified // so long after the file was modified
	expiresDaily    // at a time of the day
)

func readExpires(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	e := &slot.Of(b.Location).expires
	if e.kind != expiresUnset {
		return nc.ErrDuplicate
	}
	kind, word := expiresAccess, d.Args[0]
	if len(d.Args) == 2 {
		if word != "modified" {
			return nc.ErrInvalidValue
		}
		kind, word = expiresModified, d.Args[1]
	}
	value, err := b.HTTP.Template(d, word)
	if err != nil {
		return err
	}
	if !value.IsLiteral() {
		*e = expires{kind: kind, value: value}
		return nil
	}
	*e, err = parseExpires(kind, word)
	return err
}

const secondsPerDay = 24 * 60 * 60

var (
	errDailyModified = nc.Complaint("daily time cannot be used with \"modified\" parameter")
	errDailyTooLong  = nc.Complaint("daily time value must be less than 24 hours")
)

// parseExpires reads the time of an expires directive; kind is access or
// modified.
func parseExpires(kind expiresKind, word string) (expires, error) {
	if kind != expiresModified {
		switch word {
		case "epoch":
			return expires{kind: expiresEpoch}, nil
		case "max":
			return expires{kind: expiresMax}, nil
		case "off":
			return expires{kind: expiresOff}, nil
		}
	}
	sign := int64(1)
	if word != "" {
		switch word[0] {
		case '@':
			if kind == expiresModified {
				return expires{}, errDailyModified
			}
			kind, word = expiresDaily, word[1:]
		case '+':
			word = word[1:]
		case '-':
			sign, word = -1, word[1:]
		}
	}
	t, err := nc.ParseSec(word)
	if err != nil {
		return expires{}, nc.ErrInvalidValue
	}
	seconds := int64(t / time.Second)
	if kind == expiresDaily && seconds > secondsPerDay {
		return expires{}, errDailyTooLong
	}
	return expires{kind: kind, seconds: sign * seconds}, nil
}

var (
	epochDate  = []byte("Thu, 01 Jan 1970 00:00:01 GMT")
	farDate    = []byte("Thu, 31 Dec 2037 23:55:55 GMT")
	noCache    = []byte("no-cache")
	maxAgeZero = []byte("max-age=0")
	tenYears   = []byte("max-age=315360000")
)

// set sets Expires and Cache-Control.
func (e expires) set(r *web.Request) {
	negative := e.seconds < 0
	if e.value != nil {
		word := e.value.Append(&r.Session, r.Scratch())
		parsed, err := parseExpires(e.kind, string(word))
		r.Unscratch(word)
		if err != nil || parsed.kind == expiresOff {
			return
		}
		// As nginx, which looks at the sign of the configured value only.
		e, negative = parsed, false
	}
	date, control := e.dateAndControl(r, time.Now(), negative)
	r.Response.Replace("Expires", "Expires", date)
	r.Response.Replace("Cache-Control", "Cache-Control", control)
}

func (e expires) dateAndControl(r *web.Request, now time.Time, negative bool) (date, control []byte) {
	unix := now.Unix()
	var at, age int64
	switch {
	case e.kind == expiresEpoch:
		return epochDate, noCache
	case e.kind == expiresMax:
		return farDate, tenYears
	case e.kind == expiresDaily:
		at = nextTime(now, e.seconds)
		age = at - unix
	case e.seconds == 0:
		return message.CachedDateAt(unix), maxAgeZero
	case e.kind == expiresAccess || r.Response.LastModified == -1:
		at, age = unix+e.seconds, e.seconds
	case e.kind == expiresModified:
		at = r.Response.LastModified + e.seconds
		age = at - unix
	default:
		panic(fmt.Sprintf("headers: expires of kind %d", e.kind))
	}
	b := message.AppendDate(r.Scratch(), at)
	date = r.Keep(b)
	if negative || age < 0 {
		control = noCache
	} else {
		control = r.Keep(strconv.AppendInt(append(b[:0], "max-age="...), age, 10))
	}
	r.Unscratch(b)
	return date, control
}

// nextTime returns when a time of the local day, in seconds since midnight,
// comes next.
func nextTime(now time.Time, seconds int64) int64 {
	year, month, day := now.Date()
	hour, minute, second := int(seconds/3600), int(seconds/60%60), int(seconds%60)
	at := time.Date(year, month, day, hour, minute, second, 0, now.Location())
	if at.Unix() <= now.Unix() {
		at = time.Date(year, month, day+1, hour, minute, second, 0, now.Location())
	}
	return at.Unix()
}
