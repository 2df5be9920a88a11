package nginxconf

import (
	"fmt"
	"slices"
	"strings"
)

// Context is where a directive may stand: a set of the blocks that hold
// directives.
type Context uint32

// The contexts, by the block whose content they are.
const (
	Main Context = 1 << iota // outside of all blocks
	Events
	HTTP
	Server
	Location
	Upstream
	ServerIf    // if in a server
	LocationIf  // if in a location
	LimitExcept // limit_except in a location
	Stream
	StreamServer
	StreamUpstream
	Mail
	MailServer
)

var contextNames = [...]string{"main", "events", "http", "server", "location", "upstream", "if in server",
	"if in location", "limit_except", "stream", "stream server", "stream upstream", "mail", "mail server"}

// String returns the names of the contexts, separated by commas.
func (c Context) String() string {
	var names []string
	for i, name := range contextNames {
		if c&(1<<i) != 0 {
			names = append(names, name)
			c &^= 1 << i
		}
	}
	if c != 0 {
		names = append(names, fmt.Sprintf("%#x", uint32(c)))
	}
	return strings.Join(names, ", ")
}

// Arity says how many arguments a directive takes and whether it has a block.
type Arity uint32

// The numbers of arguments; they can be combined. Any wins over Flag, Flag
// over OneMore, that over TwoMore, that over the exact numbers.
const (
	NoArgs Arity = 1 << iota
	Take1
	Take2
	Take3
	Take4
	Take5
	Take6
	Take7
	OneMore
	TwoMore
	Any
	Flag  // one argument, "on" or "off"
	Block // the directive has a block; without this bit it must not have one

	Take12   = Take1 | Take2
	Take13   = Take1 | Take3
	Take23   = Take2 | Take3
	Take123  = Take12 | Take3
	Take1234 = Take123 | Take4
	Take34   = Take3 | Take4
)

// accepts reports whether n arguments are right.
func (a Arity) accepts(n int) bool {
	switch {
	case a&Any != 0:
		return true
	case a&Flag != 0:
		return n == 1
	case a&OneMore != 0:
		return n >= 1
	case a&TwoMore != 0:
		return n >= 2
	}
	return n <= 7 && a&(NoArgs<<n) != 0
}

// Command is a row of a directive table.
type Command struct {
	Name  string
	In    Context
	Arity Arity
	// Set takes the directive in; the checks that follow from the table have
	// passed. Its error needs no position, see Complaint for its words. nil:
	// the directive is accepted and has no effect, nor does its block.
	Set func(s *Scope, d *Directive) error
}

// Table is what is known of all directives.
type Table struct {
	commands map[string][]*Command
}

// NewTable joins the tables of the features. A name may occur several times,
// with different contexts (server in http, upstream and stream); NewTable
// panics if two rows claim the same name in the same context.
func NewTable(groups ...[]Command) *Table {
	t := &Table{commands: map[string][]*Command{}}
	for _, g := range groups {
		for i := range g {
			c := &g[i]
			for _, other := range t.commands[c.Name] {
				if both := other.In & c.In; both != 0 {
					panic(fmt.Sprintf("nginxconf: directive %q is declared twice in %s", c.Name, both))
				}
			}
			t.commands[c.Name] = append(t.commands[c.Name], c)
		}
	}
	return t
}

// Knows reports whether the table has the directive, in any context.
func (t *Table) Knows(name string) bool { return len(t.commands[name]) > 0 }

// KnowsIn reports whether the table has the directive in one of the contexts.
func (t *Table) KnowsIn(name string, in Context) bool {
	return slices.ContainsFunc(t.commands[name], func(c *Command) bool { return c.In&in != 0 })
}

// String says how many arguments there may be, as documentation has it: "1", "1-3",
// "2 or more", "on | off", with "{}" if there is a block.
func (a Arity) String() string {
	text := a.counts()
	if a&Block != 0 {
		text = strings.TrimSpace(strings.TrimPrefix(text, "0") + " {}")
	}
	return text
}

func (a Arity) counts() string {
	switch {
	case a&Any != 0:
		return "any"
	case a&Flag != 0:
		return "on | off"
	case a&OneMore != 0:
		return "1 or more"
	case a&TwoMore != 0:
		return "2 or more"
	}
	var counts []string
	for n := 0; n <= 7; {
		if a&(NoArgs<<n) == 0 {
			n++
			continue
		}
		last := n
		for last < 7 && a&(NoArgs<<(last+1)) != 0 {
			last++
		}
		switch {
		case last == n:
			counts = append(counts, fmt.Sprint(n))
		case last == n+1:
			counts = append(counts, fmt.Sprint(n), fmt.Sprint(last))
		default:
			counts = append(counts, fmt.Sprintf("%d-%d", n, last))
		}
		n = last + 1
	}
	return strings.Join(counts, ", ")
}
