package cache

import (
	"bytes"
	"net/url"

	"tandem/proxy/answer"
	"tandem/web"
	"tandem/web/message"
)

// Outdate removes the entries of what a request has changed, if its method is not
// safe and the back end has not said that it failed (RFC 9111, 4.4): what GET and
// HEAD have of its URI, and of those that Location and Content-Location of the
// answer name on the same host. sent is the URI as the back end got it, key appends
// the text of the key if the configuration gives none.
func Outdate(r *web.Request, set *Settings, h *answer.Head, sent []byte, key func([]byte) []byte) {
	if set.Conformance.V == ConformNot || !unsafe(r.Method) || h.Status < 200 || h.Status > 399 || set.Key.V == nil && key == nil {
		return
	}
	c, _ := set.Use.V.find(r)
	if c == nil {
		return
	}
	vol := c.Volume()
	get := set.keyOf(r, nil, web.GET, "GET", key)
	keys := [][]byte{get}
	if head := set.keyOf(r, nil, web.HEAD, "HEAD", key); !bytes.Equal(head, get) {
		keys = append(keys, head)
	}
	for _, k := range keys {
		vol.Outdate(k)
		for i := range h.Fields {
			f := &h.Fields[i]
			if f.ID != answer.FieldLocation && !message.EqualLower(f.Name, "content-location") {
				continue
			}
			for _, uri := range [][]byte{sent, r.RawURI} {
				if before, ok := bytes.CutSuffix(k, uri); ok && len(uri) > 0 {
					if other, ok := onSameHost(r, uri, f.Value); ok {
						vol.Outdate(append(before[:len(before):len(before)], other...))
					}
					break
				}
			}
		}
	}
}

// onSameHost returns the path and the arguments that a reference leads to from a
// request's URI; ok is false if it leads to another host, which says nothing of it.
func onSameHost(r *web.Request, uri, reference []byte) (path string, ok bool) {
	base, err := url.ParseRequestURI(string(uri))
	if err != nil {
		return "", false
	}
	to, err := url.Parse(string(reference))
	if err != nil {
		return "", false
	}
	if to.Host != "" && !bytes.EqualFold([]byte(to.Hostname()), r.Host) {
		return "", false
	}
	to.Fragment = ""
	return base.ResolveReference(to).RequestURI(), true
}
