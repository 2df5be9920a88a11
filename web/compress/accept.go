package compress

import (
	"bytes"
	"time"

	"tandem/internal/regex"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/message"
)

// What a client accepts. The directives that say so for gzip belong to nginx's
// core, because several modules ask.

// accepting are the settings of one level.
type accepting struct {
	vary        nc.Value[bool]
	httpVersion nc.Value[int] // the first, as message.Version
	proxied     nc.Value[proxied]
	disabled    nc.Value[[]*regex.Regexp] // by User-Agent
	msie6       nc.Value[bool]            // not for Internet Explorer up to 6
}

// proxied says which answers to requests that came through a proxy (Via) are
// compressed.
type proxied int

const (
	proxiedOff proxied = 1 << iota
	proxiedExpired
	proxiedNoCache
	proxiedNoStore
	proxiedPrivate
	proxiedNoLastModified
	proxiedNoETag
	proxiedAuth
	proxiedAny
)

var acceptingConf = web.NewLocationSlot(func(c, p *accepting) error {
	c.vary.Inherit(p.vary, false)
	c.httpVersion.Inherit(p.httpVersion, int(message.HTTP11))
	c.proxied.Inherit(p.proxied, proxiedOff)
	c.disabled.Inherit(p.disabled, nil)
	c.msie6.Inherit(p.msie6, false)
	return nil
})

const everywhere = nc.HTTP | nc.Server | nc.Location

var acceptingCommands = []nc.Command{
	{Name: "gzip_vary", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(web.At(acceptingConf, func(c *accepting) *nc.Value[bool] { return &c.vary }))},
	{Name: "gzip_http_version", In: everywhere, Arity: nc.Take1, Set: nc.SetEnum(web.At(acceptingConf, func(c *accepting) *nc.Value[int] { return &c.httpVersion }),
		nc.Name{Name: "1.0", Value: int(message.HTTP10)}, nc.Name{Name: "1.1", Value: int(message.HTTP11)})},
	{Name: "gzip_proxied", In: everywhere, Arity: nc.OneMore, Set: nc.SetBitmask(web.At(acceptingConf, func(c *accepting) *nc.Value[proxied] { return &c.proxied }),
		nc.Name{Name: "off", Value: int(proxiedOff)}, nc.Name{Name: "expired", Value: int(proxiedExpired)},
		nc.Name{Name: "no-cache", Value: int(proxiedNoCache)}, nc.Name{Name: "no-store", Value: int(proxiedNoStore)},
		nc.Name{Name: "private", Value: int(proxiedPrivate)}, nc.Name{Name: "no_last_modified", Value: int(proxiedNoLastModified)},
		nc.Name{Name: "no_etag", Value: int(proxiedNoETag)}, nc.Name{Name: "auth", Value: int(proxiedAuth)},
		nc.Name{Name: "any", Value: int(proxiedAny)})},
	{Name: "gzip_disable", In: everywhere, Arity: nc.OneMore, Set: readDisable},
}

// readDisable reads gzip_disable: "msie6", "degradation" (which nginx takes and
// only acts on where it can run out of memory gracefully), or expressions that
// the User-Agent is compared with.
func readDisable(s *nc.Scope, d *nc.Directive) error {
	c := acceptingConf.Of(web.BlockOf(s).Location)
	for _, word := range d.Args {
		switch word {
		case "msie6":
			c.msie6 = nc.Value[bool]{V: true, Set: true}
		case "degradation":
		default:
			re, err := regex.Compile(word, true)
			if err != nil {
				return err
			}
			c.disabled = nc.Value[[]*regex.Regexp]{V: append(c.disabled.V, re), Set: true}
		}
	}
	return nil
}

// Vary notes that the response depends on Accept-Encoding, if gzip_vary says
// that clients are to be told.
func Vary(r *web.Request) { r.Response.GzipVary = VarySaid(r) }

// VarySaid reports whether gzip_vary is on.
func VarySaid(r *web.Request) bool { return acceptingConf.Of(r.Location).vary.V }

// verdict is the answer of AcceptsGzip, which holds for the whole request: what
// is served may depend on it.
type verdict struct{ known, ok bool }

var verdicts = web.NewContext[verdict]()

// AcceptsGzip reports whether the request is to be answered with gzip: the
// client accepts it, and neither gzip_http_version nor gzip_proxied nor
// gzip_disable stand against it.
func AcceptsGzip(r *web.Request) bool {
	v := verdicts.Of(r)
	if v == nil {
		v = verdicts.Take(r)
	}
	if !v.known {
		v.known, v.ok = true, acceptsGzip(r)
	}
	return v.ok
}

