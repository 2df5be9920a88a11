package check

import (
	"errors"
	"fmt"
	"math"
	"strings"

	nc "tandem/nginxconf"
	"tandem/proxy/checker"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/web"
)

// healthCheck is one health_check directive, and the work that it asks for.
type healthCheck struct {
	checker.Checker
	pos nc.Pos

	uri     string
	connect bool       // type=tcp: a connection is all that is asked for
	grpc    *grpcCheck // type=grpc; nil: another one
	keep    *upstream.Pool

	location *web.Location
	passer   *exchange.Passer
	match    *match // nil without a name: the status is to be 2xx or 3xx
}

// readCheck reads health_check [interval=time] [jitter=time] [fails=number]
// [passes=number] [uri=uri] [mandatory [persistent]] [match=name] [port=number]
// [keepalive_time=time] [type=http|tcp|grpc [grpc_service=name] [grpc_status=code]].
func readCheck(s *nc.Scope, d *nc.Directive) error {
	v := &slot.Of(web.BlockOf(s).Location).check
	if *v != nil {
		return nc.ErrDuplicate
	}
	c := &healthCheck{Checker: checker.New(), pos: d.Pos, uri: "/"}
	if err := c.Read(d.Args, c.parameter); err != nil {
		return err
	}
	if c.connect && (c.MatchName != "" || c.keep != nil || c.uri != "/") {
		return errors.New("\"type=tcp\" asks for a connection only: there is no \"uri\", \"match\" or \"keepalive_time\"")
	}
	if c.grpc != nil && (c.MatchName != "" || c.uri != "/") {
		return errors.New("\"type=grpc\" asks for the health service: there is no \"uri\" or \"match\"")
	}
	*v = c
	return nil
}

func (c *healthCheck) parameter(name, value string, valued bool) error {
	if !valued {
		return checker.ErrParameter
	}
	switch name {
	case "uri":
		if c.uri = value; !validURI(value) {
			return checker.ErrParameter
		}
	case "keepalive_time":
		most, err := nc.ParseMsec(value)
		if err != nil || most == 0 {
			return checker.ErrParameter
		}
		c.keep = &upstream.Pool{Max: math.MaxInt, Requests: math.MaxInt, Time: most, Timeout: most}
	case "type":
		switch value {
		case "http":
		case "tcp":
			c.connect = true
		case "grpc":
			c.grpc = new(grpcCheck)
		default:
			return checker.ErrParameter
		}
	case "grpc_service", "grpc_status":
		if c.grpc == nil {
			return fmt.Errorf("\"%s\" must follow \"type=grpc\"", name)
		}
		return c.grpc.parameter(name, value)
	default:
		return checker.ErrParameter
	}
	return nil
}

// validURI reports whether the text can be a request target.
func validURI(text string) bool {
	return strings.HasPrefix(text, "/") && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f })
}

// name is what the check is called in the log.
func (c *healthCheck) name() string {
	switch {
	case c.connect:
		return "tcp"
	case c.grpc != nil:
		return "grpc " + c.grpc.service
	case c.MatchName != "":
		return c.MatchName
	}
	return c.uri
}
