package answer

import "tandem/web"

// Redirect returns where X-Accel-Redirect has the request go on inside the
// server, unless the configuration ignores it, and takes the few headers of the
// answer that stay.
func (a *Answer) Redirect(r *web.Request, c *Settings, rw Rewriter) (uri []byte, ok bool) {
	f := a.Head.Get(FieldXAccelRedirect)
	if f == nil || c.IgnoreHeaders.V&IgnoreRedirect != 0 {
		return nil, false
	}
	for i := range a.Head.Fields {
		h := &a.Head.Fields[i]
		if h.ID != 0 {
			a.act(r, c, h)
		}
		switch h.ID {
		case FieldContentType, FieldSetCookie, FieldContentDisposition, FieldCacheControl, FieldExpires, FieldAcceptRanges:
			a.copyField(r, c, rw, h)
		}
	}
	return f.Value, true
}

// Follow has the request go on there; safe is false for a URI that no request
// may have.
func Follow(r *web.Request, uri []byte) (code web.Code, safe bool) {
	if len(uri) > 0 && uri[0] == '@' {
		return r.NamedLocation(uri), true
	}
	path, args, ok := web.SafeURI(uri)
	if !ok {
		return 404, false
	}
	r.UseGET()
	return r.InternalRedirect(path, args), true
}
