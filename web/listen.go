package web

import (
	"slices"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/virtual"
)

// Port is one socket to listen on, with the addresses that share it.
type Port = virtual.Port[*Server]

// addrServers are the servers of one address.
type addrServers = virtual.Address[*Server]

func readListen(s *nc.Scope, d *nc.Directive) error {
	return BlockOf(s).Server.listen(d.Pos, d.Args)
}

func (srv *Server) listen(pos nc.Pos, words []string) error {
	words = slices.Clone(words)
	for i := range words {
		if i > 0 && words[i] == "default" {
			words[i] = "default_server" // its old name
		}
	}
	http2, quic := false, false
	more, err := virtual.ReadListen(pos, words, "80", func(word string) bool {
		switch word {
		case "http2":
			http2 = true
		case "quic":
			quic = true
		default:
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	if quic {
		// A socket of UDP, on which nobody would be served.
		srv.HTTP.newer.ask("HTTP/3", pos)
		srv.quic = true
		return nil
	}
	if srv.listens, err = virtual.Add(srv.listens, more, words[0]); err != nil {
		return err
	}
	if http2 {
		for _, l := range more {
			srv.http2At = append(srv.http2At, l.Addr)
		}
	}
	return nil
}

// Virtual implements virtual.Server.
func (srv *Server) Virtual() ([]virtual.Listen, []virtual.Name, *session.Server) {
	return srv.listens, srv.Names, &srv.Server
}

// arrangePorts groups the listen directives of all servers by socket.
func (h *HTTP) arrangePorts(s *nc.Scope) {
	h.Ports = virtual.Arrange(s, h.Servers)
	for _, p := range h.Ports {
		p.Addresses(func(a *addrServers) {
			asks := func(srv *Server) bool { return slices.Contains(srv.http2At, a.Addr) }
			if slices.ContainsFunc(a.Servers, asks) {
				// As in nginx, for all servers of the address.
				for _, srv := range a.Servers {
					srv.http2 = true
				}
			}
		})
	}
}
