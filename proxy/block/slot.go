package block

import (
	nc "tandem/nginxconf"
	"tandem/session"
)

var slots session.Slots

// Slot holds the settings of a module that knows more of an upstream block.
type Slot[T any] struct{ slot session.Slot[T] }

// NewSlot makes a slot in every upstream block. Call it in a package variable.
func NewSlot[T any]() Slot[T] { return Slot[T]{session.NewSlot[T](&slots, nil)} }

// Read returns the settings of the block that s reads.
func (slot Slot[T]) Read(s *nc.Scope) *T { return slot.slot.In(blockOf(s).settings) }

// Of returns the settings of the block that t is, nil if it is none.
func (slot Slot[T]) Of(t *Target) *T {
	if t.block == nil || t.block.settings == nil {
		return nil
	}
	return slot.slot.In(t.block.settings)
}

// Reading returns the name of the block that s reads, and the realm that it is in.
func Reading(s *nc.Scope) (string, *session.Realm) {
	b := blockOf(s)
	return b.name, b.realm
}
