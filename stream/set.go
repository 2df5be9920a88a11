package stream

import (
	"fmt"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
)

// Set is nginx's set module:
//
//	set $variable value;
//
// Variables are set before it is asked who may, and not again when a name has chosen
// another server.
var Set = &Module{Name: "set", Commands: []nc.Command{
	{Name: "set", In: nc.StreamServer, Arity: nc.Take2, Set: readSet},
}, Init: func(st *Stream) error {
	for _, srv := range st.Servers {
		if setSlot.Of(&srv.Level).list != nil {
			st.Handle(session.Limit, setVariables)
			break
		}
	}
	return nil
}}

// assignments are the set directives of a server.
type assignments struct{ list []assignment }

type assignment struct {
	to    session.VariableRef
	value *session.Template
}

var setSlot = session.NewLevelSlot[assignments](nil)

func readSet(s *nc.Scope, d *nc.Directive) error {
	srv := ServerOf(s)
	name, ok := strings.CutPrefix(d.Args[0], "$")
	if !ok || name == "" {
		return fmt.Errorf("invalid variable name \"%s\"", d.Args[0])
	}
	to, err := srv.Stream.SettableVariable(name, unset)
	if err != nil {
		return err
	}
	value, err := srv.Stream.Template(d, d.Args[1])
	if err != nil {
		return err
	}
	c := setSlot.Of(&srv.Level)
	c.list = append(c.list, assignment{to, value})
	return nil
}

// unset is a variable that nothing has been stored in.
func unset(_ *session.Session, dst []byte) ([]byte, bool) { return dst, false }

func setVariables(s *session.Session) session.Code {
	for _, a := range setSlot.Of(s.Level()).list {
		a.to.Store(s, a.value.Value(s))
	}
	return session.Declined
}
