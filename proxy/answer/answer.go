package answer

import (
	"strconv"

	"tandem/web"
	"tandem/web/message"
)

// Answer is a response to be handed to a client.
type Answer struct {
	Head Head
	// Buffering: whoever sends the response does not wait for the client. The
	// configuration says so first, and then the response, with X-Accel-Buffering.
	Buffering bool
	// Cached: it comes from the cache. Cacheable: it may be kept there, as far as is
	// known, and then it is whole.
	Cached, Cacheable bool
	// Aged: it comes from a cache that follows RFC 9111, and is so many seconds old.
	// It keeps its date, and ranges of it may be asked for.
	Aged bool
	Age  int64
}

// Rewriter changes headers of a response on their way to the client.
type Rewriter interface {
	// RewriteLocation rewrites a URL; ok is false when nothing is changed.
	RewriteLocation(url []byte) (rewritten []byte, ok bool)
	// RewriteCookie rewrites the value of Set-Cookie.
	RewriteCookie(value []byte) []byte
	// RewritesLocations reports whether there are rules for locations.
	RewritesLocations() bool
}

// CopyHead makes the answer's head that of the response to r. rw may be nil.
func (a *Answer) CopyHead(r *web.Request, c *Settings, rw Rewriter) {
	h := &a.Head
	p := &r.Response
	p.Status, p.StatusLine = h.Status, h.StatusLine
	p.ContentLength = h.ContentLength
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID != 0 {
			a.act(r, c, f)
		}
		if !c.Hides(f) || a.Aged && f.ID == FieldDate {
			a.copyField(r, c, rw, f)
		}
	}
	p.OmitServer = a.replaces(c, FieldServer)
	p.OmitDate = a.replaces(c, FieldDate)
	if a.Aged {
		a.tellAge(r)
	}
	r.DisableNotModified = !a.Cached && !a.Cacheable
	if !a.Buffering {
		// Without buffers the back end would be slowed down, too.
		r.SetRate(0)
	}
	if c.ForceRanges.V {
		r.AllowRanges, r.SingleRange = true, !a.Cached
	}
}

// tellAge makes the response one of a cache (RFC 9111, 4 and 5.1).
func (a *Answer) tellAge(r *web.Request) {
	p := &r.Response
	p.OmitDate = p.OmitDate || a.Head.Get(FieldDate) != nil
	age := strconv.AppendInt(r.Scratch(), a.Age, 10)
	p.Add("Age", r.Keep(age))
	r.Unscratch(age)
	r.AllowRanges, r.TagDecides = true, true
}

// CopyTrailers makes the fields behind the answer's body those of the response.
func (a *Answer) CopyTrailers(r *web.Request, c *Settings) {
	for i := range a.Head.Trailers {
		if f := &a.Head.Trailers[i]; !c.Hides(f) {
			r.Response.AddTrailerBytes(f.Name, f.Value)
		}
	}
}

// replaces reports whether the answer's header of that name takes the place of
// ours: also one that is not there, where such headers are not passed on by
// default.
func (a *Answer) replaces(c *Settings, id FieldID) bool {
	return !c.hidden.byID[id] && (c.ownServer || a.Head.Get(id) != nil)
}

// act does what a header asks of the server itself.
func (a *Answer) act(r *web.Request, c *Settings, f *Field) {
	ignore := c.IgnoreHeaders.V
	switch f.ID {
	case FieldXAccelLimitRate:
		if n, ok := parseLength(f.Value); ok && ignore&IgnoreLimitRate == 0 {
			r.SetRate(n)
		}
	case FieldXAccelBuffering:
		if ignore&IgnoreBuffering == 0 {
			switch {
			case message.EqualLower(f.Value, "no"):
				a.Buffering = false
			case message.EqualLower(f.Value, "yes"):
				a.Buffering = true
			}
		}
	case FieldXAccelCharset:
		if ignore&IgnoreCharset == 0 {
			r.Response.OverrideCharset = f.Value
		}
	}
}

// copyField adds one header to the response.
func (a *Answer) copyField(r *web.Request, c *Settings, rw Rewriter, f *Field) {
	p := &r.Response
	switch f.ID {
	case FieldContentLength, FieldConnection, FieldKeepAlive, FieldTransferEncoding:
		// What concerns the connection to the back end, or is made anew.
		return
	case FieldContentType:
		p.SetContentTypeField(f.Value)
		return
	case FieldLastModified:
		if t, ok := message.ParseTime(f.Value); ok {
			p.LastModified = t
		}
	case FieldAcceptRanges:
		switch {
		case c.ForceRanges.V:
			return
		case a.Cached, a.Cacheable:
			r.AllowRanges, r.SingleRange = true, !a.Cached
			return
		}
	case FieldLocation:
		copyLocation(r, rw, f)
		return
	case FieldRefresh:
		if rw != nil && rw.RewritesLocations() {
			if before, url, found := cutFold(f.Value, "url="); found {
				if rewritten, ok := rw.RewriteLocation(url); ok {
					p.AddBytes(f.Name, r.Keep(append(append(r.Scratch(), before...), rewritten...)))
					return
				}
			}
		}
	case FieldSetCookie:
		if rw != nil {
			p.AddBytes(f.Name, rw.RewriteCookie(f.Value))
			return
		}
	}
	p.AddBytes(f.Name, f.Value)
}

// copyLocation adds the Location header. One that was rewritten to a path is
// made absolute like our own redirects, one that the back end sent as a path
// is left alone.
func copyLocation(r *web.Request, rw Rewriter, f *Field) {
	p := &r.Response
	if rw != nil && rw.RewritesLocations() {
		if rewritten, ok := rw.RewriteLocation(f.Value); ok {
			if len(rewritten) > 0 && rewritten[0] == '/' {
				p.Location = rewritten
				return
			}
			p.AddBytes(f.Name, rewritten)
			return
		}
	}
	p.AddBytes(f.Name, f.Value)
}
