package keepalivedconf

// Route is an entry of virtual_routes or static_routes.
type Route struct {
	Pos   Pos
	Words []string
}

// Rule is an entry of virtual_rules or static_rules.
type Rule struct {
	Pos   Pos
	Words []string
}

func (b *builder) parseRoute(s *Statement, static bool) (Route, bool) {
	return Route{Pos: s.Pos, Words: s.Words}, true
}

func (b *builder) parseRule(s *Statement, static bool) (Rule, bool) {
	return Rule{Pos: s.Pos, Words: s.Words}, true
}
