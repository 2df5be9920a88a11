package keepalivedconf

import (
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"

	"tandem/keepalivedconf/text"
)

// httpRows is what may stand in HTTP_GET, and sslRows in SSL_GET.
var (
	httpRows = newRows(slices.Concat(httpCommon, []row[Checker]{{name: "url", block: text.Keywords, sub: urlRows, set: addURL(urlRows)}})...)
	sslRows  = newRows(slices.Concat(httpCommon, []row[Checker]{
		httpToggle("tls_compliant", func(h *HTTPCheck) *bool { return &h.tlsCompliant }, "Invalid tls_compliant option %s"),
		{name: "url", block: text.Keywords, sub: sslURLRows, set: addURL(sslURLRows)},
	})...)
)

// httpCommon is what both have.
var httpCommon = slices.Concat(connectRows, []row[Checker]{
	{name: "nb_get_retry", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		b.err(s, "nb_get_retry is deprecated - please use 'retry'")
		b.retries(s, c, "Invalid nb_get_retry value '%s'")
	}},
	{name: "virtualhost", set: func(b *builder, c *Checker, s *Statement) {
		if b.named(s, "HTTP_GET virtualhost name missing") {
			c.HTTP.virtualHost = s.Arg(1)
		}
	}},
	{name: "http_protocol", set: func(b *builder, c *Checker, s *Statement) {
		if !b.named(s, "Missing http_protocol version") {
			return
		}
		switch v := s.Arg(1); v {
		case "1.0", "1.1", "1.0C":
			c.HTTP.Protocol = v
		case "1.0c":
			c.HTTP.Protocol = "1.0C"
		default:
			b.err(s, "Invalid http_protocol version %s", v)
		}
	}},
	httpToggle("enable_sni", func(h *HTTPCheck) *bool { return &h.SNI }, "Invalid enable_sni parameter %s"),
	{name: "sni_name", set: func(b *builder, c *Checker, s *Statement) {
		h := c.HTTP
		if s.Args() > 0 {
			h.SNIName = s.Arg(1)
		} else if h.SNIName != "" {
			b.err(s, "sni_name already specified as %s - ignoring setting to default", h.SNIName)
			return
		}
		h.SNI = true
	}},
	httpToggle("fast_recovery", func(h *HTTPCheck) *bool { return &h.FastRecovery }, "Invalid fast_recovery parameter %s"),
})

func httpToggle(name string, field func(*HTTPCheck) *bool, format string) row[Checker] {
	return row[Checker]{name: name, set: func(b *builder, c *Checker, s *Statement) {
		if on, ok := b.toggle(s, format); ok {
			*field(c.HTTP) = on
		}
	}}
}

func newHTTP(c *Checker) { c.HTTP = &HTTPCheck{Protocol: "1.0"} }

func endHTTP(b *builder, c *Checker, s *Statement) {
	if len(c.HTTP.URLs) == 0 {
		b.sayAtClose(s, "HTTP/SSL_GET checker has no urls specified - ignoring")
		c.removed = true
		return
	}
	endConnect(b, c, s)
}

// statusLow and statusHigh are the codes that there may be, and statusDefault those that are good unless status_code says otherwise.
const statusLow, statusHigh = 100, 599

var statusDefault = StatusRange{200, 299}

// urlRows is what may stand in url of HTTP_GET, and sslURLRows of SSL_GET.
var (
	urlRows    = newRows(urlCommon...)
	sslURLRows = newRows(append(slices.Clone(urlCommon), row[URLCheck]{name: "tls_compliant", set: func(b *builder, u *URLCheck, s *Statement) {
		if on, ok := b.toggle(s, "Invalid tls_compliant option %s"); ok {
			u.TLSCompliant = on
		}
	}})...)
)

// urlCommon is what both have.
var urlCommon = []row[URLCheck]{
	{name: "path", min: 1, set: func(b *builder, u *URLCheck, s *Statement) { u.Path = s.Arg(1) }},
	{name: "digest", min: 1, set: setDigest},
	{name: "status_code", set: setStatus},
	{name: "virtualhost", set: func(b *builder, u *URLCheck, s *Statement) {
		if b.named(s, "Missing HTTP_GET virtualhost name") {
			u.VirtualHost = s.Arg(1)
		}
	}},
	{name: "regex", quoted: true, set: setRegex},
	{name: "regex_no_match", set: func(b *builder, u *URLCheck, s *Statement) { u.RegexNoMatch = true }},
	{name: "regex_options", set: func(b *builder, u *URLCheck, s *Statement) {
		for _, word := range s.Words[1:] {
			if slices.Contains(regexOptions, word) && !slices.Contains(u.RegexOptions, word) {
				u.RegexOptions = append(u.RegexOptions, word)
			}
		}
	}},
	{name: "regex_min_offset", set: func(b *builder, u *URLCheck, s *Statement) { u.RegexMinOffset = b.offset(s, "min") }},
	{name: "regex_max_offset", set: func(b *builder, u *URLCheck, s *Statement) { u.RegexMaxOffset = b.offset(s, "max") + 1 }},
	{name: "regex_stack", set: setRegexStack},
}

