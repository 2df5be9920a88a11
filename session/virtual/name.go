// Package virtual is what has several servers share an address: the directives
// listen and server_name, and which server a client is for.
package virtual

import (
	"fmt"
	"os"
	"strings"

	"tandem/internal/hostnames"
	"tandem/internal/regex"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Name is one word of a server_name directive.
type Name struct {
	Text string // as written, lower-cased unless a regex
	re   *session.Regex
}

// Regexp returns the expression of a name that is one, else nil.
func (n Name) Regexp() *regex.Regexp {
	if n.re == nil {
		return nil
	}
	return n.re.Regexp
}

// First returns the first of a server's names, as $server_name does; "" without
// any.
func First(names []Name) string {
	if len(names) == 0 {
		return ""
	}
	return strings.TrimPrefix(names[0].Text, ".")
}

// ReadNames reads server_name name ...
func ReadNames(s *nc.Scope, d *nc.Directive) ([]Name, error) {
	var names []Name
	for _, text := range d.Args {
		name := Name{Text: strings.ToLower(text)}
		switch {
		case strings.HasPrefix(text, "~"):
			if len(text) == 1 {
				return nil, fmt.Errorf("empty regex in server name %q", text)
			}
			name.Text = text
			re, err := session.BlockOf(s).Realm.Regex(text[1:], caseless(text[1:]))
			if err != nil {
				return nil, err
			}
			name.re = re
		case text == "$hostname":
			host, err := os.Hostname()
			if err != nil {
				return nil, err
			}
			name.Text = strings.ToLower(host)
		case text == ".", strings.HasPrefix(text, "*") && (len(text) < 3 || text[1] != '.'):
			return nil, fmt.Errorf("server name \"%s\" is invalid", text)
		case strings.Contains(text, "/"):
			s.Warnf(d, "server name %q has suspicious symbols", text)
		}
		names = append(names, name)
	}
	return names, nil
}

// caseless: nginx lower-cases hosts before it compares them, so an expression
// with capital letters has to match without regard to case.
func caseless(text string) bool {
	return strings.ContainsAny(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// Names finds the server for a host among those of one address.
type Names[S any] struct {
	names   hostnames.Table[S]
	regexes []regexServer[S]
}

type regexServer[S any] struct {
	re  *session.Regex
	srv S
}

// add adds a name of a server; the error says that another server has it.
func (t *Names[S]) add(name Name, srv S) error {
	if name.re != nil {
		t.regexes = append(t.regexes, regexServer[S]{name.re, srv})
		return nil
	}
	return t.names.Add(name.Text, srv)
}

// Find returns the server for a lower-cased host: exact name, longest wildcard at
// the beginning, longest at the end, first matching regex. A regex leaves its
// captures in s.
func (t *Names[S]) Find(s *session.Session, host []byte) (srv S, ok bool) {
	return t.find(host, func(re *session.Regex) bool { return s.Match(re, host) })
}

// Match is Find for a name that comes before there is a session: captures are
// left to the Find of the session.
func (t *Names[S]) Match(host []byte) (srv S, ok bool) {
	return t.find(host, func(re *session.Regex) bool { return re.Regexp.Match(host) })
}

func (t *Names[S]) find(host []byte, match func(*session.Regex) bool) (srv S, ok bool) {
	if srv, ok = t.names.Find(host); ok || len(host) == 0 {
		return srv, ok
	}
	for _, e := range t.regexes {
		if match(e.re) {
			return e.srv, true
		}
	}
	return srv, false
}
