package proxy

import (
	"slices"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
)

// setHeader is one proxy_set_header.
type setHeader struct {
	name  string
	value *session.Template
}

// readSetHeader reads proxy_set_header field value.
func readSetHeader(s *nc.Scope, d *nc.Directive) error {
	t, err := web.BlockOf(s).HTTP.LateTemplate(s, d, d.Args[1])
	if err != nil {
		return err
	}
	v := &of(s).setHeaders
	v.V = append(v.V, setHeader{d.Args[0], t})
	v.Set = true
	return nil
}

// headers are the headers that the proxy sends in place of the client's.
type headers struct {
	host    *session.Template // nil: what proxy_pass says
	set     []setHeader       // with a value of the configuration
	length  bool              // Content-Length is ours
	chunked bool              // Transfer-Encoding is ours
	// modifiedSince and noneMatch: the conditions are ours, by which it is asked
	// whether an entry of the cache still holds.
	modifiedSince, noneMatch bool

	// The client's headers that are not passed on.
	droppedByID [256]bool
	dropped     []string // lower case, those without an ID
}

// ownHeaders are the headers that are never the client's: they concern the
// connection, or the body as it is sent on.
var ownHeaders = []string{
	"host", "connection", "proxy-connection", "content-length", "transfer-encoding", "te", "keep-alive", "expect", "upgrade",
}

// conditionalHeaders are headers that are not the client's either where the
// response may be kept: it is to be whole, and is for others, too.
var conditionalHeaders = []string{
	"if-modified-since", "if-unmodified-since", "if-none-match", "if-match", "range", "if-range",
}

// compileHeaders joins what the configuration sets with the defaults; cached says
// that the response may be kept.
func compileHeaders(set []setHeader, cached bool) *headers {
	h := &headers{length: true, chunked: true, modifiedSince: cached, noneMatch: cached}
	for _, name := range ownHeaders {
		h.drop(name)
	}
	if cached {
		for _, name := range conditionalHeaders {
			h.drop(name)
		}
	}
	for _, sh := range set {
		name := strings.ToLower(sh.name)
		h.drop(name)
		switch name {
		case "host":
			h.host = sh.value
			continue
		case "content-length":
			h.length = false
		case "transfer-encoding":
			h.chunked = false
		case "if-modified-since":
			h.modifiedSince = false
		case "if-none-match":
			h.noneMatch = false
		}
		if sh.value.Text != "" {
			h.set = append(h.set, sh)
		}
	}
	return h
}

func (h *headers) drop(name string) {
	if id := message.LookupFieldID([]byte(name)); id != 0 {
		h.droppedByID[id] = true
		return
	}
	h.dropped = append(h.dropped, name)
}

// sets reports whether the configuration gives the header a value.
func (h *headers) sets(lower string) bool {
	return slices.ContainsFunc(h.set, func(sh setHeader) bool { return strings.EqualFold(sh.name, lower) })
}

// drops reports whether a header of the client is not passed on.
func (h *headers) drops(f *message.Field) bool {
	if f.ID != 0 {
		return h.droppedByID[f.ID]
	}
	for _, name := range h.dropped {
		if message.EqualLower(f.Name, name) {
			return true
		}
	}
	return false
}
