// Package header is the fields of requests to back ends: those of the
// configuration (proxy_set_header, grpc_set_header) in place of the client's.
package header

import (
	"bytes"
	"slices"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
)

// Setting is one *_set_header.
type Setting struct {
	Name  string
	Value *session.Template
}

// ReadSetting makes the setter of *_set_header field value.
func ReadSetting(get func(*nc.Scope) *nc.Value[[]Setting]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		t, err := web.BlockOf(s).HTTP.LateTemplate(s, d, d.Args[1])
		if err != nil {
			return err
		}
		v := get(s)
		v.V = append(v.V, Setting{d.Args[0], t})
		v.Set = true
		return nil
	}
}

// Table is what the settings of a location and the defaults come to.
type Table struct {
	Host *session.Template // nil: what *_pass says
	Set  []Setting         // with a value of the configuration

	given []string // lower case: what the configuration has a value for, or none

	// The client's fields that are not passed on.
	droppedByID [256]bool
	dropped     []string // lower case, those without an ID
}

// own are the fields that are never the client's: they concern the connection, or
// the body as it is sent on.
var own = []string{
	"host", "connection", "proxy-connection", "content-length", "transfer-encoding", "te", "keep-alive", "expect", "upgrade",
}

// Compile joins what the configuration sets with the defaults; the client's fields
// with the names that are given besides, in lower case, are not passed on either.
func Compile(set []Setting, dropped ...string) *Table {
	t := new(Table)
	for _, name := range slices.Concat(own, dropped) {
		t.drop(name)
	}
	for _, one := range set {
		name := strings.ToLower(one.Name)
		t.drop(name)
		t.given = append(t.given, name)
		switch {
		case name == "host":
			t.Host = one.Value
		case one.Value.Text != "":
			t.Set = append(t.Set, one)
		}
	}
	return t
}

func (t *Table) drop(name string) {
	if id := message.LookupFieldID([]byte(name)); id != 0 {
		t.droppedByID[id] = true
		return
	}
	t.dropped = append(t.dropped, name)
}

// Gives reports whether the configuration says anything of a field: its value, or
// that there is none.
func (t *Table) Gives(lower string) bool { return slices.Contains(t.given, lower) }

// Sets reports whether the configuration gives the field a value.
func (t *Table) Sets(lower string) bool {
	return slices.ContainsFunc(t.Set, func(one Setting) bool { return strings.EqualFold(one.Name, lower) })
}

// Drops reports whether a field of the client is not passed on.
func (t *Table) Drops(f *message.Field) bool {
	if f.ID != 0 {
		return t.droppedByID[f.ID]
	}
	for _, name := range t.dropped {
		if message.EqualLower(f.Name, name) {
			return true
		}
	}
	return false
}

// Splits reports whether b would end the line that it is put into, or is no value
// for other reasons.
func Splits(b []byte) bool {
	return bytes.IndexByte(b, '\n') >= 0 || bytes.IndexByte(b, '\r') >= 0 || bytes.IndexByte(b, 0) >= 0
}
