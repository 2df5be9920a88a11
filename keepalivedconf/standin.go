package keepalivedconf

import (
	"fmt"
	"strings"

	"tandem/internal/standin"
)

// standIn finds out whether a tracked script asks for nginx or keepalived, whose place this process takes, and says what
// that means here.
func (b *builder) standIn(s *Script) *standin.Check {
	c := standin.Find(s.Command.Args, b.opt.StandIn, b.opt.Text.ReadFile)
	if c == nil {
		return nil
	}
	where := strings.Join(s.Command.Args, " ")
	var looks, changes []string
	for _, u := range c.Uses {
		text := fmt.Sprintf("%q", u.Text)
		if c.File != "" {
			text = fmt.Sprintf("line %d, %q,", u.Line, u.Text)
		}
		switch u.Effect {
		case standin.Looks:
			looks = append(looks, fmt.Sprint(u.Line))
		case standin.Starts:
			changes = append(changes, text+" does nothing here")
		case standin.Ends:
			changes = append(changes, text+" makes it fail, and ends nothing")
		}
	}
	if c.File != "" && len(looks) > 0 {
		where += ", in line " + strings.Join(looks, ", ")
	}
	remedy := "nothing has to be done"
	if changes != nil {
		remedy = strings.Join(changes, "; ")
	}
	b.advice(s.Command.Pos, remedy, "vrrp_script %s asks for nginx or keepalived (%s), whose place tandem takes: the answer is what its self-probe says", s.Name, where)
	return c
}
