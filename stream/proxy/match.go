package proxy

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"tandem/internal/regex"
	nc "tandem/nginxconf"
	"tandem/session"
)

// match is one match block: what a peer is sent, and what it is to answer.
type match struct {
	send   []byte // nil: nothing
	expect []byte // what the answer is to have in it; nil: see re
	re     *regex.Regexp
}

// matchesSlot holds the match blocks by name.
var matchesSlot = session.NewRealmSlot[map[string]*match]()

// readMatch reads match name { send string; expect string | ~ regex | ~* regex; }.
func readMatch(s *nc.Scope, d *nc.Directive) error {
	all := matchesSlot.Of(session.BlockOf(s).Realm)
	if (*all)[d.Args[0]] != nil {
		return fmt.Errorf("duplicate match \"%s\"", d.Args[0])
	}
	m := new(match)
	for _, e := range d.Block {
		s.Report(e, m.add(e))
	}
	if *all == nil {
		*all = make(map[string]*match)
	}
	(*all)[d.Args[0]] = m
	return nil
}

func (m *match) add(e *nc.Directive) error {
	switch {
	case e.IsBlock:
		return fmt.Errorf("directive \"%s\" is not terminated by \";\"", e.Name)
	case e.Name == "send" && m.send != nil, e.Name == "expect" && (m.expect != nil || m.re != nil):
		return nc.ErrDuplicate
	case e.Name == "send" && len(e.Args) == 1:
		var err error
		m.send, err = unescape(e.Args[0])
		return err
	case e.Name == "expect" && len(e.Args) == 1:
		var err error
		m.expect, err = unescape(e.Args[0])
		return err
	case e.Name == "expect" && len(e.Args) == 2 && (e.Args[0] == "~" || e.Args[0] == "~*"):
		var err error
		m.re, err = regex.Compile(e.Args[1], e.Args[0] == "~*")
		return err
	case e.Name == "send" || e.Name == "expect":
		return fmt.Errorf("invalid number of arguments in \"%s\" directive", e.Name)
	}
	return fmt.Errorf("unknown directive \"%s\" in a match block", e.Name)
}

// unescape reads a literal, in which \xHH is a byte.
func unescape(text string) ([]byte, error) {
	if text == "" {
		return nil, errors.New("empty string")
	}
	b := []byte(text)
	out := make([]byte, 0, len(b))
	for {
		i := bytes.Index(b, []byte(`\x`))
		if i < 0 {
			return append(out, b...), nil
		}
		out = append(out, b[:i]...)
		if len(b) < i+4 {
			return nil, fmt.Errorf("invalid hex literal in \"%s\"", text)
		}
		var one [1]byte
		if _, err := hex.Decode(one[:], b[i+2:i+4]); err != nil {
			return nil, fmt.Errorf("invalid hex literal in \"%s\"", text)
		}
		out, b = append(out, one[0]), b[i+4:]
	}
}

// wantsAnswer reports whether something is to come.
func (m *match) wantsAnswer() bool { return m != nil && (m.expect != nil || m.re != nil) }

// found reports whether an answer is what is expected, as far as it has come.
func (m *match) found(answer []byte) (bool, error) {
	if m.re != nil {
		return m.re.Try(answer)
	}
	return bytes.Contains(answer, m.expect), nil
}