// regexOptions are the words of regex_options.
var regexOptions = []string{
	"allow_empty_class", "alt_bsux", "auto_callout", "caseless", "dollar_endonly", "dotall", "dupnames", "extended", "firstline",
	"match_unset_backref", "multiline", "never_ucp", "never_utf", "no_auto_capture", "no_auto_possess", "no_dotstar_anchor",
	"no_start_optimize", "ucp", "ungreedy", "utf", "never_backslash_c", "alt_circumflex", "alt_verbnames", "use_offset_limit",
}

func setDigest(b *builder, u *URLCheck, s *Statement) {
	word := s.Arg(1)
	if u.Digest != nil {
		b.err(s, "Digest '%s' is a duplicate", word)
		return
	}
	const size = 16 // of an MD5
	if len(word) != 2*size {
		b.err(s, "digest '%s' character length should be %d rather than %d", word, 2*size, len(word))
		return
	}
	sum, err := hex.DecodeString(word)
	if err == nil {
		u.Digest = sum
		return
	}
	for at := size - 1; at >= 0; at-- {
		if _, err := hex.DecodeString(word[2*at : 2*at+2]); err != nil {
			// keepalived has cut off what it has read so far, from the end.
			b.err(s, "Unable to interpret hex digit in '%s' at offset %d/%d", word[:2*at+2], 2*at, 2*at+1)
			return
		}
	}
}

func setStatus(b *builder, u *URLCheck, s *Statement) {
	for _, word := range s.Words[1:] {
		low, high, is := strings.Cut(word, "-")
		if !is {
			high = low
		}
		var r StatusRange
		var err, err2 error
		r.Low, err = strconv.Atoi(low)
		r.High, err2 = strconv.Atoi(high)
		if err != nil || err2 != nil || r.Low < statusLow || r.High > statusHigh || r.Low > r.High {
			b.err(s, "Invalid HTTP_GET status code '%s'", word)
			continue
		}
		u.Status = append(u.Status, r)
	}
}

func setRegex(b *builder, u *URLCheck, s *Statement) {
	words, open, dangling := text.SplitQuoted(s.Raw, true)
	if open != 0 {
		b.say(text.KindQuote, s.Pos, "String '%s': missing terminating %c", s.Raw, open)
		return
	}
	if dangling || len(words) != 2 {
		b.err(s, "regex missing or too many fields")
		return
	}
	if u.hasRegex {
		b.err(s, "Duplicate regex specified - replacing %s with %s", u.Regex, s.Arg(1))
	}
	u.Regex, u.hasRegex = words[1], true
}

// offset reads a place in the body; what cannot be read is 0.
func (b *builder) offset(s *Statement, which string) int {
	if s.Args() != 1 {
		b.note(s, "Missing or too may options for regex_%s_offset", which)
		return 0
	}
	n, err := strconv.ParseUint(s.Arg(1), 10, 64)
	if err != nil || n >= math.MaxInt {
		b.note(s, "Invalid regex_%s_offset %s specified", which, s.Arg(1))
		return 0
	}
	return int(n)
}

// setRegexStack checks the sizes of PCRE2's stack, which our matcher does not have.
func setRegexStack(b *builder, u *URLCheck, s *Statement) {
	if s.Args() != 2 {
		b.note(s, "regex_stack requires start and max values")
		return
	}
	start, err := strconv.ParseUint(s.Arg(1), 10, 64)
	if err != nil {
		b.note(s, "regex_stack invalid start value")
		return
	}
	high, err := strconv.ParseUint(s.Arg(2), 10, 64)
	switch {
	case err != nil:
		b.note(s, "regex_stack invalid max value")
	case start > high:
		b.note(s, "regex stack start cannot exceed max value")
	default:
		u.stack = true
	}
}

// addURL reads a url block.
func addURL(in *rows[URLCheck]) func(*builder, *Checker, *Statement) {
	return func(b *builder, c *Checker, s *Statement) {
		u := URLCheck{Pos: s.Pos}
		in.walk(b, &u, s.Body, nil)
		u.end(b, c, s)
	}
}

// end looks at the whole block.
func (u *URLCheck) end(b *builder, c *Checker, s *Statement) {
	if u.Path == "" {
		b.sayAtClose(s, "HTTP/SSL_GET checker url has no path - ignoring")
		return
	}
	if len(u.Status) == 0 {
		u.Status = []StatusRange{statusDefault}
	}
	if !u.hasRegex {
		if len(u.RegexOptions) > 0 || u.RegexNoMatch || u.RegexMinOffset != 0 || u.RegexMaxOffset != 0 || u.stack {
			b.say(text.KindNote, s.Close, "regex parameters specified without regex")
		}
		u.RegexOptions, u.RegexNoMatch, u.RegexMinOffset, u.RegexMaxOffset = nil, false, 0, 0
	}
	if u.RegexMaxOffset != 0 && u.RegexMinOffset >= u.RegexMaxOffset {
		b.say(text.KindNote, s.Close, "regex min offset %d > regex_max_offset %d - ignoring", u.RegexMinOffset, u.RegexMaxOffset-1)
		u.RegexMinOffset, u.RegexMaxOffset = 0, 0
	}
	c.HTTP.URLs = append(c.HTTP.URLs, *u)
}
