package check

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/web"
)

// healthCheck is one health_check directive, and the work that it asks for.
type healthCheck struct {
	pos nc.Pos

	interval  time.Duration // from the end of one check of a peer to the next
	jitter    time.Duration // up to which each is delayed besides
	uri       string
	matchName string     // "": the status is to be 2xx or 3xx
	port      uint16     // 0: the peer's own
	connect   bool       // type=tcp: a connection is all that is asked for
	grpc      *grpcCheck // type=grpc; nil: another one
	keep      *upstream.Pool
	check     upstream.Check

	location *web.Location
	passer   *exchange.Passer
	match    *match // nil without a name
	upstream string // its name
	group    *upstream.Group
}

// readCheck reads health_check [interval=time] [jitter=time] [fails=number]
// [passes=number] [uri=uri] [mandatory [persistent]] [match=name] [port=number]
// [keepalive_time=time] [type=http|tcp|grpc [grpc_service=name] [grpc_status=code]].
func readCheck(s *nc.Scope, d *nc.Directive) error {
	v := &slot.Of(web.BlockOf(s).Location).check
	if *v != nil {
		return nc.ErrDuplicate
	}
	c := &healthCheck{pos: d.Pos, interval: 5 * time.Second, uri: "/", check: upstream.Check{Fails: 1, Passes: 1}}
	for i, arg := range d.Args {
		var err error
		if name, value, valued := strings.Cut(arg, "="); valued {
			err = c.parameter(name, value)
		} else {
			err = c.word(arg, d.Args[:i])
		}
		if err == errParameter {
			err = fmt.Errorf("invalid parameter \"%s\"", arg)
		}
		if err != nil {
			return err
		}
	}
	if c.connect && (c.matchName != "" || c.keep != nil || c.uri != "/") {
		return errors.New("\"type=tcp\" asks for a connection only: there is no \"uri\", \"match\" or \"keepalive_time\"")
	}
	if c.grpc != nil && (c.matchName != "" || c.uri != "/") {
		return errors.New("\"type=grpc\" asks for the health service: there is no \"uri\" or \"match\"")
	}
	*v = c
	return nil
}

var errParameter = errors.New("invalid parameter")

// word takes a parameter without a value; before are those in front of it.
func (c *healthCheck) word(word string, before []string) error {
	switch {
	case word == "mandatory":
		c.check.Mandatory = true
	case word == "persistent" && len(before) > 0 && before[len(before)-1] == "mandatory":
		c.check.Persistent = true
	default:
		return errParameter
	}
	return nil
}

func (c *healthCheck) parameter(name, value string) error {
	var err error
	switch name {
	case "interval":
		if c.interval, err = nc.ParseMsec(value); c.interval == 0 {
			return errParameter
		}
	case "jitter":
		c.jitter, err = nc.ParseMsec(value)
	case "fails":
		c.check.Fails, err = parseCount(value)
	case "passes":
		c.check.Passes, err = parseCount(value)
	case "uri":
		if c.uri = value; !validURI(value) {
			return errParameter
		}
	case "match":
		if c.matchName = value; value == "" {
			return errParameter
		}
	case "port":
		var port uint64
		port, err = strconv.ParseUint(value, 10, 16)
		if c.port = uint16(port); port == 0 {
			return errParameter
		}
	case "keepalive_time":
		var most time.Duration
		if most, err = nc.ParseMsec(value); most == 0 {
			return errParameter
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
			return errParameter
		}
	case "grpc_service", "grpc_status":
		if c.grpc == nil {
			return fmt.Errorf("\"%s\" must follow \"type=grpc\"", name)
		}
		return c.grpc.parameter(name, value)
	default:
		return errParameter
	}
	if err != nil {
		return errParameter
	}
	return nil
}

func parseCount(value string) (int, error) {
	n, err := nc.ParseNumber(value)
	if err == nil && n == 0 {
		err = nc.ErrInvalidNumber
	}
	return n, err
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
	case c.matchName != "":
		return c.matchName
	}
	return c.uri
}
