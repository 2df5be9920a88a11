package message

import (
	"bytes"
	"testing"
)

func TestFieldIDs(t *testing.T) {
	for id := FieldID(1); id < fieldIDCount; id++ {
		name := id.String()
		if name == "" {
			t.Fatalf("%d has no name", id)
		}
		for _, spelling := range []string{name, usualNames[id], string(bytes.ToUpper([]byte(name)))} {
			if got := LookupFieldID([]byte(spelling)); got != id {
				t.Errorf("%s: %d, want %d", spelling, got, id)
			}
		}
		if got := LookupFieldID([]byte(name + "x")); got != 0 {
			t.Errorf("%sx: %d", name, got)
		}
		if got := LookupFieldID([]byte("x" + name[1:])); got == id && name[0] != 'x' {
			t.Errorf("x%s: %d", name[1:], got)
		}
	}
	if len(fieldNames[IfUnmodifiedSince]) != maxFieldName {
		t.Error("maxFieldName is not the longest")
	}
}
