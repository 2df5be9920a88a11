package status

import (
	"fmt"
	"strings"
)

// Summary answers whether the node serves, and why.
type Summary struct {
	// Word is SERVING, STANDING BY (another node serves, this one could) or NOT
	// SERVING.
	Word string `json:"word"`
	Text string `json:"text"`
}

// The words of a Summary.
const (
	Serving    = "SERVING"
	StandingBy = "STANDING BY"
	NotServing = "NOT SERVING"
)

// summarize makes the summary of what Judge has found.
func (r *Report) summarize() Summary {
	var here, elsewhere []string
	for n := range r.Instances {
		i := &r.Instances[n]
		switch {
		case i.Owner == nil:
		case i.Owner.Self:
			here = append(here, fmt.Sprintf("%s for %s (%s is MASTER: %s)", addresses(i.Addresses), Duration(r.At.Sub(i.Since)), i.Name, i.Reason.Text))
		default:
			text := fmt.Sprintf("%s has %s", i.Owner.who(), addresses(i.Addresses))
			if !i.Owner.Since.IsZero() {
				text += " for " + Duration(r.At.Sub(i.Owner.Since))
			}
			elsewhere = append(elsewhere, fmt.Sprintf("%s (%s is %s)", text, i.Name, i.State))
		}
	}
	problem := ""
	if len(r.Problems) > 0 {
		problem = r.Problems[0]
	}
	switch {
	case len(r.Web.Listeners) == 0:
		return Summary{NotServing, problem}
	case len(here) > 0:
		return Summary{Serving, strings.Join(append(here, elsewhere...), "; ")}
	case len(elsewhere) > 0 && problem == "":
		return Summary{StandingBy, strings.Join(elsewhere, "; ")}
	case len(r.Instances) == 0 && problem == "":
		return Summary{Serving, "on " + r.ports() + "; no virtual addresses are configured"}
	}
	return Summary{NotServing, strings.Join(append([]string{problem}, elsewhere...), "; ")}
}

// ports names the listeners, if they are few.
func (r *Report) ports() string {
	if len(r.Web.Listeners) > 3 {
		return plural(len(r.Web.Listeners), "port")
	}
	return strings.Join(r.Web.Listeners, ", ")
}

// who names the owner: by the node's name, if that is known.
func (o *Owner) who() string {
	if o.Node != "" {
		return o.Node + " (" + o.Addr.String() + ")"
	}
	return o.Addr.String()
}

// plural is "1 port" or "2 ports".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
