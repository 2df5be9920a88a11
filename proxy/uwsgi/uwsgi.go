// Package uwsgi is uwsgi_pass: requests to back ends over uwsgi
// (https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html), with TLS or
// without, and what the uwsgi_* directives say about them. How peers are
// chosen, tried and given up is package exchange's business.
package uwsgi

import (
	"fmt"
	"math"
	"slices"
	"sync"

	nc "tandem/nginxconf"
	"tandem/proxy/cgi"
	"tandem/proxy/exchange"
	"tandem/web"
)

// Module is uwsgi_pass and its directives.
var Module = &web.Module{Name: "uwsgi", Commands: commands(), Init: protocol.AddTempFolder(settingsOf)}

// settings are those of one location.
type settings struct {
	cgi.Settings
	modifier1, modifier2 nc.Value[int]
	text                 nc.Value[string] // behind the parameters
}

var slot = web.NewLocationSlot(cgi.Inherit(func(c, p *settings) error {
	if err := c.Settings.Inherit(&p.Settings, protocol.Family); err != nil {
		return err
	}
	c.modifier1.Inherit(p.modifier1, 0)
	c.modifier2.Inherit(p.modifier2, 0)
	c.text.Inherit(p.text, "")
	if c.Pass != nil && c.Pass.UsesTLS() {
		return c.TLS.Use(protocol.Prefix)
	}
	return nil
}))

// protocol is how locations pass requests on.
var protocol = &cgi.Protocol{
	Family: cgi.Family("uwsgi"), Scheme: "uwsgi://", Schemes: []cgi.Scheme{{Name: "uwsgi://"}, {Name: "suwsgi://", TLS: true}},
}

func commands() []nc.Command {
	const in = nc.HTTP | nc.Server | nc.Location
	protocol.Handler, protocol.Own = handle, own
	modifier := func(name string, f func(*settings) *nc.Value[int]) nc.Command {
		return nc.Command{Name: name, In: in, Arity: nc.Take1,
			Set: nc.SetNumber(func(s *nc.Scope) *nc.Value[int] { return f(of(s)) }, nc.Bounds(0, math.MaxUint8))}
	}
	return slices.Concat(
		protocol.Commands(func(s *nc.Scope) *cgi.Settings { return &of(s).Settings }),
		protocol.TLSCommands(func(s *nc.Scope) *exchange.Settings { return &of(s).Settings.Settings }),
		[]nc.Command{
			modifier("uwsgi_modifier1", func(c *settings) *nc.Value[int] { return &c.modifier1 }),
			modifier("uwsgi_modifier2", func(c *settings) *nc.Value[int] { return &c.modifier2 }),
			{Name: "uwsgi_string", In: in, Arity: nc.Take1,
				Set: nc.SetString(func(s *nc.Scope) *nc.Value[string] { return &of(s).text })},
		})
}

// of returns the settings of the level being read.
func of(s *nc.Scope) *settings { return slot.Of(web.BlockOf(s).Location).Own() }

// settingsOf returns what the three protocols have of the settings of l, nil
// without any.
func settingsOf(l *web.Location) *cgi.Settings {
	if c := slot.Of(l).Settings(); c != nil {
		return &c.Settings
	}
	return nil
}

// call is one request over uwsgi to a back end.
type call struct {
	cgi.Call
	settings *settings
}

var calls = sync.Pool{New: func() any { return new(call) }}

func newCall(set *settings) *call {
	c := calls.Get().(*call)
	c.settings, c.Streams = set, false
	return c
}

// handle answers a request of a location with uwsgi_pass.
func handle(r *web.Request) web.Code {
	set := slot.Of(r.Location).Settings()
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

// AppendRequest appends the packet of the parameters: its first modifier, its
// length, its second modifier, and names and values with their lengths; numbers
// are little endian.
func (c *call) AppendRequest(dst []byte) ([]byte, error) {
	set := c.settings
	start := len(dst)
	dst = append(dst, byte(set.modifier1.V), 0, 0, byte(set.modifier2.V))
	dst, err := set.AppendParams(&c.Exchange, dst, appendPair)
	if err != nil {
		return dst, err
	}
	dst = append(dst, set.text.V...)
	n := len(dst) - start - 4
	if n > math.MaxUint16 {
		return dst, fmt.Errorf("uwsgi request is too big: %d", n)
	}
	dst[start+1], dst[start+2] = byte(n), byte(n>>8)
	return dst, nil
}

// appendPair appends a parameter. One that is too long makes the packet too
// long.
func appendPair(dst, name, value []byte) ([]byte, error) {
	dst = append(append(dst, byte(len(name)), byte(len(name)>>8)), name...)
	return append(append(dst, byte(len(value)), byte(len(value)>>8)), value...), nil
}
