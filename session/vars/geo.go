package vars

import (
	"errors"
	"fmt"
	"net/netip"

	"tandem/internal/cidr"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Geo is the geo module:
//
//	geo [$ADDRESS] $VARIABLE { NETWORK VALUE; ... }
//
// with the special entries default, delete, ranges, volatile and include, and with
// proxy and proxy_recursive where sessions come through proxies that say for whom:
// forwarded is not nil then.
func Geo(forwarded Forwarded) func(session.Contexts) *session.Module {
	return func(in session.Contexts) *session.Module {
		return &session.Module{Name: "geo", Commands: []nc.Command{
			{Name: "geo", In: in.Block, Arity: nc.Block | nc.Take12, Set: func(s *nc.Scope, d *nc.Directive) error { return readGeo(s, d, forwarded) }},
		}}
	}
}

// Forwarded returns the address that a session has come from to peer through
// trusted proxies, as they tell it: the last one that they tell, or with recursive
// the last that is not trusted.
type Forwarded func(s *session.Session, peer netip.AddrPort, trusted *cidr.Set, recursive bool) netip.AddrPort

// geo is one geo block.
type geo struct {
	address   *session.VariableRef // nil: the client's own address
	forwarded Forwarded
	proxies   cidr.Set
	recursive bool
	networks  *networkTable // nil with ranges
	ranges    *rangeTable   // nil without
}

// geoReader reads the entries of a geo block.
type geoReader struct {
	s        *nc.Scope
	g        *geo
	volatile bool
	networks networkBuilder
	ranges   *rangeTable
}

func readGeo(s *nc.Scope, d *nc.Directive, forwarded Forwarded) error {
	r := session.BlockOf(s).Realm
	g := &geo{forwarded: forwarded}
	if len(d.Args) == 2 {
		name, err := variableName(d.Args[0])
		if err != nil {
			return err
		}
		v := r.Variable(d, name)
		g.address = &v
	}
	name, err := variableName(d.Args[len(d.Args)-1])
	if err != nil {
		return err
	}
	reader := &geoReader{s: s, g: g}
	eachEntry(s, d, reader.entry)
	if g.ranges = reader.ranges; g.ranges == nil {
		g.networks = reader.networks.table()
	}
	return r.DefineVariable(name, g.get, !reader.volatile)
}

func (gr *geoReader) entry(e *nc.Directive, words []string) error {
	if len(words) == 1 {
		switch words[0] {
		case "ranges":
			if !gr.networks.empty() {
				return errors.New("the \"ranges\" directive must be the first directive inside \"geo\" block")
			}
			if gr.ranges == nil {
				gr.ranges = new(rangeTable)
			}
			return nil
		case "volatile":
			gr.volatile = true
			return nil
		case "proxy_recursive":
			if gr.g.forwarded != nil {
				gr.g.recursive = true
				return nil
			}
		}
	}
	if len(words) != 2 {
		return errors.New("invalid number of the geo parameters")
	}
	switch {
	case words[0] == "proxy" && gr.g.forwarded != nil:
		network, err := gr.network(e, words[1])
		if err == nil {
			gr.g.proxies.Add(network)
		}
		return err
	case gr.ranges != nil:
		return gr.rangeEntry(e, words[0], words[1])
	default:
		return gr.networkEntry(e, words[0], words[1])
	}
}

func (gr *geoReader) network(e *nc.Directive, text string) (netip.Prefix, error) {
	if text == "255.255.255.255" {
		return netip.PrefixFrom(noAddress, 32), nil
	}
	network, exact, ok := cidr.Parse(text)
	if !ok {
		return network, fmt.Errorf("invalid network \"%s\"", text)
	}
	if !exact {
		gr.s.Warnf(e, "low address bits of %s are meaningless", text)
	}
	return network, nil
}

var defaultNetworks = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func (gr *geoReader) networkEntry(e *nc.Directive, key, value string) error {
	networks, written := defaultNetworks, key
	if key != "default" {
		if key == "delete" {
			written = value
		}
		network, err := gr.network(e, written)
		if err != nil {
			return err
		}
		networks = []netip.Prefix{network}
	}
	for _, network := range networks {
		if key == "delete" {
			if !gr.networks.remove(network) {
				gr.s.Warnf(e, "no network \"%s\" to delete", written)
			}
			continue
		}
		if old, ok := gr.networks.add(network, value); ok {
			gr.s.Warnf(e, "duplicate network \"%s\", value: \"%s\", old value: \"%s\"", written, value, old)
		}
	}
	return nil
}

func (gr *geoReader) rangeEntry(e *nc.Directive, key, value string) error {
	t := gr.ranges
	if key == "default" {
		if t.hasDefault {
			gr.s.Warnf(e, "duplicate default geo range value: \"%s\", old value: \"%s\"", value, t.deflt)
		}
		t.deflt, t.hasDefault = value, true
		return nil
	}
	written := key
	if key == "delete" {
		written = value
	}
	start, end, ok := parseRange(written)
	if !ok {
		return fmt.Errorf("invalid range \"%s\"", written)
	}
	if key == "delete" {
		if !t.remove(start, end) {
			gr.s.Warnf(e, "no address range \"%s\" to delete", written)
		}
		return nil
	}
	duplicate, overlap := t.add(start, end, value)
	for _, old := range duplicate {
		gr.s.Warnf(e, "duplicate range \"%s\", value: \"%s\", old value: \"%s\"", written, value, old)
	}
	if overlap != "" {
		return fmt.Errorf("range \"%s\" overlaps \"%s\"", written, overlap)
	}
	return nil
}

// noAddress is what stands for clients without an IP address.
var noAddress = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func (g *geo) get(s *session.Session, dst []byte) ([]byte, bool) {
	addr := g.find(s)
	if g.ranges != nil {
		return append(dst, g.ranges.find(addr)...), true
	}
	return append(dst, g.networks.find(addr)...), true
}

// find returns the address that the session is judged by.
func (g *geo) find(s *session.Session) netip.Addr {
	peer := s.RemoteAddr()
	if g.address != nil {
		text, _ := g.address.Append(s, s.Scratch())
		addr, ok := cidr.ParseAddr(text)
		s.Unscratch(text)
		if !ok {
			return noAddress
		}
		peer = netip.AddrPortFrom(addr, 0)
	}
	if !g.proxies.Empty() {
		peer = g.forwarded(s, peer, &g.proxies, g.recursive)
	}
	if !peer.Addr().IsValid() {
		return noAddress
	}
	return peer.Addr().Unmap()
}
