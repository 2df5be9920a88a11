package answer

import (
	"strings"

	"tandem/web/message"
)

// hiddenFields are the response headers that clients do not get to see.
type hiddenFields struct {
	byID  [fieldIDs]bool
	names []string // lower case, those without an ID
}

// hiddenByDefault is what nginx hides whatever the protocol.
var hiddenByDefault = []FieldID{
	FieldXAccelExpires, FieldXAccelRedirect, FieldXAccelLimitRate, FieldXAccelBuffering, FieldXAccelCharset,
}

// hideFields returns the headers hidden by default, whatever the protocol and by
// it, and those in hide, without those in pass.
func hideFields(protocol, hide, pass []string) hiddenFields {
	var h hiddenFields
	for _, id := range hiddenByDefault {
		h.byID[id] = true
	}
	for _, name := range protocol {
		h.byID[lookupField([]byte(name))] = true
	}
	passed := make(map[string]bool)
	for _, name := range pass {
		name = strings.ToLower(name)
		passed[name] = true
		h.byID[lookupField([]byte(name))] = false
	}
	for _, name := range hide {
		name = strings.ToLower(name)
		if passed[name] {
			continue
		}
		if id := lookupField([]byte(name)); id != 0 {
			h.byID[id] = true
		} else {
			h.names = append(h.names, name)
		}
	}
	h.byID[0] = false
	return h
}

// Hides reports whether clients do not get to see f.
func (c *Settings) Hides(f *Field) bool {
	if f.ID != 0 {
		return c.hidden.byID[f.ID]
	}
	for _, name := range c.hidden.names {
		if message.EqualLower(f.Name, name) {
			return true
		}
	}
	return false
}
