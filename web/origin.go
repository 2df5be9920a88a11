package web

import (
	"bytes"

	"tandem/web/message"
)

// SameOrigin reports whether a browser has sent the request for a page of this
// origin, or no browser has sent it: pages of other origins must not have a user's
// browser give orders (CSRF). Browsers tell by Sec-Fetch-Site (Fetch Metadata
// Request Headers, 2.3), older ones by Origin (RFC 6454, 7).
func (r *Request) SameOrigin() bool {
	if site := r.Head.Get("sec-fetch-site"); len(site) > 0 {
		return string(site) == "same-origin" || string(site) == "none"
	}
	origin := r.Header(message.Origin)
	if origin == nil {
		return true
	}
	_, host, ok := bytes.Cut(origin, []byte("://"))
	own := r.Header(message.Host)
	if len(own) == 0 {
		own = r.Head.Authority
	}
	return ok && len(own) > 0 && bytes.EqualFold(host, own)
}
