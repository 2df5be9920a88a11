package web

import (
	"bytes"
	"fmt"
	"time"

	"tandem/session"
	"tandem/web/message"
)

// OwnRequest makes a request that no client has sent, for what a module does on
// its own account with the settings of a location, such as checking the health
// of its back ends: a GET for uri with the User-Agent given. Its variables have
// values as far as they do not tell of a client. It cannot be answered, and it
// is neither counted nor logged. End ends it.
func (l *Location) OwnRequest(uri, userAgent string) (*Request, error) {
	r := l.ask(&session.Client{Start: time.Now(), Own: true})
	// Nothing is to be sent.
	r.HeaderSent = true
	h := r.Head
	h.Method, h.Target = methodGET, []byte(uri)
	h.Version, h.Protocol, h.LineRead, h.Complete = message.HTTP10, []byte("HTTP/1.0"), true, true
	h.Line = []byte("GET " + uri + " HTTP/1.0")
	*h.NextField() = message.Field{Name: []byte("User-Agent"), Value: []byte(userAgent), ID: message.UserAgent}
	if bad := h.Add(false, 1); bad != nil {
		return nil, bad
	}
	r.MethodName, r.Method, r.RawURI = h.Method, GET, h.Target
	r.RawPathValid = r.takePath()
	if !r.RawPathValid || bytes.IndexByte(h.Target, ' ') >= 0 || message.ControlIndex(h.Target) >= 0 {
		return nil, fmt.Errorf("cannot make a request for \"%s\": it is no path", uri)
	}
	return r, nil
}

// ask makes a request that stands for what has no request: its variables and
// settings can be asked for.
func (l *Location) ask(c *session.Client) *Request {
	r := NewRequest(nobody{})
	r.Server, r.Start = l.Server, c.Start
	r.Attach(c, &l.Level)
	r.setLocation(l)
	return r
}
