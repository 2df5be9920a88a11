package keepalivedconf

import (
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tandem/keepalivedconf/text"
)

// The readers of numbers report what keepalived reports, in its words, and return false where keepalived's caller would
// fall back.

// integer reads a decimal integer in [low, high].
func (b *builder) integer(s *Statement, word string, low, high int) (int, bool) {
	v, err := strconv.ParseInt(strings.TrimLeft(word, text.Blanks), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (v < math.MinInt32 || v > math.MaxInt32):
		b.say(text.KindNumber, s.Pos, "number '%s' outside integer range", word)
	case err != nil:
		b.say(text.KindNumber, s.Pos, "invalid number '%s'", word)
	case int(v) < low || int(v) > high:
		b.say(text.KindNumber, s.Pos, "number '%s' outside range [%d, %d]", word, low, high)
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
	written := strings.TrimLeft(word, text.Blanks)
	v, err := strconv.ParseUint(strings.TrimPrefix(written, "+"), base, 64)
	switch {
	case strings.HasPrefix(written, "-"):
		b.say(text.KindNumber, s.Pos, "negative number '%s'", word)
	case errors.Is(err, strconv.ErrRange), err == nil && v > math.MaxUint32:
		b.say(text.KindNumber, s.Pos, "number '%s' outside unsigned integer range", word)
	case err != nil:
		b.say(text.KindNumber, s.Pos, "invalid number '%s'", word)
	case uint32(v) < low || uint32(v) > high:
		b.say(text.KindNumber, s.Pos, "number '%s' outside range [%d, %d]", word, low, high)
	default:
		return uint32(v), true
	}
	return 0, false
}

// digits returns the number that a word begins with, if it begins with one in [low, high] and goes on with something else.
// Where keepalived may take such a number it does so when it runs, while its -t says that the line is ignored.
func (b *builder) digits(word string, low, high int64) (int64, bool) {
	written := strings.TrimLeft(word, text.Blanks)
	end := 0
	for end < len(written) && (written[end] >= '0' && written[end] <= '9' || end == 0 && (written[0] == '-' || written[0] == '+')) {
		end++
	}
	v, err := strconv.ParseInt(written[:end], 10, 64)
	if err != nil || end == len(written) || v < low || v > high {
		return 0, false
	}
	b.hint("%d is taken, which the word begins with, as keepalived does when it runs: write %d", v, v)
	return v, true
}

// number reads a number in [low, high], or what a word begins with.
func (b *builder) number(s *Statement, word string, low, high uint32) (uint32, bool) {
	v, ok := b.unsigned(s, word, low, high)
	if !ok {
		var d int64
		d, ok = b.digits(word, int64(low), int64(high))
		v = uint32(d)
	}
	return v, ok
}

// signedNumber reads an integer in [low, high], or what a word begins with.
func (b *builder) signedNumber(s *Statement, word string, low, high int) (int, bool) {
	v, ok := b.integer(s, word, low, high)
	if !ok {
		var d int64
		d, ok = b.digits(word, int64(low), int64(high))
		v = int(d)
	}
	return v, ok
}

// decimal reads a number with at most places digits after the point and returns it times 10^places, which is also the
// unit of low and high. Digits beyond that are reported and rounded. What follows the digits is reported, and as in
// keepalived they are taken all the same, in the smallest unit: "3s" is 3 microseconds.
func (b *builder) decimal(s *Statement, word string, low, high uint64, places int) (uint64, bool) {
	v, _, ok := b.decimalNumber(s, word, low, high, places)
	return v, ok
}

// decimalNumber is decimal; clean reports whether the word is a number as a whole.
func (b *builder) decimalNumber(s *Statement, word string, low, high uint64, places int) (v uint64, clean, ok bool) {
	if strings.HasPrefix(word, "-") {
		b.say(text.KindNumber, s.Pos, "negative number '%s'", word)
		return 0, false, false
	}
	whole, fraction, _ := strings.Cut(word, ".")
	round := false
	if len(fraction) > places {
		b.say(text.KindNumber, s.Pos, "number '%s' has too many decimal places", word)
		round = fraction[places] >= '5'
		fraction = fraction[:places]
	}
	written := strings.TrimLeft(whole+fraction+strings.Repeat("0", places-len(fraction)), text.Blanks)
	written = strings.TrimPrefix(written, "+")
	end := 0
	for end < len(written) && written[end] >= '0' && written[end] <= '9' {
		end++
	}
	v, err := strconv.ParseUint(written[:end], 10, 64)
	if end == 0 {
		v, err = 0, nil
	}
	if round {
		v++
	}
	switch {
	case end < len(written):
		b.say(text.KindNumber, s.Pos, "invalid number '%s'", word)
		b.hint("write seconds as a number without a unit, like 0.25")
	case errors.Is(err, strconv.ErrRange):
		b.say(text.KindNumber, s.Pos, "number '%s' outside unsigned decimal range", word)
		return 0, true, false
	case v < low || v > high:
		unit := uint64(math.Pow10(places))
		b.say(text.KindNumber, s.Pos, "number '%s' outside range [%d.%0*d, %d.%0*d]",
			word, low/unit, places, low%unit, high/unit, places, high%unit)
	}
	if v < low || v > high {
		return 0, end == len(written), false
	}
	return v, end == len(written), true
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

// endpoint reads the address of a node or a group. A prefix length or the end of a range after it is not looked at, as in
// keepalived.
func endpoint(word string) (netip.Addr, bool) {
	if at := strings.IndexByte(word, '-'); at >= 0 {
		word = word[:at]
	} else if at := strings.IndexByte(word, '/'); at >= 0 {
		word = word[:at]
	}
	return address(word)
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
