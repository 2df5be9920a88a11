package web

import (
	"slices"

	nc "tandem/nginxconf"
)

// protocolCommands are the directives of HTTP/3, which is not there yet. Clients
// settle for another version by themselves, so that a configuration that asks for
// it is served, with a warning.
var protocolCommands = []nc.Command{
	{Name: "http3", In: nc.HTTP | nc.Server, Arity: nc.Flag, Set: readNewerProtocol("HTTP/3")},
	{Name: "http3_hq", In: nc.HTTP | nc.Server, Arity: nc.Flag},
	{Name: "http3_max_concurrent_streams", In: nc.HTTP | nc.Server, Arity: nc.Take1},
	{Name: "http3_stream_buffer_size", In: nc.HTTP | nc.Server, Arity: nc.Take1},
	{Name: "quic_retry", In: nc.HTTP | nc.Server, Arity: nc.Flag},
	{Name: "quic_gso", In: nc.HTTP | nc.Server, Arity: nc.Flag},
	{Name: "quic_host_key", In: nc.HTTP | nc.Server, Arity: nc.Take1},
	{Name: "quic_active_connection_id_limit", In: nc.HTTP | nc.Server, Arity: nc.Take1},
	{Name: "quic_bpf", In: nc.Main, Arity: nc.Flag},
}

// newerProtocols are the protocols that a configuration asks for and does not
// get, and where.
type newerProtocols map[string][]nc.Pos

func (n newerProtocols) ask(protocol string, at nc.Pos) {
	if !slices.ContainsFunc(n[protocol], func(p nc.Pos) bool { return p.File == at.File && p.Line == at.Line }) {
		n[protocol] = append(n[protocol], at)
	}
}

// warn says once for each protocol what clients get instead.
func (n newerProtocols) warn(s *nc.Scope) {
	for _, protocol := range []string{"HTTP/3"} {
		if at := n[protocol]; len(at) > 0 {
			s.WarnAllAt(at, "%s is not supported yet: clients are served HTTP/2 or HTTP/1.1", protocol)
		}
	}
}

func readNewerProtocol(protocol string) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		on, err := nc.ParseFlag(d.Args[0])
		if err == nil && on {
			BlockOf(s).HTTP.newer.ask(protocol, d.Pos)
		}
		return err
	}
}
