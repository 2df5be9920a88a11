// Package checker asks the peers of an upstream block at intervals how they are: the
// parameters and the work that health_check has whatever is asked, of http and of
// stream. How a peer is asked, and what is a good answer, is told by its users.
package checker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/proxy/upstream"
)

// Checker is one health_check directive, and the work that it asks for.
type Checker struct {
	Interval  time.Duration // from the end of one check of a peer to the next
	Jitter    time.Duration // up to which each is delayed besides
	MatchName string        // "": none
	Port      uint16        // 0: the peer's own
	Check     upstream.Check

	// What follows is known once the configuration has been read.
	Upstream string // its name
	Group    *upstream.Group
	Limit    time.Duration // for one check of a peer
	Ask      Ask
	Log      func() *errorlog.Log
}

// New returns a Checker with nginx's defaults.
func New() Checker {
	return Checker{Interval: 5 * time.Second, Check: upstream.Check{Fails: 1, Passes: 1}}
}

// ErrParameter is an error of a parameter that Read tells in nginx's words.
var ErrParameter = errors.New("invalid parameter")

// Read reads the parameters [interval=time] [jitter=time] [fails=number]
// [passes=number] [mandatory [persistent]] [match=name] [port=number], and has others
// taken by more: those with a value and those without, which have valued false.
func (c *Checker) Read(args []string, more func(name, value string, valued bool) error) error {
	for i, arg := range args {
		name, value, valued := strings.Cut(arg, "=")
		known, err := true, error(nil)
		if valued {
			known, err = c.parameter(name, value)
		} else {
			known = c.word(arg, args[:i])
		}
		if !known {
			err = more(name, value, valued)
		}
		if err == ErrParameter {
			err = fmt.Errorf("invalid parameter \"%s\"", arg)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// word takes a parameter without a value; before are those in front of it.
func (c *Checker) word(word string, before []string) (known bool) {
	switch {
	case word == "mandatory":
		c.Check.Mandatory = true
	case word == "persistent" && len(before) > 0 && before[len(before)-1] == "mandatory":
		c.Check.Persistent = true
	default:
		return false
	}
	return true
}

func (c *Checker) parameter(name, value string) (known bool, err error) {
	switch name {
	case "interval":
		if c.Interval, err = nc.ParseMsec(value); c.Interval == 0 {
			err = ErrParameter
		}
	case "jitter":
		c.Jitter, err = nc.ParseMsec(value)
	case "fails":
		c.Check.Fails, err = parseCount(value)
	case "passes":
		c.Check.Passes, err = parseCount(value)
	case "match":
		if c.MatchName = value; value == "" {
			err = ErrParameter
		}
	case "port":
		var port uint64
		port, err = strconv.ParseUint(value, 10, 16)
		if c.Port = uint16(port); port == 0 {
			err = ErrParameter
		}
	default:
		return false, nil
	}
	if err != nil {
		err = ErrParameter
	}
	return true, err
}

func parseCount(value string) (int, error) {
	n, err := nc.ParseNumber(value)
	if err == nil && n == 0 {
		err = nc.ErrInvalidNumber
	}
	return n, err
}
