package cache

import (
	"errors"
	"strconv"

	nc "tandem/nginxconf"
)

// readStatusName reads *_cache_status on | off | name.
func readStatusName(get func(*nc.Scope) *Settings) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := &get(s).StatusName
		if v.Set {
			return nc.ErrDuplicate
		}
		v.Set = true
		switch name := d.Args[0]; {
		case name == "off":
		case name == "on":
			v.V = "tandem"
		case !isToken(name):
			return errors.New("invalid value \"" + name + "\", it must be a token that begins with a letter")
		default:
			v.V = name
		}
		return nil
	}
}

// isToken reports whether a name needs no quotes in a structured field (RFC 8941,
// 3.3.4).
func isToken(name string) bool {
	for i := range len(name) {
		switch c := name[i] | 0x20; {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || name[i] == '-' || name[i] == '.' || name[i] == '_'):
		default:
			return false
		}
	}
	return name != ""
}

// AppendCacheStatus appends what the cache has done, as Cache-Status tells it
// (RFC 9211, 2): c is nil for a request that has nothing to do with it. status is
// the back end's, if it has answered; stores: its answer is being stored.
func AppendCacheStatus(dst []byte, name string, c *Request, status int, stores bool) []byte {
	dst = append(dst, name...)
	switch {
	case c == nil:
		return appendForward(dst, "method", status)
	case c.Status == Hit, c.Status == Updating, c.Status == Stale && status == 0:
		dst = append(dst, "; hit; ttl="...)
		return strconv.AppendInt(dst, c.Entry.ValidUntil-c.r.Now().Unix(), 10)
	}
	dst = appendForward(dst, c.reason(), status)
	if stores {
		dst = append(dst, "; stored; ttl="...)
		dst = strconv.AppendInt(dst, c.until(status, c.r.Now())-c.r.Now().Unix(), 10)
	}
	return dst
}

// reason is why the back end was asked (RFC 9211, 2.2).
func (c *Request) reason() string {
	switch {
	case c.Status == Bypass:
		return "bypass"
	case c.conf.asked:
		return "request"
	case c.Status != Miss:
		return "stale"
	case c.conf.variant:
		return "vary-miss"
	}
	return "uri-miss"
}

func appendForward(dst []byte, why string, status int) []byte {
	dst = append(append(dst, "; fwd="...), why...)
	if status == 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, "; fwd-status="...), int64(status), 10)
}

// Keeps reports whether an answer with that status, which has been judged, is going
// to be kept.
func (c *Request) Keeps(status int) bool {
	return c.Cacheable && c.until(status, c.r.Now()) != 0 && !c.noCache()
}
