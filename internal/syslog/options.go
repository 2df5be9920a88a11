// Package syslog sends log lines to a syslog server as nginx does: in the
// format of RFC 3164, over UDP or a unix datagram socket. Sending never waits; a
// line that the socket does not take is lost, as it may be on its way.
package syslog

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Options are the parameters of a "syslog:" target.
type Options struct {
	Server     string // host, host:port, [v6]:port or unix:path
	Facility   int
	Severity   int // of lines that have none of their own
	Tag        string
	NoHostname bool
}

// The numbers of RFC 3164, 4.1.1, by nginx's names.
var (
	facilities = []string{"kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv", "ftp", "ntp",
		"audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	severities = []string{"emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"}
)

// Defaults of nginx.
const (
	defaultFacility = 23 // local7
	defaultSeverity = 6  // info
	defaultTag      = "nginx"
	defaultPort     = "514"
)

// maxTag is the longest tag (RFC 3164, 5.3).
const maxTag = 32

// Prefix begins the name of a target that is a syslog server.
const Prefix = "syslog:"

// Parse reads what follows the prefix: parameters separated by commas. Errors
// are in nginx's words.
func Parse(text string) (Options, error) {
	o := Options{Facility: -1, Severity: -1}
	for word := range strings.SplitSeq(text, ",") {
		if err := o.parameter(word); err != nil {
			return o, err
		}
	}
	if o.Server == "" {
		return o, errors.New("no syslog server specified")
	}
	if o.Facility < 0 {
		o.Facility = defaultFacility
	}
	if o.Severity < 0 {
		o.Severity = defaultSeverity
	}
	if o.Tag == "" {
		o.Tag = defaultTag
	}
	return o, nil
}

func (o *Options) parameter(word string) error {
	name, value, given := strings.Cut(word, "=")
	switch {
	case given && name == "server":
		if o.Server != "" {
			return errors.New("duplicate syslog \"server\"")
		}
		o.Server = value
	case given && name == "facility":
		return number(&o.Facility, name, value, facilities)
	case given && name == "severity":
		return number(&o.Severity, name, value, severities)
	case given && name == "tag":
		if o.Tag != "" {
			return errors.New("duplicate syslog \"tag\"")
		}
		if len(value) > maxTag {
			return fmt.Errorf("syslog tag length exceeds %d", maxTag)
		}
		if strings.ContainsFunc(value, notInTag) {
			return errors.New("syslog \"tag\" only allows alphanumeric characters and underscore")
		}
		o.Tag = value
	case word == "nohostname":
		o.NoHostname = true
	default:
		return fmt.Errorf("unknown syslog parameter \"%s\"", word)
	}
	return nil
}

func number(into *int, name, value string, names []string) error {
	if *into >= 0 {
		return fmt.Errorf("duplicate syslog \"%s\"", name)
	}
	if *into = slices.Index(names, value); *into < 0 {
		return fmt.Errorf("unknown syslog %s \"%s\"", name, value)
	}
	return nil
}

func notInTag(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_')
}

// address finds out where the server is.
func (o *Options) address() (net.Addr, error) {
	if path, ok := strings.CutPrefix(o.Server, "unix:"); ok {
		if path == "" {
			return nil, fmt.Errorf("no path in the unix domain socket in syslog server \"%s\"", o.Server)
		}
		return &net.UnixAddr{Name: path, Net: "unixgram"}, nil
	}
	host, port, err := net.SplitHostPort(o.Server)
	if err != nil {
		host, port = strings.Trim(o.Server, "[]"), defaultPort
	}
	if _, err := net.LookupPort("udp", port); err != nil {
		return nil, fmt.Errorf("invalid port in syslog server \"%s\"", o.Server)
	}
	addr, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("host not found in syslog server \"%s\"", o.Server)
	}
	if addr.IP == nil {
		return nil, fmt.Errorf("no host in syslog server \"%s\"", o.Server)
	}
	return addr, nil
}
