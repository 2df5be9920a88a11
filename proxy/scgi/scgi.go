// Package scgi is scgi_pass: requests to back ends over SCGI
// (https://python.ca/scgi/protocol.txt), and what the scgi_* directives say
// about them. How peers are chosen, tried and given up is package exchange's
// business.
package scgi

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"

	nc "tandem/nginxconf"
	"tandem/proxy/cgi"
	"tandem/proxy/exchange"
	"tandem/web"
)

// Module is scgi_pass and its directives.
var Module = &web.Module{Name: "scgi", Commands: commands(), Init: protocol.AddTempFolder(settingsOf)}

var slot = web.NewLocationSlot(cgi.Inherit(func(c, p *cgi.Settings) error { return c.Inherit(p, protocol.Family) }))

// protocol is how locations pass requests on.
var protocol = &cgi.Protocol{Family: cgi.Family("scgi", "Status"), Scheme: "scgi://"}

func commands() []nc.Command {
	protocol.Handler, protocol.Own = handle, own
	return protocol.Commands(of)
}

// of returns the settings of the level being read.
func of(s *nc.Scope) *cgi.Settings { return slot.Of(web.BlockOf(s).Location).Own() }

// settingsOf returns the settings of l, nil without any.
func settingsOf(l *web.Location) *cgi.Settings { return slot.Of(l).Settings() }

// call is one request over SCGI to a back end.
type call struct {
	cgi.Call
	settings *cgi.Settings
}

var calls = sync.Pool{New: func() any { return new(call) }}

func newCall(set *cgi.Settings) *call {
	c := calls.Get().(*call)
	c.settings, c.Streams = set, false
	return c
}

// handle answers a request of a location with scgi_pass.
func handle(r *web.Request) web.Code {
	set := settingsOf(r.Location)
	if set == nil || set.Pass == nil {
		return cgi.NoPass(r)
	}
	c := newCall(set)
	return set.Answer(r, &c.Exchange, c, !r.LengthUnknown())
}

// own makes requests of the process's own.
func own(s *nc.Scope) func(*web.Request, bool) (*exchange.Exchange, exchange.Protocol) {
	set := of(s)
	return func(*web.Request, bool) (*exchange.Exchange, exchange.Protocol) {
		c := newCall(set)
		return &c.Exchange, c
	}
}

// Release gives the call back.
func (c *call) Release() {
	c.settings = nil
	calls.Put(c)
}

// AppendRequest appends the parameters: a netstring of names and values, each
// with a NUL behind it, of which the first one is the body's length.
func (c *call) AppendRequest(dst []byte) ([]byte, error) {
	r := c.Request
	list := strconv.AppendInt(append(r.Scratch(), "CONTENT_LENGTH\x00"...), c.bodyLength(), 10)
	list, err := c.settings.AppendParams(&c.Exchange, append(list, 0), appendPair)
	if err == nil {
		dst = append(strconv.AppendInt(dst, int64(len(list)), 10), ':')
		dst = append(append(dst, list...), ',')
	}
	r.Unscratch(list)
	return dst, err
}

// bodyLength returns the length of the body that follows the parameters.
func (c *call) bodyLength() int64 {
	switch main := c.Request.Main; {
	case c.Streams:
		return main.Head.ContentLength
	case c.SendsBody():
		return main.Body.Len
	}
	return 0
}

// appendPair appends a parameter.
func appendPair(dst, name, value []byte) ([]byte, error) {
	if bytes.IndexByte(value, 0) >= 0 {
		// nginx sends such a parameter, which is then more than one.
		return dst, fmt.Errorf("the value of the SCGI parameter \"%s\" would contain a NUL", name)
	}
	dst = append(append(dst, name...), 0)
	return append(append(dst, value...), 0), nil
}
