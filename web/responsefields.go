package web

import (
	"strconv"

	"tandem/session"
	"tandem/web/message"
)

// FieldWriter takes the fields of a response's head, for a protocol that spells
// them in its own way.
type FieldWriter interface {
	// WriteField takes a field. The slices are valid during the call.
	WriteField(name, value []byte)
	// WriteOwn is called once, where the protocol's own fields have their place.
	WriteOwn()
}

// WriteFields tells w the fields of the response's head in nginx's order. What
// the handler and the filters have left in Response.Fields may hold fields that
// concern a connection of HTTP/1; a protocol that has no use for them leaves them
// out.
func (r *Request) WriteFields(w FieldWriter) {
	p := &r.Response
	if !p.OmitServer {
		w.WriteField(nameServer, nameBytes(serverTokens[r.Core.ServerTokens.V]))
	}
	if !p.OmitDate {
		w.WriteField(nameDate, message.CachedDateAt(r.Now().Unix()))
	}
	if len(p.ContentType) > 0 {
		if value, whole := p.wholeContentType(); whole {
			w.WriteField(nameContentType, value)
		} else {
			r.writeBuilt(w, nameContentType, p.appendContentType(r.Scratch()))
		}
	}
	if p.ContentLength >= 0 {
		r.writeBuilt(w, nameContentLength, strconv.AppendInt(r.Scratch(), p.ContentLength, 10))
	}
	if p.LastModified != -1 && !p.Has("Last-Modified") {
		r.writeBuilt(w, nameLastModified, message.AppendDate(r.Scratch(), p.LastModified))
	}
	completed := r.completesLocation()
	if p.Location != nil && completed {
		r.writeBuilt(w, nameLocation, r.appendLocation(r.Scratch()))
	}
	w.WriteOwn()
	if p.GzipVary {
		w.WriteField(nameVary, acceptEncoding)
	}
	if p.Location != nil && !completed {
		// Where nginx has it when there is nothing to be added.
		w.WriteField(nameLocation, p.Location)
	}
	for i := range p.fields {
		w.WriteField(p.fields[i].Name, p.fields[i].Value)
	}
}

var (
	nameServer        = []byte("Server")
	nameDate          = []byte("Date")
	nameContentType   = []byte("Content-Type")
	nameContentLength = []byte("Content-Length")
	nameLastModified  = []byte("Last-Modified")
	nameLocation      = []byte("Location")
	nameVary          = []byte("Vary")
	acceptEncoding    = []byte("Accept-Encoding")
)

// writeBuilt tells w a field whose value has been put together in r.Scratch.
func (r *Request) writeBuilt(w FieldWriter, name, value []byte) {
	w.WriteField(name, value)
	r.Unscratch(value)
}

// completesLocation reports whether the Location is a path that is to be made
// absolute.
func (r *Request) completesLocation() bool {
	location := r.Response.Location
	return len(location) > 0 && location[0] == '/' && r.Core.AbsoluteRedirect.V
}

// appendLocation appends the Location, made absolute as absolute_redirect,
// server_name_in_redirect and port_in_redirect say.
func (r *Request) appendLocation(dst []byte) []byte {
	location := r.Response.Location
	if !r.completesLocation() {
		return append(dst, location...)
	}
	dst = append(dst, r.Scheme()...)
	dst = append(dst, "://"...)
	switch {
	case r.Core.ServerNameRedirect.V:
		dst = append(dst, r.Server.Name()...)
	case len(r.Host) > 0:
		dst = append(dst, r.Host...)
	default:
		dst = r.AppendLocalAddr(dst)
	}
	if r.Core.PortInRedirect.V {
		if port := r.LocalPort(); port != 0 && port != r.defaultPort() {
			dst = session.AppendPort(append(dst, ':'), port)
		}
	}
	return append(dst, location...)
}
