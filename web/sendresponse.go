package web

import "tandem/session"

// SendResponse answers with a status and a body from the configuration: for a
// redirecting status the value is the Location, for any other the body, of
// contentType or, with nil, of the type that the path's extension has.
func (r *Request) SendResponse(status int, contentType []byte, value *session.Template) Code {
	r.DiscardBody()
	p := &r.Response
	p.Status = status
	body := value.Value(&r.Session)
	switch status {
	case 301, 302, 303, 307, 308:
		p.Location = nonNil(body)
		return Code(status)
	}
	if contentType == nil {
		r.SetContentType()
		contentType = p.ContentType
	}
	return r.SendBytes(status, contentType, body)
}

// SendBytes answers with a status and a body of a type. What the client sends is
// discarded or has been read.
func (r *Request) SendBytes(status int, contentType, body []byte) Code {
	p := &r.Response
	p.Status, p.ContentType, p.ContentLength = status, contentType, int64(len(body))
	if code := r.SendHeader(); code != OK || r.HeaderOnly {
		return code
	}
	return r.SendBody(Chunk{Data: body, Last: true})
}
