package block

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/upstream"
	"tandem/session"
)

// Order is a change of the servers of an upstream while it is at work.
type Order struct {
	Upstream string
	// Verb is what to do with the server: "add", "set" or "remove".
	Verb   string
	Server string // as its directive names it
	// Params are what a server directive has, and "up", which ends "down" and
	// "drain". Those that are not named stay as they are, or have their defaults.
	Params []string
}

// Errors of Change.
var (
	ErrNoUpstream = errors.New("there is no such upstream")
	ErrNoServer   = errors.New("there is no such server in the upstream")
	ErrExists     = errors.New("the server is in the upstream already")
)

// Change does what an order says, in the upstreams of a configuration at work. file
// and text are what the upstream's state directive has to keep; file is "" without
// one: the change is over with the next reload.
func Change(r *session.Realm, o Order) (file, text string, err error) {
	i := slices.IndexFunc(blocksOf(r), func(b *block) bool { return strings.EqualFold(b.name, o.Upstream) })
	if i < 0 {
		return "", "", ErrNoUpstream
	}
	b := blocksOf(r)[i]
	b.changing.Lock()
	defer b.changing.Unlock()
	switch o.Verb {
	case "add":
		err = b.add(o)
	case "set":
		err = b.set(o)
	case "remove":
		if b.group.RemoveServers(o.Server, time.Now()) == 0 {
			err = ErrNoServer
		}
	default:
		err = fmt.Errorf("add, set or remove is to be done with a server, not \"%s\"", o.Verb)
	}
	if err != nil || b.state == "" {
		return "", "", err
	}
	return b.state, b.stateText(), nil
}

func (b *block) add(o Order) error {
	if slices.ContainsFunc(b.group.Servers(), func(s upstream.Server) bool { return s.Name == o.Server }) {
		return ErrExists
	}
	srv, err := b.parseServer(o.Server, o.Params)
	switch {
	case err != nil:
		return err
	case !srv.location.Literal || srv.resolve:
		return errors.New("a server that is added while the process runs needs an address, not a name")
	}
	srv.Addrs = []upstream.Addr{srv.location.Addr}
	b.group.AddServer(&srv.Server, time.Now())
	return nil
}

func (b *block) set(o Order) error {
	// All parameters are right before one takes effect.
	check := server{Server: upstream.Server{Weight: 1}}
	if err := check.change(b, o.Params); err != nil {
		return err
	}
	if b.group.ChangeServers(o.Server, func(s *upstream.Server) {
		one := server{Server: *s}
		_ = one.change(b, o.Params)
		*s = one.Server
	}, time.Now()) == 0 {
		return ErrNoServer
	}
	return nil
}

// change takes parameters over that may change while a server is at work.
func (srv *server) change(b *block, params []string) error {
	for _, p := range params {
		name, _, _ := strings.Cut(p, "=")
		switch name {
		case "up":
			srv.Down, srv.Drain = false, false
		case "weight", "max_conns", "max_fails", "fail_timeout", "slow_start", "down", "drain":
			if err := srv.parameter(b, p); err != nil {
				return err
			}
		default:
			return fmt.Errorf("invalid parameter \"%s\"", p)
		}
	}
	return nil
}

// readState reads state file, which has the server directives that changes have
// left.
func readState(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	if b.state != "" {
		return nc.ErrDuplicate
	}
	b.state = s.Path(d.Args[0], false)
	tree, errs := nc.Read(b.state, nc.Options{ReadFile: readIfThere})
	for _, one := range tree.Main {
		if one.Name != "server" || len(one.Args) == 0 || one.IsBlock {
			s.ErrorAt(one.Pos, "\"%s\" directive is not allowed here", one.Name)
			continue
		}
		if err := readServer(s, one); err != nil {
			s.ErrorAt(one.Pos, "%v", err)
		}
	}
	if errs.Failed() {
		return fmt.Errorf("state file: %w", errs)
	}
	return nil
}

// readIfThere is os.ReadFile; a file that does not exist yet has no servers.
func readIfThere(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return text, err
}

// stateText returns the server directives that the group has now.
func (b *block) stateText() string {
	var text strings.Builder
	for _, s := range b.group.Servers() {
		text.WriteString("server " + strconv.Quote(s.Name))
		for _, p := range []struct {
			set  bool
			text string
		}{
			{s.Weight != 1, fmt.Sprintf("weight=%d", s.Weight)},
			{s.MaxConns != 0, fmt.Sprintf("max_conns=%d", s.MaxConns)},
			{s.MaxFails != 1, fmt.Sprintf("max_fails=%d", s.MaxFails)},
			{s.FailTimeout != defaultFailTimeout, fmt.Sprintf("fail_timeout=%ds", int(s.FailTimeout.Seconds()))},
			{s.SlowStart != 0, fmt.Sprintf("slow_start=%dms", s.SlowStart.Milliseconds())},
			{s.Route != "", strconv.Quote("route=" + s.Route)},
			{s.Backup, "backup"},
			{s.Down, "down"},
			{s.Drain, "drain"},
		} {
			if p.set {
				text.WriteString(" " + p.text)
			}
		}
		text.WriteString(";\n")
	}
	return text.String()
}
