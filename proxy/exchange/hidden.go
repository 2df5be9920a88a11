package exchange

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
var hiddenByDefault = []fieldID{
	fieldXAccelExpires, fieldXAccelRedirect, fieldXAccelLimitRate, fieldXAccelBuffering, fieldXAccelCharset,
}

// hideFields returns the headers hidden by default and those in hide, without
// those in pass.
func (f *Family) hideFields(hide, pass []string) hiddenFields {
	var h hiddenFields
	for _, id := range hiddenByDefault {
		h.byID[id] = true
	}
	for _, name := range f.Hidden {
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

// has reports whether f is hidden.
func (h *hiddenFields) has(f *Field) bool {
	if f.id != 0 {
		return h.byID[f.id]
	}
	for _, name := range h.names {
		if message.EqualLower(f.Name, name) {
			return true
		}
	}
	return false
}
