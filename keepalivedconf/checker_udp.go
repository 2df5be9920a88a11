package keepalivedconf

import (
	"slices"
	"strings"
)

// udpRows is what may stand in UDP_CHECK.
var udpRows = newRows(slices.Concat(connectRows, []row[Checker]{
	{name: "payload", set: func(b *builder, c *Checker, s *Statement) {
		if !b.named(s, "UDP_CHECK payload requires a payload") {
			return
		}
		payload, _, ok := hexBytes(strings.Join(s.Words[1:], " "), false)
		if !ok {
			b.err(s, "Invalid hex string for UDP_CHECK payload")
			return
		}
		c.UDP.Payload = payload
	}},
	{name: "require_reply", set: func(b *builder, c *Checker, s *Statement) {
		c.UDP.RequireReply = true
		if s.Args() == 0 {
			return
		}
		reply, mask, ok := hexBytes(strings.Join(s.Words[1:], " "), true)
		if !ok {
			b.err(s, "Invalid hex string for UDP_CHECK reply")
			return
		}
		c.UDP.Reply, c.UDP.Mask = reply, mask
	}},
	replyLength("min_reply_length", "min", func(u *UDPCheck) *int { return &u.MinLength }),
	replyLength("max_reply_length", "max", func(u *UDPCheck) *int { return &u.MaxLength }),
})...)

const maxReply = 65535

func replyLength(name, which string, field func(*UDPCheck) *int) row[Checker] {
	return row[Checker]{name: name, min: 1, set: func(b *builder, c *Checker, s *Statement) {
		if n, ok := b.unsigned(s, s.Arg(1), 0, maxReply); ok {
			*field(c.UDP) = int(n)
		} else {
			b.err(s, "UDP_CHECK "+which+" length %s not valid - must be between 0 & %d", s.Arg(1), maxReply)
		}
	}}
}

func newUDP(c *Checker) { c.UDP = &UDPCheck{MaxLength: 255} }

func endUDP(b *builder, c *Checker, s *Statement) {
	if endConnect(b, c, s); c.removed {
		return
	}
	if u := c.UDP; u.MinLength > u.MaxLength {
		b.sayAtClose(s, "UDP_CHECK min_reply length %d > max_reply_length %d - will always fail", u.MinLength, u.MaxLength)
	}
}

// hexBytes reads bytes as pairs of hexadecimal digits, which may stand apart; a digit that stands alone before a space is a
// byte. With wild, x or X is any digit: its bits are set in mask, which is nil if there is none.
func hexBytes(word string, wild bool) (value, mask []byte, ok bool) {
	for group := range strings.FieldsSeq(word) {
		for at := 0; at < len(group); {
			var v, m byte
			for n := 0; n < 2 && at < len(group); n++ {
				d, isWild := hexDigit(group[at])
				if d > 15 || isWild && !wild {
					return nil, nil, false
				}
				v, m = v<<4|d, m<<4
				if isWild {
					m |= 15
				}
				at++
			}
			value, mask = append(value, v), append(mask, m)
		}
	}
	if !slices.ContainsFunc(mask, func(m byte) bool { return m != 0 }) {
		mask = nil
	}
	return value, mask, len(value) > 0
}

// hexDigit is the value of a digit, or more than 15 for none; one that stands for any is 0.
func hexDigit(c byte) (value byte, wild bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', false
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, false
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, false
	case c == 'x', c == 'X':
		return 0, true
	}
	return 255, false
}
