package vars

import (
	"fmt"
	"strings"

	nc "tandem/nginxconf"
)

// variableName returns the name in $NAME.
func variableName(text string) (string, error) {
	name, ok := strings.CutPrefix(text, "$")
	if !ok || name == "" {
		return "", fmt.Errorf("invalid variable name \"%s\"", text)
	}
	return name, nil
}

// eachEntry calls f with the words of each line of a block that holds data, not
// directives. Errors of f are reported at the line.
func eachEntry(s *nc.Scope, d *nc.Directive, f func(e *nc.Directive, words []string) error) {
	for _, e := range d.Block {
		if e.IsBlock {
			s.Errorf(e, "unexpected \"{\"")
			continue
		}
		if err := f(e, append([]string{e.Name}, e.Args...)); err != nil {
			s.Errorf(e, "%w", err)
		}
	}
}
