package rewrite

import (
	"fmt"
	"strings"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// setInstruction is set $VARIABLE VALUE.
type setInstruction struct {
	variable session.VariableRef
	value    *session.Template
	literal  []byte // the value, if it is the same for every request
}

func readSet(s *nc.Scope, d *nc.Directive) error {
	name, ok := strings.CutPrefix(d.Args[0], "$")
	if !ok || name == "" {
		return fmt.Errorf("invalid variable name \"%s\"", d.Args[0])
	}
	h := web.BlockOf(s).HTTP
	i := new(setInstruction)
	var err error
	if i.variable, err = h.SettableVariable(name, unset(name)); err != nil {
		return err
	}
	if i.value, err = h.Template(d, d.Args[1]); err != nil {
		return err
	}
	if i.value.IsLiteral() {
		i.literal = []byte(d.Args[1])
	}
	add(s, i)
	return nil
}

// unset is the value of a variable before a set directive has been reached.
func unset(name string) session.Getter {
	name = strings.ToLower(name)
	return func(s *session.Session, dst []byte) ([]byte, bool) {
		if settingsSlot.Of(web.RequestOf(s).Location).warn.V {
			s.Logf(errorlog.Warn, "using uninitialized \"%s\" variable", name)
		}
		return dst, true
	}
}

func (i *setInstruction) run(r *web.Request, st state) state {
	if i.literal != nil {
		i.variable.Store(&r.Session, i.literal)
		return st
	}
	scratch := appendValue(i.value, r, r.Scratch(), st)
	i.variable.Store(&r.Session, r.Keep(scratch))
	r.Unscratch(scratch)
	return st
}

// appendValue appends the value of a set or a condition.
func appendValue(t *session.Template, r *web.Request, dst []byte, st state) []byte {
	if st.quote {
		return appendCaptures(t, r, dst)
	}
	return t.Append(&r.Session, dst)
}
