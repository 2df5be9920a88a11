package virtual

import (
	"fmt"
	"strings"

	"tandem/internal/listen"
	nc "tandem/nginxconf"
)

// Listen is a listen directive, as far as all servers have it alike.
type Listen struct {
	Addr          listen.Address
	Pos           nc.Pos
	Options       listen.Options
	TLS           bool
	ProxyProtocol bool

	given     bool // something was said of the socket itself
	isDefault bool
	backlog   bool // it was given
}

// ReadListen reads the words of a listen directive into one Listen for each
// address that the first stands for. port stands in for one that is not written;
// "": it has to be. own takes the words that only some servers know.
func ReadListen(pos nc.Pos, words []string, port string, own func(word string) bool) ([]Listen, error) {
	addrs, err := parseAddress(words[0], port)
	if err != nil {
		return nil, fmt.Errorf("%w of the \"listen\" directive", err)
	}
	l := Listen{Pos: pos, Options: listen.Options{IPv6Only: true}}
	for _, word := range words[1:] {
		if own(word) {
			continue
		}
		if err := l.word(word); err != nil {
			return nil, err
		}
	}
	list := make([]Listen, len(addrs))
	for i, a := range addrs {
		list[i] = l
		list[i].Addr = a
	}
	return list, nil
}

// OnlyConnections returns a word of the directive that says nothing of datagrams,
// "" for none.
func (l *Listen) OnlyConnections() string {
	o := &l.Options
	switch {
	case o.FastOpen > 0:
		return "fastopen"
	case l.backlog:
		return "backlog"
	case o.DeferAccept:
		return "deferred"
	case o.Multipath:
		return "multipath"
	case l.TLS:
		return "ssl"
	case o.KeepAlive.Set:
		return "so_keepalive"
	case l.ProxyProtocol:
		return "proxy_protocol"
	}
	return ""
}

// Add adds the addresses of a listen directive, which was written so, to those
// that a server has.
func Add(had, more []Listen, text string) ([]Listen, error) {
	for _, l := range more {
		for _, other := range had {
			if other.Addr == l.Addr {
				return nil, fmt.Errorf("a duplicate listen %s", text)
			}
		}
		had = append(had, l)
	}
	return had, nil
}

// word understands one word after the address.
func (l *Listen) word(word string) error {
	name, value, has := strings.Cut(word, "=")
	number := func(into *int) error {
		n, err := nc.ParseNumber(value)
		if err != nil || n == 0 && name == "backlog" {
			return fmt.Errorf("invalid %s \"%s\"", name, word)
		}
		*into, l.given, l.Options.Bind = n, true, true
		return nil
	}
	size := func(into *int) error {
		n, err := nc.ParseSize(value)
		if err != nil {
			return fmt.Errorf("invalid %s \"%s\"", name, word)
		}
		*into, l.given, l.Options.Bind = int(n), true, true
		return nil
	}
	socket := func(into *bool, v bool) error {
		*into, l.given, l.Options.Bind = v, true, true
		return nil
	}
	switch {
	case word == "default_server":
		l.isDefault = true
		return nil
	case word == "bind":
		l.given, l.Options.Bind = true, true
		return nil
	case word == "ssl":
		l.TLS = true
		return nil
	case word == "proxy_protocol":
		l.ProxyProtocol = true
		return nil
	case word == "reuseport":
		return socket(&l.Options.ReusePort, true)
	case word == "deferred":
		return socket(&l.Options.DeferAccept, true)
	case word == "multipath":
		return socket(&l.Options.Multipath, true)
	case !has:
	case name == "backlog":
		l.backlog = true
		return number(&l.Options.Backlog)
	case name == "rcvbuf":
		return size(&l.Options.RcvBuf)
	case name == "sndbuf":
		return size(&l.Options.SndBuf)
	case name == "fastopen":
		return number(&l.Options.FastOpen)
	case name == "accept_filter":
		return fmt.Errorf("accept filters \"%s\" are not supported on this platform, ignored", word)
	case name == "ipv6only" && strings.HasPrefix(value, "o"):
		if value != "on" && value != "off" {
			return fmt.Errorf("invalid ipv6only flags \"%s\"", value)
		}
		return socket(&l.Options.IPv6Only, value == "on")
	case name == "so_keepalive":
		l.given, l.Options.Bind = true, true
		return parseKeepalive(&l.Options.KeepAlive, value)
	}
	return fmt.Errorf("invalid parameter \"%s\"", word)
}

func parseKeepalive(k *listen.Keepalive, value string) error {
	k.Set = true
	switch value {
	case "on":
		k.On = true
		return nil
	case "off":
		return nil
	}
	bad := fmt.Errorf("invalid so_keepalive value: \"%s\"", value)
	idle, rest, _ := strings.Cut(value, ":")
	intvl, count, _ := strings.Cut(rest, ":")
	var err error
	if idle != "" {
		if k.Idle, err = nc.ParseSec(idle); err != nil {
			return bad
		}
	}
	if intvl != "" {
		if k.Intvl, err = nc.ParseSec(intvl); err != nil {
			return bad
		}
	}
	if count != "" {
		if k.Count, err = nc.ParseNumber(count); err != nil {
			return bad
		}
	}
	if k.Idle == 0 && k.Intvl == 0 && k.Count == 0 {
		return bad
	}
	k.On = true
	return nil
}
