package keepalivedconf

import (
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The readers of numbers report what keepalived reports, in its words, and return false where keepalived's caller would
// fall back.

// integer reads a decimal integer in [low, high].
func (b *builder) integer(s *Statement, word string, low, high int) (int, bool) {
	v, err := strconv.ParseInt(strings.TrimLeft(word, blanks), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (v < math.MinInt32 || v > math.MaxInt32):
		b.say(KindNumber, s.Pos, "number '%s' outside integer range", word)
	case err != nil:
		b.say(KindNumber, s.Pos, "invalid number '%s'", word)
	case int(v) < low || int(v) > high:
		b.say(KindNumber, s.Pos, "number '%s' outside range [%d, %d]", word, low, high)
	default:
		return int(v), true
	}
	return 0, false
}

// unsigned reads an unsigned decimal number in [low, high].
func (b *builder) unsigned(s *Statement, word string, low, high uint32) (uint32, bool) {
	return b.unsignedBase(s, word, 10, low, high)
}

func (b *builder) unsignedBase(s *Statement, word string, base int, low, high uint32) (uint32, bool) {
	text := strings.TrimLeft(word, blanks)
	v, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), base, 64)
	switch {
	case strings.HasPrefix(text, "-"):
		b.say(KindNumber, s.Pos, "negative number '%s'", word)
	case errors.Is(err, strconv.ErrRange), err == nil && v > math.MaxUint32:
		b.say(KindNumber, s.Pos, "number '%s' outside unsigned integer range", word)
	case err != nil:
		b.say(KindNumber, s.Pos, "invalid number '%s'", word)
	case uint32(v) < low || uint32(v) > high:
		b.say(KindNumber, s.Pos, "number '%s' outside range [%d, %d]", word, low, high)
	default:
		return uint32(v), true
	}
	return 0, false
}

// decimal reads a number with at most places digits after the point and returns it times 10^places, which is also the
// unit of low and high. Digits beyond that are reported and rounded.
func (b *builder) decimal(s *Statement, word string, low, high uint64, places int) (uint64, bool) {
	if strings.HasPrefix(word, "-") {
		b.say(KindNumber, s.Pos, "negative number '%s'", word)
		return 0, false
	}
	whole, fraction, _ := strings.Cut(word, ".")
	round := false
	if len(fraction) > places {
		b.say(KindNumber, s.Pos, "number '%s' has too many decimal places", word)
		round = fraction[places] >= '5'
		fraction = fraction[:places]
	}
	v, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		b.say(KindNumber, s.Pos, "number '%s' outside unsigned decimal range", word)
		return 0, false
	case err != nil:
		b.say(KindNumber, s.Pos, "invalid number '%s'", word)
		return 0, false
	}
	if round {
		v++
	}
	if v < low || v > high {
		unit := uint64(math.Pow10(places))
		b.say(KindNumber, s.Pos, "number '%s' outside range [%d.%0*d, %d.%0*d]",
			word, low/unit, places, low%unit, high/unit, places, high%unit)
		return 0, false
	}
	return v, true
}

// microseconds reads decimal seconds down to a microsecond. low and high are in microseconds.
func (b *builder) microseconds(s *Statement, word string, low, high uint64) (time.Duration, bool) {
	v, ok := b.decimal(s, word, low, high, 6)
	return time.Duration(v) * time.Microsecond, ok
}

// Limits of keepalived's timers.
const (
	maxUint32       = math.MaxUint32
	maxTimerSeconds = math.MaxUint32 / 1_000_000 // whole seconds in a timer that counts microseconds
)

// truth reads on/true/yes and off/false/no.
func truth(word string) (on, ok bool) {
	switch word {
	case "on", "true", "yes":
		return true, true
	case "off", "false", "no":
		return false, true
	}
	return false, false
}

// toggle reads the optional truth value after a keyword: absent means on. format, with one %s for the word, is the
// report about anything else.
func (b *builder) toggle(s *Statement, format string) (on, ok bool) {
	if s.Args() == 0 {
		return true, true
	}
	on, ok = truth(s.Arg(1))
	if !ok {
		b.err(s, format, s.Arg(1))
	}
	return on, ok
}

// address reads an IP address as inet_pton does: no zone, four decimal parts.
func address(word string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(word)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a, true
}

// duration reads a time of one of tandem's own keywords: decimal seconds as everywhere in keepalived.conf, or a number
// with a unit (250ms, 2s, 1m30s).
func (b *builder) duration(s *Statement, word string, low, high time.Duration) (time.Duration, bool) {
	d, err := time.ParseDuration(word)
	if err != nil {
		d, err = time.ParseDuration(word + "s")
	}
	if err != nil || d < low || d > high {
		b.err(s, "%s: '%s' is not a time from %v to %v (seconds, or with a unit: 250ms)", s.Name(), word, low, high)
		return 0, false
	}
	return d, true
}
