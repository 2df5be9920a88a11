// Package preread is nginx's ssl_preread module: what a client says in the first
// message of its handshake, without ending TLS here.
//
//	ssl_preread on | off;
//
// $ssl_preread_protocol, $ssl_preread_server_name, $ssl_preread_alpn_protocols. The
// name chooses the server of the address, too.
package preread

import (
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/stream"
)

// Module is the ssl_preread module.
var Module = &stream.Module{
	Name: "ssl_preread",
	Commands: []nc.Command{
		{Name: "ssl_preread", In: nc.Stream | nc.StreamServer, Arity: nc.Flag,
			Set: nc.SetFlag(session.At(slot, func(c *settings) *nc.Value[bool] { return &c.enabled }))},
	},
	Variables: []session.Variable{
		{Name: "ssl_preread_protocol", Get: of(func(h *Hello) []byte { return []byte(h.Protocol()) })},
		{Name: "ssl_preread_server_name", Get: of(func(h *Hello) []byte { return h.ServerName })},
		{Name: "ssl_preread_alpn_protocols", Get: of(func(h *Hello) []byte { return h.ALPN })},
	},
	Init: func(st *stream.Stream) error {
		if st.Any(func(l *session.Level) bool { return slot.Of(l).enabled.V }) {
			st.Preread(look)
		}
		return nil
	},
}

type settings struct{ enabled nc.Value[bool] }

var slot = session.NewLevelSlot(func(c, p *settings) error {
	c.enabled.Inherit(p.enabled, false)
	return nil
})

var hello = session.NewRecord[Hello]()

// of is a variable that a hello gives a value.
func of(get func(*Hello) []byte) session.Getter {
	return func(s *session.Session, dst []byte) ([]byte, bool) {
		h := hello.Of(s)
		if h == nil {
			return dst, false
		}
		return append(dst, get(h)...), true
	}
}

// look looks for a hello at the beginning of what a client has sent.
func look(s *stream.Session, sent []byte) stream.Code {
	if !slot.Of(s.Level()).enabled.V || s.IsUDP() {
		return session.Declined
	}
	h, found := Parse(sent)
	switch found {
	case More:
		// What is known by then has a value if no more comes.
		if len(sent) > 0 {
			hello.Set(&s.Session, h)
		}
		return stream.Again
	case None:
		hello.Set(&s.Session, nil)
		return session.Declined
	}
	hello.Set(&s.Session, h)
	if len(h.ServerName) > 0 {
		s.Choose(string(h.ServerName))
	}
	return session.OK
}
