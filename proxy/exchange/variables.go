package exchange

import (
	"strconv"
	"time"

	"tandem/proxy/answer"
	"tandem/proxy/cache"
	"tandem/web"
	"tandem/web/message"
)

var variables = []web.Variable{
	{Name: "upstream_cache_status", Get: ofCache(func(dst []byte, k *cache.Request) []byte { return append(dst, k.Status.String()...) })},
	{Name: "upstream_cache_key", Get: ofCache(func(dst []byte, k *cache.Request) []byte { return append(dst, k.Key()...) })},
	{Name: "upstream_cache_last_modified", Get: ofCache(func(dst []byte, k *cache.Request) []byte {
		if t, _ := k.Validators(); t != -1 {
			dst = message.AppendDate(dst, t)
		}
		return dst
	})},
	{Name: "upstream_cache_etag", Get: ofCache(func(dst []byte, k *cache.Request) []byte {
		_, etag := k.Validators()
		return append(dst, etag...)
	})},
	{Name: "upstream_addr", Get: each(func(dst []byte, s *state) []byte { return append(dst, s.peer...) })},
	{Name: "upstream_status", Get: each(func(dst []byte, s *state) []byte {
		if s.status == 0 {
			return append(dst, '-')
		}
		return strconv.AppendInt(dst, int64(s.status), 10)
	})},
	{Name: "upstream_queue_time", Get: each(func(dst []byte, s *state) []byte { return appendSeconds(dst, s.queue) })},
	{Name: "upstream_connect_time", Get: each(func(dst []byte, s *state) []byte { return appendSeconds(dst, s.connect) })},
	{Name: "upstream_header_time", Get: each(func(dst []byte, s *state) []byte { return appendSeconds(dst, s.header) })},
	{Name: "upstream_response_time", Get: each(func(dst []byte, s *state) []byte { return appendSeconds(dst, s.response) })},
	{Name: "upstream_response_length", Get: each(func(dst []byte, s *state) []byte { return strconv.AppendInt(dst, s.length, 10) })},
	{Name: "upstream_bytes_received", Get: each(func(dst []byte, s *state) []byte { return strconv.AppendInt(dst, s.received, 10) })},
	{Name: "upstream_bytes_sent", Get: each(func(dst []byte, s *state) []byte { return strconv.AppendInt(dst, s.sent, 10) })},
	{Name: "upstream_http_", Family: func(name string) web.Getter {
		return func(r *web.Request, dst []byte) ([]byte, bool) {
			if x := recordSlot.Of(&r.Session).last(); x != nil {
				return appendFields(dst, x.Head.Fields, name)
			}
			return dst, false
		}
	}},
	{Name: "upstream_trailer_", Family: func(name string) web.Getter {
		return func(r *web.Request, dst []byte) ([]byte, bool) {
			if x := recordSlot.Of(&r.Session).last(); x != nil {
				return appendFields(dst, x.Head.Trailers, name)
			}
			return dst, false
		}
	}},
	{Name: "upstream_cookie_", Family: func(name string) web.Getter {
		return func(r *web.Request, dst []byte) ([]byte, bool) {
			x := recordSlot.Of(&r.Session).last()
			if x == nil {
				return dst, false
			}
			for i := range x.Head.Fields {
				if f := &x.Head.Fields[i]; f.ID == answer.FieldSetCookie {
					if v, ok := cookieValue(f.Value, name); ok {
						return append(dst, v...), true
					}
				}
			}
			return dst, false
		}
	}},
}

// ofCache makes the getter of a variable that tells something of the cache.
func ofCache(get func(dst []byte, k *cache.Request) []byte) web.Getter {
	return func(r *web.Request, dst []byte) ([]byte, bool) {
		x := recordSlot.Of(&r.Session).last()
		if x == nil || x.kept == nil {
			return dst, false
		}
		before := len(dst)
		dst = get(dst, x.kept)
		return dst, len(dst) > before
	}
}

// each makes the getter of a variable that tells something of every try: tries
// are separated by commas, those of different upstreams by colons.
func each(one func([]byte, *state) []byte) web.Getter {
	return func(r *web.Request, dst []byte) ([]byte, bool) {
		rec := recordSlot.Of(&r.Session)
		if rec == nil || len(rec.states) == 0 {
			return dst, false
		}
		for i := range rec.states {
			s := &rec.states[i]
			separator := s.peer == "" && i > 0
			switch {
			case separator:
				dst = append(dst, " : "...)
				continue
			case i > 0 && rec.states[i-1].peer != "":
				dst = append(dst, ", "...)
			}
			dst = one(dst, s)
		}
		return dst, true
	}
}

// appendSeconds appends a time in seconds with milliseconds, "-" for none.
func appendSeconds(dst []byte, d time.Duration) []byte {
	if d < 0 {
		return append(dst, '-')
	}
	ms := d.Milliseconds()
	dst = strconv.AppendInt(dst, ms/1000, 10)
	return append(dst, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

// appendFields appends the values of all fields of a name, in which dashes are
// underscores.
func appendFields(dst []byte, fields []answer.Field, name string) ([]byte, bool) {
	found := false
	for i := range fields {
		if !message.NameMatches(fields[i].Name, name) {
			continue
		}
		if found {
			dst = append(dst, ", "...)
		}
		dst, found = append(dst, fields[i].Value...), true
	}
	return dst, found
}

// cookieValue returns the value of a cookie in the value of a Set-Cookie
// header, if it sets that cookie.
func cookieValue(v []byte, name string) ([]byte, bool) {
	for len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	if len(v) < len(name) || !message.EqualFold(v[:len(name)], name) {
		return nil, false
	}
	v = v[len(name):]
	for len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	if len(v) == 0 || v[0] != '=' {
		return nil, false
	}
	v = v[1:]
	for len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	for i, c := range v {
		if c == ';' {
			return v[:i], true
		}
	}
	return v, true
}
