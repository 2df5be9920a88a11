package rewrite

import (
	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/web"
)

// Module is the rewrite module.
var Module = &web.Module{
	Name:     "rewrite",
	Commands: commands,
	Init:     start,
}

const (
	anyRewrite = nc.Server | nc.ServerIf | nc.Location | nc.LocationIf
	anyFlag    = nc.HTTP | anyRewrite
)

var commands = []nc.Command{
	{Name: "rewrite", In: anyRewrite, Arity: nc.Take23, Set: readRewrite},
	{Name: "return", In: anyRewrite, Arity: nc.Take12, Set: readReturn},
	{Name: "break", In: anyRewrite, Arity: nc.NoArgs, Set: readBreak},
	{Name: "if", In: nc.Server | nc.Location, Arity: nc.Block | nc.OneMore, Set: readIf},
	{Name: "set", In: anyRewrite, Arity: nc.Take2, Set: readSet},
	{Name: "rewrite_log", In: anyFlag, Arity: nc.Flag, Set: nc.SetFlag(web.At(settingsSlot, func(c *settings) *nc.Value[bool] { return &c.log }))},
	{Name: "uninitialized_variable_warn", In: anyFlag, Arity: nc.Flag, Set: nc.SetFlag(web.At(settingsSlot, func(c *settings) *nc.Value[bool] { return &c.warn }))},
}

// settings are the module's settings of one level. The instructions are not
// inherited: an inner location runs its own only.
type settings struct {
	program []instruction
	log     nc.Value[bool]
	warn    nc.Value[bool] // warn of variables that are used before they are set
}

var settingsSlot = web.NewLocationSlot(func(c, p *settings) error {
	c.log.Inherit(p.log, false)
	c.warn.Inherit(p.warn, true)
	return nil
})

// add puts an instruction at the end of the level that s reads.
func add(s *nc.Scope, i instruction) {
	c := settingsSlot.Of(web.BlockOf(s).Location)
	c.program = append(c.program, i)
}

func start(h *web.HTTP) error {
	if !h.Any(func(l *web.Location) bool { return settingsSlot.Of(l).program != nil }) {
		return nil
	}
	h.Handle(web.ServerRewrite, func(r *web.Request) web.Code { return run(r) })
	h.Handle(web.Rewrite, func(r *web.Request) web.Code {
		if r.Location == r.Server.Location {
			// No location took the request: the server's own instructions
			// have run already.
			return web.Declined
		}
		return run(r)
	})
	return nil
}

// instruction is one compiled directive.
type instruction interface {
	// run does its part. The state is handed along by value, so that a
	// request needs no memory for it.
	run(r *web.Request, st state) state
}

// state is where a run of instructions has come to.
type state struct {
	// quote: captures are escaped when they become part of a value, as the
	// path they come from was; until the first rewrite that matches.
	quote bool
	log   bool // tell of each match
	stop  bool // no further instruction
	// code is what the request is to end with; Declined: it goes on.
	code web.Code
}

func run(r *web.Request) web.Code {
	c := settingsSlot.Of(r.Location)
	if c.program == nil {
		return web.Declined
	}
	st := runAll(c.program, r, state{quote: true, log: c.log.V || r.Log().Enabled(errorlog.Debug), code: web.Declined})
	if st.code == web.Declined {
		return web.Declined
	}
	r.Finalize(st.code)
	return web.Done
}

func runAll(program []instruction, r *web.Request, st state) state {
	for _, i := range program {
		if st = i.run(r, st); st.stop {
			break
		}
	}
	return st
}

// end stops the run and ends the request with code.
func (st state) end(code web.Code) state {
	st.stop, st.code = true, code
	return st
}
