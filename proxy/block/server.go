package block

import (
	"errors"
	"fmt"
	"strings"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/upstream"
)

// server is a server directive of an upstream block.
type server struct {
	upstream.Server
	location upstream.Location
	pos      nc.Pos
	resolve  bool   // the name is looked up while requests are served
	service  string // of the name, by SRV records
}

const defaultFailTimeout = 10 * time.Second

// readServer reads server address [parameters].
func readServer(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	srv, err := b.parseServer(d.Args[0], d.Args[1:])
	if err != nil {
		return err
	}
	srv.pos = d.Pos
	b.servers = append(b.servers, srv)
	return nil
}

// parseServer reads what a server directive says.
func (b *block) parseServer(name string, params []string) (server, error) {
	srv := server{Server: upstream.Server{Name: name, Weight: 1, MaxFails: 1, FailTimeout: defaultFailTimeout}}
	for _, p := range params {
		if err := srv.parameter(b, p); err != nil {
			return srv, err
		}
	}
	if srv.service != "" && !srv.resolve {
		return srv, fmt.Errorf("service upstream \"%s\" requires \"resolve\" parameter", name)
	}
	l, err := upstream.ParseLocation(name, 80, false)
	if err != nil {
		return srv, fmt.Errorf("%w in upstream \"%s\"", err, name)
	}
	srv.location = l
	switch {
	case srv.service != "" && l.Written:
		return srv, fmt.Errorf("service upstream \"%s\" may not have port", name)
	case srv.service != "" && l.Literal:
		return srv, fmt.Errorf("service upstream \"%s\" requires domain name", name)
	}
	return srv, nil
}

// maxRoute is the length of a route at most.
const maxRoute = 32

func (srv *server) parameter(b *block, p string) error {
	name, value, _ := strings.Cut(p, "=")
	var err error
	switch name {
	case "weight":
		srv.Weight, err = nc.ParseNumber(value)
		if srv.Weight == 0 {
			err = nc.ErrInvalidNumber
		}
	case "max_conns":
		srv.MaxConns, err = nc.ParseNumber(value)
	case "max_fails":
		srv.MaxFails, err = nc.ParseNumber(value)
	case "fail_timeout":
		srv.FailTimeout, err = nc.ParseSec(value)
	case "slow_start":
		srv.SlowStart, err = nc.ParseMsec(value)
	case "service":
		if srv.service = value; value == "" {
			return errors.New("service is empty")
		}
	case "route":
		switch srv.Route = value; {
		case value == "":
			return errors.New("route is empty")
		case len(value) > maxRoute:
			return fmt.Errorf("route is longer than %d", maxRoute)
		}
	default:
		return srv.word(b, p)
	}
	if err != nil {
		return fmt.Errorf("invalid parameter \"%s\"", p)
	}
	return nil
}

// word takes a parameter without a value.
func (srv *server) word(b *block, p string) error {
	switch p {
	case "backup":
		if b.noBackup {
			return fmt.Errorf("balancing method does not support parameter \"%s\"", p)
		}
		srv.Backup = true
	case "down":
		srv.Down = true
	case "drain":
		srv.Drain = true
	case "resolve":
		srv.resolve = true
	default:
		return fmt.Errorf("invalid parameter \"%s\"", p)
	}
	return nil
}
