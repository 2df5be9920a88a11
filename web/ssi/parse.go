package ssi

// command is one SSI command with its parameters, in order.
type command struct {
	name   string
	params []param
}

type param struct {
	name  string
	value []byte
}

// get returns the value of a parameter, nil if it is not there.
func (c *command) get(name string) []byte {
	for i := range c.params {
		if c.params[i].name == name {
			return c.params[i].value
		}
	}
	return nil
}

type parseState uint8

const (
	parseMore parseState = iota // the text ends within the command
	parseDone
	parseBad
)

// parseCommand reads what follows "<!--#" up to and including "-->". A command
// that breaks the rules is read to its end and found bad.
func parseCommand(b []byte, valueLength int) (cmd command, n int, state parseState) {
	p := parser{b: b, valueLength: valueLength}
	p.spaces()
	cmd.name = p.word()
	bad := cmd.name == ""
	for !p.ended() {
		p.spaces()
		if p.closing() {
			if bad {
				return cmd, p.i, parseBad
			}
			return cmd, p.i, parseDone
		}
		if p.ended() || p.maybeClosing() {
			return cmd, 0, parseMore
		}
		prm, ok := p.param()
		if p.ended() {
			return cmd, 0, parseMore
		}
		if !ok {
			bad = true
			// On to the end of the command.
			for !p.ended() && p.b[p.i] != '-' {
				p.i++
			}
			if !p.ended() && !p.closingAhead() && !p.maybeClosing() {
				p.i++
			}
			continue
		}
		cmd.params = append(cmd.params, prm)
	}
	return cmd, 0, parseMore
}

type parser struct {
	b           []byte
	i           int
	valueLength int
}

func (p *parser) ended() bool { return p.i >= len(p.b) }

func (p *parser) spaces() {
	for !p.ended() {
		switch p.b[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return
		}
	}
}

// word reads a name: letters, digits and underscores.
func (p *parser) word() string {
	start := p.i
	for !p.ended() {
		c := p.b[p.i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' {
			p.i++
			continue
		}
		break
	}
	return string(p.b[start:p.i])
}

func (p *parser) closingAhead() bool {
	return p.i+3 <= len(p.b) && string(p.b[p.i:p.i+3]) == "-->"
}

// closing takes "-->".
func (p *parser) closing() bool {
	if p.closingAhead() {
		p.i += 3
		return true
	}
	return false
}

// maybeClosing reports whether the text ends within what may be "-->".
func (p *parser) maybeClosing() bool {
	rest := p.b[p.i:]
	return len(rest) < 3 && string(rest) == "-->"[:len(rest)]
}

// param reads name="value" or name='value'; a backslash keeps what follows it,
// itself included, for the command to make sense of.
func (p *parser) param() (param, bool) {
	name := p.word()
	if name == "" {
		return param{}, false
	}
	p.spaces()
	if p.ended() || p.b[p.i] != '=' {
		return param{}, false
	}
	p.i++
	p.spaces()
	if p.ended() {
		return param{}, false
	}
	quote := p.b[p.i]
	if quote != '"' && quote != '\'' {
		return param{}, false
	}
	p.i++
	value := []byte{}
	for !p.ended() {
		c := p.b[p.i]
		switch {
		case c == '\\' && p.i+1 < len(p.b):
			value = append(value, c, p.b[p.i+1])
			p.i += 2
			continue
		case c == quote:
			p.i++
			if p.ended() {
				// The end is not here yet; the caller asks for more.
				return param{}, false
			}
			return param{name, value}, len(value) <= p.valueLength
		}
		value = append(value, c)
		p.i++
	}
	return param{}, false
}