func acceptsGzip(r *web.Request) bool {
	if !r.IsMain() || Quality(r.Header(message.AcceptEncoding), "gzip") == 0 {
		return false
	}
	c := acceptingConf.Of(r.Location)
	if c.msie6.V && r.IsMSIE6() || int(r.Version()) < c.httpVersion.V {
		return false
	}
	if r.Header(message.Via) != nil && !c.proxied.V.allows(r) {
		return false
	}
	if agent := r.Header(message.UserAgent); agent != nil {
		for _, re := range c.disabled.V {
			if re.Match(agent) {
				return false
			}
		}
	}
	return true
}

// allows applies gzip_proxied, in nginx's order of questions.
func (p proxied) allows(r *web.Request) bool {
	switch {
	case p&proxiedOff != 0:
		return false
	case p&proxiedAny != 0, p&proxiedAuth != 0 && r.Header(message.Authorization) != nil:
		return true
	}
	if expires := r.Response.Get("Expires"); expires != nil {
		if p&proxiedExpired == 0 {
			return false
		}
		until, ok := message.ParseTime(expires)
		now := time.Now().Unix()
		if date := r.Response.Get("Date"); date != nil && ok {
			now, ok = message.ParseTime(date)
		}
		return ok && until < now
	}
	if r.Response.Has("Cache-Control") {
		return p&proxiedNoCache != 0 && cacheControl(r, "no-cache") ||
			p&proxiedNoStore != 0 && cacheControl(r, "no-store") ||
			p&proxiedPrivate != 0 && cacheControl(r, "private")
	}
	return (p&proxiedNoLastModified == 0 || r.Response.LastModified == -1) && (p&proxiedNoETag == 0 || r.Response.ETag() == nil)
}

// cacheControl reports whether the response's Cache-Control has a word.
func cacheControl(r *web.Request, word string) bool {
	for _, f := range r.Response.Fields() {
		if !bytes.EqualFold(f.Name, []byte("Cache-Control")) {
			continue
		}
		for rest := f.Value; len(rest) > 0; {
			part := rest
			if i := bytes.IndexAny(rest, ",;"); i >= 0 {
				part, rest = rest[:i], rest[i+1:]
			} else {
				rest = nil
			}
			if bytes.EqualFold(bytes.Trim(part, " "), []byte(word)) {
				return true
			}
		}
	}
	return false
}

// Accepts returns the q-value, in thousandths, of a coding for this request, 0
// if it is not to be used.
func Accepts(r *web.Request, coding string) int {
	if coding == "gzip" && !AcceptsGzip(r) || !r.IsMain() {
		return 0
	}
	return Quality(r.Header(message.AcceptEncoding), coding)
}

// maxQuality is the q-value 1.
const maxQuality = 1000

// Quality returns the q-value, in thousandths, that Accept-Encoding gives to a
// coding; 0 when it is not acceptable, not mentioned or said in a way that makes
// no sense. As in nginx, "*" mentions none.
func Quality(accept []byte, coding string) int {
	for i := 0; i+len(coding) <= len(accept); i++ {
		if i > 0 && accept[i-1] != ',' && accept[i-1] != ' ' || !hasFoldPrefix(accept[i:], coding) {
			continue
		}
		rest := bytes.TrimLeft(accept[i+len(coding):], " ")
		switch {
		case len(rest) == 0 || rest[0] == ',':
			return maxQuality
		case rest[0] != ';':
			return 0
		}
		rest = bytes.TrimLeft(rest[1:], " ")
		switch {
		case len(rest) == 0:
			return maxQuality
		case rest[0]|0x20 != 'q' || len(rest) < 3 || rest[1] != '=':
			return 0
		}
		return weight(rest[2:])
	}
	return 0
}

func hasFoldPrefix(b []byte, lower string) bool {
	if len(b) < len(lower) {
		return false
	}
	for i := range len(lower) {
		if b[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// weight reads a q-value in front of a comma, a space or the end (RFC 9110,
// 12.4.2): "0" or "1" and up to three decimals. One that is not valid is 0.
func weight(b []byte) int {
	if i := bytes.IndexAny(b, ", "); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 || b[0] != '0' && b[0] != '1' || len(b) == 1 && b[0] == '0' {
		return 0
	}
	q := int(b[0]-'0') * maxQuality
	if len(b) == 1 {
		return q
	}
	if b[1] != '.' || len(b) > 5 {
		return 0
	}
	unit := maxQuality / 10
	for _, c := range b[2:] {
		if c < '0' || c > '9' {
			return 0
		}
		q += int(c-'0') * unit
		unit /= 10
	}
	if q > maxQuality {
		return 0
	}
	return q
}
