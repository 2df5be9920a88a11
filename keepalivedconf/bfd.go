package keepalivedconf

import (
	"fmt"

	"tandem/keepalivedconf/text"
)

// unsupported says once that tandem does not have a part of keepalived yet.
func (b *builder) unsupported(s *Statement, what string) {
	if b.once[what] {
		return
	}
	b.once[what] = true
	b.add(Report{Kind: text.KindUnsupported, Pos: s.Pos, Text: fmt.Sprintf("\"%s\" is a keyword of keepalived that tandem does not support yet - ignoring", what)})
}

// foreign is a block that is checked for unknown keywords and otherwise left alone.
type foreign struct{}

// addUnsupported keeps the statement, reports it, and checks its keywords.
func addUnsupported(known *rows[foreign]) func(*builder, *Config, *Statement) {
	return func(b *builder, c *Config, s *Statement) {
		b.unsupported(s, s.Name())
		c.Unsupported = append(c.Unsupported, s)
		known.walk(b, &foreign{}, s.Body, nil)
	}
}

// names makes rows of keywords without blocks.
func names(list ...string) []row[foreign] {
	out := make([]row[foreign], len(list))
	for i, name := range list {
		out[i] = row[foreign]{name: name}
	}
	return out
}

// bfdRows are the keywords of bfd_instance.
var bfdRows = newRows(names("source_ip", "neighbor_ip", "neighbour_ip", "min_rx", "min_tx", "idle_tx", "multiplier",
	"passive", "ttl", "hoplimit", "max_hops", "multihop", "weight", "vrrp", "checker")...)
