package session

// A module keeps its settings in slots: one at every level of the configuration
// at which its directives stand. A slot is a typed index into what is kept there;
// the compiler knows what is inside.

// Slots are the slots of one kind of level. They are filled while package
// variables are initialised and never change afterwards.
type Slots struct{ infos []slotInfo }

// slotInfo is what the configuration reader must know of a slot.
type slotInfo struct {
	make    func() any
	inherit func(child, parent any) error
}

// Settings are what all modules keep at one level.
type Settings []any

// Make returns settings in which nothing has been set.
func (s *Slots) Make() Settings {
	settings := make(Settings, len(s.infos))
	for i := range s.infos {
		settings[i] = s.infos[i].make()
	}
	return settings
}

// Inherit completes the settings of an inner level from those of the outer one.
func (s *Slots) Inherit(child, parent Settings) error {
	for i := range s.infos {
		if s.infos[i].inherit == nil {
			continue
		}
		if err := s.infos[i].inherit(child[i], parent[i]); err != nil {
			return err
		}
	}
	return nil
}

// Slot is the place of a module's *T among Settings.
type Slot[T any] struct{ index int }

// NewSlot makes a slot in every level of a kind. inherit completes the settings
// of an inner level from those of the outer one; it may be nil. Call it in a
// package variable.
func NewSlot[T any](in *Slots, inherit func(child, parent *T) error) Slot[T] {
	info := slotInfo{make: func() any { return new(T) }}
	if inherit != nil {
		info.inherit = func(child, parent any) error { return inherit(child.(*T), parent.(*T)) }
	}
	in.infos = append(in.infos, info)
	return Slot[T]{len(in.infos) - 1}
}

// In returns the module's part of settings.
func (s Slot[T]) In(settings Settings) *T { return settings[s.index].(*T) }

// Record is what a module tells of a session as a whole.
type Record[T any] struct{ index int }

var records int

// NewRecord makes a place in every session for a module's *T. Call it in a
// package variable.
func NewRecord[T any]() Record[T] {
	records++
	return Record[T]{records - 1}
}

// Of returns what Set left in s, or nil.
func (r Record[T]) Of(s *Session) *T {
	if v := s.records[r.index]; v != nil {
		return v.(*T)
	}
	return nil
}

// Set leaves v in s until the session has ended.
func (r Record[T]) Set(s *Session, v *T) { s.records[r.index] = v }
