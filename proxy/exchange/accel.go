package exchange

import (
	"bytes"

	"tandem/web"
	"tandem/web/http1"
)

// redirectAccel follows X-Accel-Redirect: the request goes on inside the
// server, with a few of the back end's headers.
func (x *Exchange) redirectAccel() (web.Code, bool) {
	f := x.Head.get(fieldXAccelRedirect)
	if f == nil || x.Settings.IgnoreHeaders.V&ignoreRedirect != 0 {
		return 0, false
	}
	r := x.Request
	for i := range x.Head.Fields {
		h := &x.Head.Fields[i]
		if h.id != 0 {
			x.act(h)
		}
		switch h.id {
		case fieldContentType, fieldSetCookie, fieldContentDisposition, fieldCacheControl, fieldExpires, fieldAcceptRanges:
			x.copyField(h)
		}
	}
	x.finish(x.Done && len(x.rest) == 0)
	if len(f.Value) > 0 && f.Value[0] == '@' {
		return r.NamedLocation(f.Value), true
	}
	path, args, ok := unsafeURI(f.Value)
	if !ok {
		r.Logf(logError, "unsafe URI \"%s\" was detected", f.Value)
		return 404, true
	}
	r.UseGET()
	return r.InternalRedirect(path, args), true
}

// unsafeURI splits a URI that a back end gave into path and arguments, and
// refuses one that leads above its beginning.
func unsafeURI(uri []byte) (path, args []byte, ok bool) {
	path, args, _ = bytes.Cut(uri, []byte("?"))
	if climbs(path) {
		return nil, nil, false
	}
	if bytes.IndexByte(path, '%') >= 0 {
		path, _ = http1.AppendUnescape(nil, path, http1.UnescapeAll)
		if climbs(path) {
			return nil, nil, false
		}
	}
	return path, args, true
}

// climbs reports whether a path is empty, holds a NUL or a "..".
func climbs(path []byte) bool {
	if len(path) == 0 || bytes.IndexByte(path, 0) >= 0 {
		return true
	}
	for rest := path; ; {
		segment, after, more := bytes.Cut(rest, []byte("/"))
		if string(segment) == ".." {
			return true
		}
		if !more {
			return false
		}
		rest = after
	}
}
