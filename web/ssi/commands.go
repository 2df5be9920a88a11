package ssi

import (
	"bytes"
	"strings"

	"tandem/internal/errorlog"
	"tandem/internal/escape"
	"tandem/web"
)

const logError = errorlog.Error

// kind is a command: what it takes and what it does.
type kind struct {
	params      []string // all that it knows
	required    string   // the one it cannot do without, "" for none
	conditional bool     // carried out even in a branch that is not put out
	run         func(s *scanner, r *web.Request, c *command, next web.Next) (ok bool, err error)
}

func commands(name string) *kind {
	switch name {
	case "include":
		return &kind{params: []string{"virtual", "file", "wait", "set", "stub"}, run: (*scanner).include}
	case "echo":
		return &kind{params: []string{"var", "default", "encoding"}, required: "var", run: (*scanner).echo}
	case "config":
		return &kind{params: []string{"errmsg", "timefmt"}, run: (*scanner).config}
	case "set":
		return &kind{params: []string{"var", "value"}, required: "var", run: (*scanner).set}
	case "if", "elif":
		return &kind{params: []string{"expr"}, required: "expr", conditional: true, run: (*scanner).condition}
	case "else":
		return &kind{conditional: true, run: (*scanner).otherwise}
	case "endif":
		return &kind{conditional: true, run: (*scanner).endif}
	case "block":
		return &kind{params: []string{"name"}, required: "name", run: (*scanner).beginBlock}
	case "endblock":
		return &kind{run: (*scanner).endBlock}
	}
	return nil
}

