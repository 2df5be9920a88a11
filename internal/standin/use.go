package standin

import (
	"regexp"
	"strings"
)

// Effect is what comes of a line here.
type Effect uint8

// The effects.
const (
	Looks  Effect = iota // asks whether the program is there: answered by whether the process serves
	Starts               // starts or restarts it: does nothing
	Ends                 // ends keepalived: the check fails; ends nginx: does nothing
)

// Use is a line of a check that is about nginx or keepalived.
type Use struct {
	Text   string
	Line   int // from 1
	Effect Effect
}

var (
	command  = regexp.MustCompile(`(?:^|[^\w.-])(?:killall|pkill|pidof|pgrep|ps|systemctl|service|ss|netstat)(?:$|[^\w.-])`)
	killing  = regexp.MustCompile(`(?:^|[^\w.-])(?:killall|pkill|kill)(?:$|[^\w.-])`)
	signal0  = regexp.MustCompile(`-0\b|-s ?0\b|signal[ =]0\b`)
	stopping = regexp.MustCompile(`(?:^|[^\w.-])(?:systemctl|service)\s.*\b(?:stop|kill)\b`)
	starting = regexp.MustCompile(`(?:^|[^\w.-])(?:systemctl|service)\s.*\b(?:start|restart|reload|try-restart)\b`)
	running  = regexp.MustCompile(begins + `nginx(?:[\s;&|)]|$)`)
	counting = regexp.MustCompile(`(?:^|[^\w.-])(?:pidof|pgrep|ps|ss|netstat)(?:$|[^\w.-])`)
	named    = regexp.MustCompile(`\[?n\]?ginx|ngin\[x\]`)
	other    = regexp.MustCompile(`\[?k\]?eepalived`)
)

// find returns the lines that are about a program whose place the process takes. A script that names it in one line and
// asks in another (NAME=nginx; pidof $NAME) is about it, too.
func (c *Check) find() []Use {
	text := c.text
	if text == `"$@"` {
		text = strings.Join(c.params, " ")
	}
	all := uncomment(text) + " " + strings.Join(c.params, " ")
	if !c.names(all) {
		return nil
	}
	var uses []Use
	for n, line := range strings.Split(uncomment(text), "\n") {
		if effect, is := c.effect(line); is {
			uses = append(uses, Use{strings.TrimSpace(line), n + 1, effect})
		}
	}
	return uses
}

func (c *Check) names(text string) bool {
	return c.process.Serves && named.MatchString(text) || other.MatchString(text)
}

func (c *Check) effect(line string) (Effect, bool) {
	switch {
	case killing.MatchString(line) && !signal0.MatchString(line):
		return Ends, c.names(line)
	case stopping.MatchString(line):
		return Ends, c.names(line)
	case starting.MatchString(line):
		return Starts, c.names(line)
	case c.process.Serves && running.MatchString(line) && !counting.MatchString(line):
		return Starts, true
	case pidFile.MatchString(line):
		return Looks, c.names(line)
	case command.MatchString(line):
		return Looks, c.names(line) || strings.Contains(line, "$") || strings.Contains(line, "|")
	}
	return 0, false
}

// uncomment empties the lines that are comments.
func uncomment(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}
