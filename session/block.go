package session

import "tandem/nginxconf"

// Block is one level of the configuration while it is being read: what the
// setters of directives work on that serve both servers.
type Block struct {
	Realm  *Realm
	Server *Server // the enclosing server; outside of servers the one that they inherit from
	Level  *Level  // this level's settings
}

// BlockOf returns the level that s reads.
func BlockOf(s *nginxconf.Scope) Block {
	return s.Data.(interface{ Shared() Block }).Shared()
}

// At gives the setters of package nginxconf the settings of the level that is
// being read: Set: nginxconf.SetFlag(session.At(slot, func(c *settings) ...)).
func At[T, V any](slot LevelSlot[T], field func(*T) *nginxconf.Value[V]) func(*nginxconf.Scope) *nginxconf.Value[V] {
	return func(s *nginxconf.Scope) *nginxconf.Value[V] { return field(slot.Of(BlockOf(s).Level)) }
}

// AtServer is At for the settings of servers.
func AtServer[T, V any](slot ServerSlot[T], field func(*T) *nginxconf.Value[V]) func(*nginxconf.Scope) *nginxconf.Value[V] {
	return func(s *nginxconf.Scope) *nginxconf.Value[V] { return field(slot.Of(BlockOf(s).Server)) }
}
