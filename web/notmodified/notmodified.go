// Package notmodified answers conditional requests: 304 for what the client
// has already, 412 for what is no longer as it was
// (ngx_http_not_modified_filter_module).
package notmodified

import (
	"bytes"

	"tandem/web"
	"tandem/web/message"
)

// Module looks at If-Modified-Since, If-None-Match, If-Unmodified-Since and
// If-Match. The directives etag and if_modified_since belong to the core.
var Module = &web.Module{
	Name: "not_modified",
	Init: func(h *web.HTTP) error {
		h.Filter(filter)
		return nil
	},
}

func filter(r *web.Request) web.Code {
	if r.Response.Status != 200 || !r.IsMain() || r.DisableNotModified {
		return web.OK
	}
	if since := r.Header(message.IfUnmodifiedSince); since != nil && modifiedSince(r, since) {
		return r.ReplaceResponse(412)
	}
	if tags := r.Header(message.IfMatch); tags != nil && !matches(r, tags, false) {
		return r.ReplaceResponse(412)
	}
	since, tags := r.Header(message.IfModifiedSince), r.Header(message.IfNoneMatch)
	if tags != nil && r.TagDecides {
		since = nil
	}
	switch {
	case since == nil && tags == nil,
		since != nil && changed(r, since),
		tags != nil && !matches(r, tags, true):
		return web.OK
	}
	p := &r.Response
	p.Status = 304
	p.StatusLine = nil
	p.ContentType = nil
	p.ClearContentLength()
	r.ClearAcceptRanges()
	p.Del("Content-Encoding")
	return web.OK
}

// modifiedSince judges If-Unmodified-Since. A response without a date counts
// as modified.
func modifiedSince(r *web.Request, value []byte) bool {
	if r.Response.LastModified == -1 {
		return true
	}
	since, ok := message.ParseTime(value)
	return !ok || since < r.Response.LastModified
}

// changed judges If-Modified-Since as if_modified_since says.
func changed(r *web.Request, value []byte) bool {
	modified, mode := r.Response.LastModified, r.Core.IfModifiedSince.V
	if modified == -1 || mode == web.IfModifiedOff {
		return true
	}
	since, ok := message.ParseTime(value)
	if !ok {
		since = -1
	}
	if since == modified {
		return false
	}
	return mode == web.IfModifiedExact && !r.TagDecides || since < modified
}

var weakPrefix = []byte("W/")

// matches reports whether the response's entity tag is in a list of them, or
// the list is "*". The weak comparison of RFC 9110, 8.8.3.2, does not see the
// difference between weak and strong tags.
func matches(r *web.Request, list []byte, weak bool) bool {
	if len(list) == 1 && list[0] == '*' {
		return true
	}
	tag := r.Response.ETag()
	if tag == nil {
		return false
	}
	if weak && len(tag) > 2 {
		tag = bytes.TrimPrefix(tag, weakPrefix)
	}
	for len(list) > 0 {
		if weak && len(list) > 2 {
			list = bytes.TrimPrefix(list, weakPrefix)
		}
		if len(tag) > len(list) {
			return false
		}
		if bytes.HasPrefix(list, tag) {
			rest := bytes.TrimLeft(list[len(tag):], " \t")
			if len(rest) == 0 || rest[0] == ',' {
				return true
			}
			list = rest
		}
		comma := bytes.IndexByte(list, ',')
		if comma < 0 {
			return false
		}
		list = bytes.TrimLeft(list[comma:], " \t,")
	}
	return false
}