// execute carries out a command, or puts out the error message.
func (s *scanner) execute(r *web.Request, c *command, next web.Next) error {
	k := commands(c.name)
	switch {
	case k == nil:
		if s.mute {
			return nil
		}
		r.Logf(logError, "invalid SSI command: \"%s\"", c.name)
		return s.fail(next)
	case s.mute && !k.conditional:
		return nil
	case s.isBlock && c.name != "endblock" && c.name != "block":
		// Kept as it is, to be carried out where the block is used.
		s.block = appendCommand(s.block, c)
		return nil
	}
	for _, p := range c.params {
		if !contains(k.params, p.name) {
			r.Logf(logError, "invalid parameter name: \"%s\" in \"%s\" SSI command", p.name, c.name)
			return s.fail(next)
		}
	}
	if k.required != "" && c.get(k.required) == nil {
		r.Logf(logError, "mandatory \"%s\" parameter is absent in \"%s\" SSI command", k.required, c.name)
		return s.fail(next)
	}
	ok, err := k.run(s, r, c, next)
	if err != nil || ok {
		return err
	}
	return s.fail(next)
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

func appendCommand(dst []byte, c *command) []byte {
	dst = append(append(dst, opening...), c.name...)
	for _, p := range c.params {
		dst = append(append(append(dst, ' '), p.name...), "=\""...)
		dst = append(append(dst, p.value...), '"')
	}
	return append(dst, " -->"...)
}

// include runs a subrequest, whose response takes the command's place.
func (s *scanner) include(r *web.Request, c *command, next web.Next) (bool, error) {
	virtual, file := c.get("virtual"), c.get("file")
	set, stub, wait := c.get("set"), c.get("stub"), c.get("wait")
	switch {
	case virtual != nil && file != nil:
		r.Logf(logError, "inclusion may be either virtual=\"%s\" or file=\"%s\"", virtual, file)
		return false, nil
	case virtual == nil && file == nil:
		r.Logf(logError, "no parameter in \"include\" SSI command")
		return false, nil
	case set != nil && stub != nil:
		r.Logf(logError, "\"set\" and \"stub\" cannot be used together in \"include\" SSI command")
		return false, nil
	case wait != nil && virtual == nil:
		r.Logf(logError, "\"wait\" cannot be used with file=\"%s\"", file)
		return false, nil
	case wait != nil && !bytes.EqualFold(wait, []byte("yes")) && !bytes.EqualFold(wait, []byte("no")):
		r.Logf(logError, "invalid value \"%s\" in the \"wait\" parameter", wait)
		return false, nil
	}
	target := virtual
	if target == nil {
		target = file
	}
	uri, ok := s.evaluate(r, target)
	if !ok {
		return false, nil
	}
	if len(uri) > 0 && uri[0] != '/' {
		dir := r.Path[:bytes.LastIndexByte(r.Path, '/')+1]
		uri = append(append([]byte(nil), dir...), uri...)
	}
	path, args, safe := web.SafeURI(uri)
	if !safe {
		r.Logf(logError, "unsafe URI \"%s\" was detected", uri)
		return false, nil
	}
	var block []byte
	if stub != nil {
		if block, ok = s.page.blocks[string(stub)]; !ok {
			r.Logf(logError, "\"stub\"=\"%s\" for \"include\" not found", stub)
			return false, nil
		}
	}
	opts := web.SubrequestOptions{InMemory: set != nil, NoBody: true}
	if stub != nil {
		// The block stands in for an error page, too.
		opts.Answered = func(sr *web.Request, code web.Code) web.Code {
			if code >= 300 && !sr.HasOutput() {
				return web.OK
			}
			return code
		}
	}
	sr := r.Subrequest(path, args, opts)
	switch {
	case sr == nil:
		return false, nil
	case set != nil:
		name := strings.ToLower(string(set))
		if sr.Response.Status < 300 {
			s.page.variables[name] = sr.Output
		} else if _, ok := s.page.variables[name]; !ok {
			s.page.variables[name] = nil
		}
	case stub != nil && !sr.HasOutput():
		return true, s.runBlock(r, block, next)
	}
	return true, nil
}

// runBlock puts out a block in place of an empty inclusion, with the commands
// in it.
func (s *scanner) runBlock(r *web.Request, block []byte, next web.Next) error {
	inner := &scanner{page: s.page, silent: s.silent, valueLength: s.valueLength, held: append([]byte(nil), block...)}
	return inner.scan(r, next, true)
}

func (s *scanner) echo(r *web.Request, c *command, next web.Next) (bool, error) {
	name := c.get("var")
	value, found := s.variable(r, name)
	if !found || len(value) == 0 {
		switch dflt := c.get("default"); {
		case !found && dflt == nil:
			value = []byte("(none)")
		case !found || len(value) == 0:
			value = dflt
		}
		if len(value) == 0 {
			return true, nil
		}
	}
	switch encoding := string(c.get("encoding")); encoding {
	case "", "entity":
		value = escape.AppendHTML(nil, value)
	case "url":
		value = escape.AppendURI(nil, value, escape.HTML)
	case "none":
	default:
		r.Logf(logError, "unknown encoding \"%s\" in the \"echo\" command", encoding)
		value = escape.AppendHTML(nil, value)
	}
	return true, s.put(next, value)
}

func (s *scanner) config(_ *web.Request, c *command, _ web.Next) (bool, error) {
	if v := c.get("timefmt"); v != nil {
		s.page.timeFmt = string(v)
	}
	if v := c.get("errmsg"); v != nil {
		s.page.errMsg = v
	}
	return true, nil
}

func (s *scanner) set(r *web.Request, c *command, _ web.Next) (bool, error) {
	value, ok := s.evaluate(r, c.get("value"))
	if !ok {
		return false, nil
	}
	s.page.variables[strings.ToLower(string(c.get("var")))] = append([]byte(nil), value...)
	return true, nil
}

func (s *scanner) condition(r *web.Request, c *command, _ web.Next) (bool, error) {
	if c.name == "if" {
		if s.conditional {
			r.Logf(logError, "the \"if\" command inside the \"if\" command")
			return false, nil
		}
		s.conditional, s.chosen = true, false
	} else if !s.conditional {
		r.Logf(logError, "invalid context of SSI command: \"%s\"", c.name)
		return false, nil
	}
	if s.chosen {
		s.mute = true
		return true, nil
	}
	truth, ok := s.expression(r, c.get("expr"))
	if !ok {
		return false, nil
	}
	s.chosen, s.mute = truth, !truth
	return true, nil
}

func (s *scanner) otherwise(r *web.Request, c *command, _ web.Next) (bool, error) {
	if !s.conditional {
		r.Logf(logError, "invalid context of SSI command: \"%s\"", c.name)
		return false, nil
	}
	s.mute = s.chosen
	s.chosen = true
	return true, nil
}

func (s *scanner) endif(r *web.Request, c *command, _ web.Next) (bool, error) {
	if !s.conditional {
		r.Logf(logError, "invalid context of SSI command: \"%s\"", c.name)
		return false, nil
	}
	s.conditional, s.chosen, s.mute = false, false, false
	return true, nil
}

func (s *scanner) beginBlock(r *web.Request, c *command, _ web.Next) (bool, error) {
	if s.isBlock {
		r.Logf(logError, "nested blocks are not supported")
		return false, nil
	}
	s.isBlock, s.inBlock, s.block = true, string(c.get("name")), nil
	return true, nil
}

func (s *scanner) endBlock(_ *web.Request, _ *command, _ web.Next) (bool, error) {
	if s.isBlock {
		s.page.blocks[s.inBlock] = s.block
		s.isBlock = false
	}
	return true, nil
}
