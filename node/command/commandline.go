package command

import (
	"errors"
	"fmt"
	"strings"
)

// option is one option of a command line. What reads the line, the help, the
// manual page and the completion of shells are made from it.
type option struct {
	letter byte   // 0: it has only its long form
	long   string // without "--"; "": it has only its letter
	value  string // what help calls its value; "": it takes none
	// optional: the value may be left out; then it is joined to the option, as
	// in -tFILE and --config-test=FILE.
	optional bool
	requires string // what is missing without the value, in nginx's words
	help     string
	set      func(o *options, value string) error
}

// errEnough is what a setter returns to have the rest of the line left unread.
var errEnough = errors.New("enough")

// commandLine is the options of a program, read as getopt_long reads them: letters
// may be joined, a value may follow its letter at once, a long name may be cut short.
type commandLine struct {
	options []option
	unknown func(as string) error // an option that does not exist
	missing func(as string, o *option) error
	word    func(o *options, word string) error // what is no option
	// goOn: all that is wrong is told; otherwise the first that is.
	goOn bool
}

// read sets what the words say. The error joins what is wrong with them.
func (c *commandLine) read(args []string, into *options) error {
	var errs []error
	for len(args) > 0 {
		rest, err := c.next(args, into)
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			errs = append(errs, err)
			if !c.goOn {
				break
			}
		}
		args = rest
	}
	return errors.Join(errs...)
}

// next takes the first word, and the next one if it is its value.
func (c *commandLine) next(args []string, into *options) (rest []string, err error) {
	word, rest := args[0], args[1:]
	switch {
	case strings.HasPrefix(word, "--") && len(word) > 2:
		return c.long(word, rest, into)
	case strings.HasPrefix(word, "-") && len(word) > 1:
		return c.letters(word, rest, into)
	}
	return rest, c.word(into, word)
}

// long takes --name, --name=value, or --name and the next word.
func (c *commandLine) long(word string, rest []string, into *options) ([]string, error) {
	name, value, joined := strings.Cut(word[2:], "=")
	o := c.named(name)
	switch {
	case o == nil || joined && o.value == "":
		return rest, c.unknown(word)
	case o.value == "" || joined && value != "" || o.optional:
		return rest, o.set(into, value)
	case !joined && len(rest) > 0:
		return rest[1:], o.set(into, rest[0])
	}
	return rest, c.missing(word, o)
}

// named finds an option by its name, or by the beginning of one if there is only
// one with it.
func (c *commandLine) named(name string) *option {
	var found *option
	for i := range c.options {
		switch o := &c.options[i]; {
		case o.long == name && name != "":
			return o
		case !strings.HasPrefix(o.long, name):
		case found != nil:
			return c.exactly(name)
		default:
			found = o
		}
	}
	return found
}

func (c *commandLine) exactly(name string) *option {
	for i := range c.options {
		if c.options[i].long == name {
			return &c.options[i]
		}
	}
	return nil
}

// letters takes -abc, -fVALUE, or -f and the next word.
func (c *commandLine) letters(word string, rest []string, into *options) ([]string, error) {
	for i := 1; i < len(word); i++ {
		as := "-" + word[i:i+1]
		o := c.lettered(word[i])
		if o == nil {
			return rest, c.unknown(as)
		}
		if o.value == "" {
			if err := o.set(into, ""); err != nil {
				return rest, err
			}
			continue
		}
		switch value := word[i+1:]; {
		case value != "" || o.optional:
			return rest, o.set(into, value)
		case len(rest) > 0:
			return rest[1:], o.set(into, rest[0])
		default:
			return rest, c.missing(as, o)
		}
	}
	return rest, nil
}

func (c *commandLine) lettered(letter byte) *option {
	for i := range c.options {
		if c.options[i].letter == letter {
			return &c.options[i]
		}
	}
	return nil
}

// usage is the list of options for help: their names, and what they do.
func (c *commandLine) usage() string {
	var b strings.Builder
	for i := range c.options {
		o := &c.options[i]
		for j, line := range strings.Split(o.help, "\n") {
			names := ""
			if j == 0 {
				names = o.names()
			}
			fmt.Fprintf(&b, "  %-28s %s\n", names, line)
		}
	}
	return b.String()
}

// names is how the option is written: -f, --use-file=FILE.
func (o *option) names() string {
	var forms []string
	value := o.value
	if o.letter != 0 {
		form := "-" + string(o.letter)
		if o.long == "" && value != "" {
			form += " " + value
		}
		forms = append(forms, form)
	}
	if o.long != "" {
		form := "--" + o.long
		switch {
		case o.optional:
			form += "[=" + value + "]"
		case value != "":
			form += "=" + value
		}
		forms = append(forms, form)
	}
	return strings.Join(forms, ", ")
}

// setText and setFlag make setters.
func setText(field func(*options) *string) func(*options, string) error {
	return func(o *options, value string) error {
		*field(o) = value
		return nil
	}
}

func setFlag(fields ...func(*options) *bool) func(*options, string) error {
	return func(o *options, _ string) error {
		for _, field := range fields {
			*field(o) = true
		}
		return nil
	}
}
