package exchange

import (
	"time"

	"tandem/web"
	"tandem/web/message"
)

// respond takes a response whose head has been read to the client, unless
// another peer is to be asked instead.
func (x *Exchange) respond() outcome {
	now := x.Request.Now()
	s := x.state()
	s.header = now.Sub(x.tryBegan)
	s.status = x.Head.Status
	if x.Head.Status >= 300 {
		if o, taken := x.testNext(now); taken {
			return o
		}
		if code, taken := x.intercept(); taken {
			x.finish(x.Done)
			return outcome{code: code}
		}
	}
	x.selection.HeaderReceived(now)
	if b := x.Target.Upstream; b != nil && b.sticky != nil {
		b.sticky.answered(x)
	}
	if code, taken := x.redirectAccel(); taken {
		return outcome{code: code}
	}
	x.copyHead()
	r := x.Request
	if code := r.SendHeader(); code != web.OK {
		x.finish(false)
		return outcome{code: code}
	}
	if x.Upgrade {
		return outcome{code: x.tunnel()}
	}
	x.beginCopy()
	if r.HeaderOnly && x.copy == nil {
		if r.Method != web.HEAD {
			// What has come with the head of a 204 or 304 counts, and is told of.
			s.length += int64(len(x.rest))
			if x.Done && len(x.rest) > 0 {
				x.withHead = !x.buffering
				_, _, _ = x.proto.ParseBody(x.rest)
			}
		}
		x.finish(x.Done && len(x.rest) == 0)
		return outcome{code: web.OK}
	}
	return outcome{code: x.relay()}
}

// testNext asks another peer when the response's status is a reason to.
func (x *Exchange) testNext(now time.Time) (outcome, bool) {
	why := conditionOf(x.Head.Status)
	if why == 0 || x.selection.Tries <= 1 || !x.mayRetry(why, now) {
		return outcome{}, false
	}
	x.log(logError, readingHead, "upstream answered %d, another one is asked", x.Head.Status)
	return x.next(why), true
}

// intercept replaces an error of the back end by error_page, when told to.
func (x *Exchange) intercept() (web.Code, bool) {
	r := x.Request
	code := web.Code(x.Head.Status)
	if !x.Settings.InterceptErrors.V || !r.Core.HasErrorPage(code) {
		return 0, false
	}
	if code == 401 {
		for i := range x.Head.Fields {
			if f := &x.Head.Fields[i]; f.id == fieldWWWAuthenticate {
				r.Response.AddBytes(f.Name, f.Value)
			}
		}
	}
	return code, true
}

// Rewriter changes headers of a response on their way to the client. A
// Protocol that has settings for it implements it.
type Rewriter interface {
	// RewriteLocation rewrites a URL; ok is false when nothing is changed.
	RewriteLocation(url []byte) (rewritten []byte, ok bool)
	// RewriteCookie rewrites the value of Set-Cookie.
	RewriteCookie(value []byte) []byte
	// RewritesLocations reports whether there are rules for locations.
	RewritesLocations() bool
}

// copyHead makes the head of the back end's response that of ours.
func (x *Exchange) copyHead() {
	r, h := x.Request, &x.Head
	p := &r.Response
	p.Status, p.StatusLine = h.Status, h.StatusLine
	p.ContentLength = h.ContentLength
	hidden := &x.Settings.hidden
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.id != 0 {
			x.act(f)
		}
		if !hidden.has(f) {
			x.copyField(f)
		}
	}
	p.OmitServer = x.replaces(fieldServer)
	p.OmitDate = x.replaces(fieldDate)
	r.DisableNotModified = true
	if !x.buffering {
		// Without buffers the back end would be slowed down, too.
		r.SetRate(0)
	}
	if x.Settings.ForceRanges.V {
		r.AllowRanges, r.SingleRange = true, true
	}
}

// replaces reports whether the back end's header of that name takes the place of
// ours: also one that is not there, where such headers are not passed on by
// default.
func (x *Exchange) replaces(id fieldID) bool {
	return !x.Settings.hidden.byID[id] && (x.Settings.family.OwnServer || x.Head.get(id) != nil)
}

// act does what a header of the response asks of the proxy itself.
func (x *Exchange) act(f *Field) {
	ignore := x.Settings.IgnoreHeaders.V
	switch f.id {
	case fieldXAccelLimitRate:
		if n, ok := parseLength(f.Value); ok && ignore&ignoreLimitRate == 0 {
			x.Request.SetRate(n)
		}
	case fieldXAccelBuffering:
		if ignore&ignoreBuffering == 0 {
			switch {
			case message.EqualLower(f.Value, "no"):
				x.buffering = false
			case message.EqualLower(f.Value, "yes"):
				x.buffering = true
			}
		}
	case fieldXAccelCharset:
		if ignore&ignoreCharset == 0 {
			x.Request.Response.OverrideCharset = f.Value
		}
	}
}

// copyField adds one header to our response.
func (x *Exchange) copyField(f *Field) {
	r := x.Request
	p := &r.Response
	switch f.id {
	case fieldContentLength, fieldConnection, fieldKeepAlive, fieldTransferEncoding:
		// What concerns the connection to the back end, or is made anew.
		return
	case fieldContentType:
		p.SetContentTypeField(f.Value)
		return
	case fieldLastModified:
		if t, ok := message.ParseTime(f.Value); ok {
			p.LastModified = t
		}
	case fieldAcceptRanges:
		if x.Settings.ForceRanges.V {
			return
		}
	case fieldLocation:
		x.copyLocation(f)
		return
	case fieldRefresh:
		if rw, ok := x.proto.(Rewriter); ok && rw.RewritesLocations() {
			if before, url, found := cutFold(f.Value, "url="); found {
				if rewritten, ok := rw.RewriteLocation(url); ok {
					p.AddBytes(f.Name, r.Keep(append(append(r.Scratch(), before...), rewritten...)))
					return
				}
			}
		}
	case fieldSetCookie:
		if rw, ok := x.proto.(Rewriter); ok {
			p.AddBytes(f.Name, rw.RewriteCookie(f.Value))
			return
		}
	}
	p.AddBytes(f.Name, f.Value)
}

// copyLocation adds the Location header. One that was rewritten to a path is
// made absolute like our own redirects, one that the back end sent as a path
// is left alone.
func (x *Exchange) copyLocation(f *Field) {
	p := &x.Request.Response
	if rw, ok := x.proto.(Rewriter); ok && rw.RewritesLocations() {
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
