package exchange

import (
	"tandem/web"
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
	path, args, ok := web.SafeURI(f.Value)
	if !ok {
		x.log(logError, readingHead, "unsafe URI \"%s\" was detected", f.Value)
		return 404, true
	}
	r.UseGET()
	return r.InternalRedirect(path, args), true
}
