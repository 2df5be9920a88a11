package access

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"tandem/internal/hostnames"
	"tandem/internal/regex"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/message"
)

// Referer is the referer module:
//
//	valid_referers none | blocked | server_names | NAME[/PATH] | ~REGEX ...;
//
// and the variable $invalid_referer, "1" or empty.
var Referer = &web.Module{
	Name: "referer",
	Commands: []nc.Command{
		{Name: "valid_referers", In: nc.Server | nc.Location, Arity: nc.OneMore, Set: readValidReferers},
		// The shape of nginx's hash tables cannot be seen from outside.
		{Name: "referer_hash_max_size", In: nc.Server | nc.Location, Arity: nc.Take1},
		{Name: "referer_hash_bucket_size", In: nc.Server | nc.Location, Arity: nc.Take1},
	},
	Variables: []web.Variable{{Name: "invalid_referer", Get: invalidReferer, Cached: true, Changeable: true}},
	Init: func(h *web.HTTP) (err error) {
		h.Each(func(l *web.Location) {
			if c := refererSlot.Of(l); c.own && c.V.serverNames {
				err = errors.Join(err, c.V.addServerNames(l.Server))
			}
		})
		return err
	},
}

// refererSettings are what a level says; own is false where it was inherited.
type refererSettings struct {
	nc.Value[*referers]
	own bool
}

// referers are the valid values of the Referer header. Pages are named by host
// name and the beginning of their path, "" for any.
type referers struct {
	none, blocked, serverNames bool

	pages       hostnames.Table[string]
	regexes     []*regex.Regexp // for all that follows the scheme
	hostRegexes []*regex.Regexp // for the host only
}

var refererSlot = web.NewLocationSlot(func(c, p *refererSettings) error {
	c.own = c.Set
	c.Inherit(p.Value, nil)
	v := c.V
	if c.own && (v.none || v.blocked) && v.pages.Empty() && !v.serverNames {
		return errors.New("the \"none\" or \"blocked\" referers are specified in the \"valid_referers\" directive without any valid referer")
	}
	return nil
})

func readValidReferers(s *nc.Scope, d *nc.Directive) error {
	c := refererSlot.Of(web.BlockOf(s).Location)
	if !c.Set {
		c.V, c.Set = new(referers), true
	}
	for _, word := range d.Args {
		if err := c.V.add(word); err != nil {
			return err
		}
	}
	return nil
}

func (v *referers) add(word string) error {
	switch {
	case word == "":
		return fmt.Errorf("invalid referer \"%s\"", word)
	case word == "none":
		v.none = true
	case word == "blocked":
		v.blocked = true
	case word == "server_names":
		v.serverNames = true
	case word == "~":
		return fmt.Errorf("empty regex in \"%s\"", word)
	case word[0] == '~':
		re, err := regex.Compile(word[1:], true)
		if err != nil {
			return err
		}
		v.regexes = append(v.regexes, re)
	default:
		host, path := word, ""
		if i := strings.IndexByte(word, '/'); i >= 0 {
			host, path = word[:i], word[i:]
		}
		return v.addPage(host, path)
	}
	return nil
}

func (v *referers) addPage(host, path string) error {
	switch err := v.pages.Add(host, path); {
	case errors.Is(err, hostnames.ErrConflict):
		return fmt.Errorf("conflicting parameter \"%s\"", host)
	case err != nil:
		return fmt.Errorf("invalid hostname or wildcard \"%s\"", host)
	}
	return nil
}

// addServerNames makes pages of the server's own names valid.
func (v *referers) addServerNames(srv *web.Server) error {
	for _, name := range srv.Names {
		if re := name.Regexp(); re != nil {
			v.hostRegexes = append(v.hostRegexes, re)
			continue
		}
		if err := v.addPage(name.Text, ""); err != nil {
			return err
		}
	}
	return nil
}

func invalidReferer(r *web.Request, dst []byte) ([]byte, bool) {
	v := refererSlot.Of(r.Location).V
	if v == nil || v.valid(r) {
		return dst, true
	}
	return append(dst, '1'), true
}

// maxRefererHost is the longest host that is looked for.
const maxRefererHost = 256

func (v *referers) valid(r *web.Request) bool {
	if v.pages.Empty() && v.regexes == nil && v.hostRegexes == nil {
		return true
	}
	value := r.Header(message.Referer)
	if value == nil {
		return v.none
	}
	rest, ok := cutScheme(value)
	if !ok {
		return v.blocked
	}
	end := bytes.IndexAny(rest, "/:")
	if end < 0 {
		end = len(rest)
	}
	if end > maxRefererHost {
		return false
	}
	host := append(r.Scratch(), rest[:end]...)
	defer func() { r.Unscratch(host) }()
	for i, c := range host {
		if c >= 'A' && c <= 'Z' {
			host[i] = c | 0x20
		}
	}
	if path, found := v.pages.Find(host); found {
		slash := bytes.IndexByte(rest[end:], '/')
		return path == "" || slash >= 0 && bytes.HasPrefix(rest[end+slash:], []byte(path))
	}
	return anyMatch(v.hostRegexes, host) || anyMatch(v.regexes, rest)
}

func anyMatch(regexes []*regex.Regexp, subject []byte) bool {
	for _, re := range regexes {
		if re.Match(subject) {
			return true
		}
	}
	return false
}

// cutScheme returns what follows http:// or https://. Anything shorter than
// the shortest name of the Internet is not taken for an address.
func cutScheme(value []byte) ([]byte, bool) {
	if len(value) < len("http://i.ru") {
		return nil, false
	}
	for _, scheme := range []string{"http://", "https://"} {
		if strings.EqualFold(string(value[:len(scheme)]), scheme) {
			return value[len(scheme):], true
		}
	}
	return nil, false
}
