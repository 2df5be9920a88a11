package rewrite

import (
	"fmt"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// returnInstruction is return CODE [TEXT | URL] and return URL.
type returnInstruction struct {
	status int
	value  *session.Template // nil without text
}

func readReturn(s *nc.Scope, d *nc.Directive) error {
	i := new(returnInstruction)
	text := ""
	status, err := nc.ParseNumber(d.Args[0])
	switch {
	case err != nil && len(d.Args) == 1 && leavesServer(d.Args[0]):
		i.status, text = 302, d.Args[0]
	case err != nil || status > 999:
		return fmt.Errorf("invalid return code \"%s\"", d.Args[0])
	default:
		i.status = status
		if len(d.Args) == 2 {
			text = d.Args[1]
		}
	}
	if text != "" {
		if i.value, err = web.BlockOf(s).HTTP.Template(d, text); err != nil {
			return err
		}
	}
	add(s, i)
	return nil
}

func (i *returnInstruction) run(r *web.Request, st state) state {
	if i.status < 400 || i.value != nil {
		return st.end(r.SendResponse(i.status, nil, i.value))
	}
	return st.end(web.Code(i.status))
}

// breakInstruction is break.
type breakInstruction struct{}

func readBreak(s *nc.Scope, _ *nc.Directive) error {
	add(s, breakInstruction{})
	return nil
}

func (breakInstruction) run(r *web.Request, st state) state {
	r.StayInLocation()
	st.stop = true
	return st
}
