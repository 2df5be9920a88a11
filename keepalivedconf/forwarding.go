package keepalivedconf

import "tandem/vserver/table"

// forwarding is lvs_method, in which a real server may follow its virtual server.
type forwarding struct {
	set    bool
	method table.Method
	tunnel table.Tunnel
}

// methods are the words of lvs_method.
var methods = map[string]table.Method{"NAT": table.Masquerading, "DR": table.DirectRouting, "TUN": table.Tunneling}

// forward reads "lvs_method NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]"; kind is of the server, for the reports.
func (b *builder) forward(s *Statement, into *forwarding, kind string) {
	method, ok := methods[s.Arg(1)]
	if !ok {
		b.err(s, "PARSER : unknown [%s] routing method for %s server.", s.Arg(1), kind)
		return
	}
	into.set, into.method = true, method
	var t table.Tunnel
	for at := 2; at < len(s.Words); at++ {
		word, more := s.Arg(at), at+1 < len(s.Words)
		switch word {
		case "type":
			if !more {
				b.err(s, "Missing tunnel type for %s server.", kind)
				return
			}
			at++
			switch s.Arg(at) {
			case "ipip":
				t.Type = table.IPIP
			case "gue":
				t.Type = table.GUE
			case "gre":
				t.Type = table.GRE
			default:
				b.err(s, "Unknown tunnel type %s for %s server.", s.Arg(at), kind)
				return
			}
		case "port":
			if !more {
				b.err(s, "Missing port for %s server gue tunnel.", kind)
				return
			}
			at++
			port, ok := b.unsigned(s, s.Arg(at), 1, 65535)
			if !ok {
				b.err(s, "Invalid gue tunnel port %s for %s server.", s.Arg(at), kind)
				return
			}
			t.Port = uint16(port)
		case "nocsum":
			t.Checksum = table.NoChecksum
		case "csum":
			t.Checksum = table.WithChecksum
		case "remcsum":
			t.Checksum = table.RemoteChecksum
		default:
			b.err(s, "Invalid tunnel option %s for %s server.", word, kind)
			return
		}
	}
	switch {
	case (t.Type == table.GUE) != (t.Port != 0):
		b.err(s, "gue tunnels require port, otherwise cannot have port.")
	case t.Type == table.IPIP && t.Checksum != table.NoChecksum:
		b.err(s, "ipip tunnels do not support checksum option.")
	case t.Type == table.GRE && t.Checksum == table.RemoteChecksum:
		b.err(s, "gre tunnels do not support remote checksum option.")
	default:
		into.tunnel = t
	}
}
