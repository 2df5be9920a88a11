package block

import (
	"fmt"
	"math/rand/v2"
	"strings"

	nc "tandem/nginxconf"
	"tandem/proxy/upstream"
	"tandem/session"
)

// balanceCommands are the directives of an upstream block that choose how its
// peers are balanced.
func balanceCommands(in session.Contexts) []nc.Command {
	return []nc.Command{
		{Name: "least_conn", In: in.Upstream, Arity: nc.NoArgs, Set: func(s *nc.Scope, d *nc.Directive) error {
			blockOf(s).balance(s, d, upstream.LeastConn{}, true)
			return nil
		}},
		{Name: "hash", In: in.Upstream, Arity: nc.Take12, Set: readHash},
		{Name: "random", In: in.Upstream, Arity: nc.NoArgs | nc.Take12, Set: readRandom},
		{Name: "least_time", In: in.Upstream, Arity: nc.Take12, Set: readLeastTime},
	}
}

// httpBalanceCommands are those that only http has.
var httpBalanceCommands = []nc.Command{
	{Name: "ip_hash", In: nc.Upstream, Arity: nc.NoArgs, Set: func(s *nc.Scope, d *nc.Directive) error {
		blockOf(s).balance(s, d, upstream.IPHash{}, false)
		return nil
	}},
}

// balance makes bal the block's balancer; backups says whether it leaves
// requests to backup servers.
func (b *block) balance(s *nc.Scope, d *nc.Directive, bal upstream.Balancer, backups bool) {
	if b.balancer != nil {
		s.Warnf(d, "load balancing method redefined")
	}
	b.balancer, b.noBackup = bal, !backups
}

// readHash reads hash key [consistent].
func readHash(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	key, err := b.realm.Template(d, d.Args[0])
	if err != nil {
		return err
	}
	b.key = key
	switch {
	case len(d.Args) == 1:
		b.balance(s, d, upstream.Hash{}, false)
	case d.Args[1] == "consistent":
		b.balance(s, d, upstream.ConsistentHash{}, false)
	default:
		return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
	}
	return nil
}

// readRandom reads random [two [least_conn | least_time=header |
// least_time=last_byte]].
func readRandom(s *nc.Scope, d *nc.Directive) error {
	r := upstream.Random{Dice: rand.IntN}
	for i, arg := range d.Args {
		method, mode, timed := strings.Cut(arg, "=")
		switch {
		case i == 0 && arg == "two":
			r.Two = true
		case i == 1 && arg == "least_conn":
		case i == 1 && timed && method == "least_time" && timeOf(s, mode) != nil:
			r.Time = timeOf(s, mode)
		default:
			return fmt.Errorf("invalid parameter \"%s\"", arg)
		}
	}
	blockOf(s).balance(s, d, r, false)
	return nil
}

// timeOf returns what a word says that is to be least, nil for an unknown one: header
// or last_byte, in stream connect, first_byte or last_byte.
func timeOf(s *nc.Scope, word string) *upstream.LeastTime {
	switch {
	case word == "last_byte":
		return &upstream.LeastTime{}
	case word == "header" && s.Context == nc.Upstream, word == "first_byte" && s.Context == nc.StreamUpstream:
		return &upstream.LeastTime{Header: true}
	case word == "connect" && s.Context == nc.StreamUpstream:
		return &upstream.LeastTime{Connect: true}
	}
	return nil
}

// readLeastTime reads least_time header | last_byte [inflight], with other words in
// stream.
func readLeastTime(s *nc.Scope, d *nc.Directive) error {
	l := timeOf(s, d.Args[0])
	if l == nil {
		return fmt.Errorf("invalid value \"%s\"", d.Args[0])
	}
	if len(d.Args) == 2 {
		if d.Args[1] != "inflight" {
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
		l.Inflight = true
	}
	blockOf(s).balance(s, d, *l, true)
	return nil
}

// Start begins a session's way through the peers of t.
func (t *Target) Start(sel *upstream.Selection, s *session.Session) {
	sel.Start(t.Group)
	b := t.block
	if b == nil {
		return
	}
	if b.key != nil {
		sel.Key = b.key.Value(s)
	}
	sel.Client = s.RemoteAddr().Addr()
}
