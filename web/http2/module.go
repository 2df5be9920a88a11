package http2

import (
	"tandem/internal/h2"
	nc "tandem/nginxconf"
	"tandem/web"
)

// Module is HTTP/2 and its directives:
//
//	http2 on | off;                          off
//	http2_max_concurrent_streams number;     128
//	http2_body_preread_size size;            64k
//	http2_recv_buffer_size size;             256k, has no effect here
//	http2_chunk_size size;                   8k
//
// "listen ... http2" turns it on for the servers of an address.
var Module = &web.Module{
	Name: "http2", Commands: append(commands, obsoleteCommands()...),
	Protocol: &web.Protocol{ALPN: []string{"h2"}, Preface: h2.Preface, Enabled: enabled, Open: open},
}

// settings are those of a server.
type settings struct {
	on      nc.Value[bool]
	streams nc.Value[int]
	preread nc.Value[int64]
}

const (
	defaultStreams = 128
	defaultPreread = 64 << 10
	defaultChunk   = 8 << 10
)

var slot = web.NewServerSlot(func(c, p *settings) error {
	c.on.Inherit(p.on, false)
	c.streams.Inherit(p.streams, defaultStreams)
	c.preread.Inherit(p.preread, defaultPreread)
	return nil
})

// chunking is what http2_chunk_size says.
type chunking struct{ size nc.Value[int64] }

var chunks = web.NewLocationSlot(func(c, p *chunking) error {
	c.size.Inherit(p.size, defaultChunk)
	return nil
})

func of(s *nc.Scope) *settings { return slot.Of(web.BlockOf(s).Server) }

var commands = []nc.Command{
	{Name: "http2", In: nc.HTTP | nc.Server, Arity: nc.Flag, Set: nc.SetFlag(func(s *nc.Scope) *nc.Value[bool] { return &of(s).on })},
	{Name: "http2_max_concurrent_streams", In: nc.HTTP | nc.Server, Arity: nc.Take1,
		Set: nc.SetNumber(func(s *nc.Scope) *nc.Value[int] { return &of(s).streams })},
	{Name: "http2_body_preread_size", In: nc.HTTP | nc.Server, Arity: nc.Take1,
		Set: nc.SetSize(func(s *nc.Scope) *nc.Value[int64] { return &of(s).preread })},
	{Name: "http2_recv_buffer_size", In: nc.HTTP, Arity: nc.Take1},
	{Name: "http2_pool_size", In: nc.HTTP | nc.Server, Arity: nc.Take1},
	{Name: "http2_streams_index_size", In: nc.HTTP | nc.Server, Arity: nc.Take1},
	{Name: "http2_chunk_size", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.Take1,
		Set: nc.SetSize(func(s *nc.Scope) *nc.Value[int64] { return &chunks.Of(web.BlockOf(s).Location).size })},
}

func enabled(srv *web.Server) bool { return slot.Of(srv).on.V || srv.ListensForHTTP2() }
