// Package measured puts what a program of bench has measured into a document
// that people write in as well.
package measured

import (
	"fmt"
	"os"
	"strings"
)

// What is measured stands between these lines of a document.
const (
	begins = "<!-- measured: a program of bench writes this -->\n"
	ends   = "<!-- end of what is measured -->\n"
)

// Write puts text into a document, in the place of what was measured before. The
// document has to have such a place.
func Write(document, text string) error {
	all, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(all), begins)
	_, after, complete := strings.Cut(rest, ends)
	if !ok || !complete {
		return fmt.Errorf("%s has no lines %q and %q", document, begins, ends)
	}
	return os.WriteFile(document, []byte(before+begins+text+ends+after), 0o644)
}
