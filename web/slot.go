package web

import "tandem/session"

// Settings that concern requests only are kept in the slots of this file, all
// others in those of package session.

// The slots of all modules that are linked in.
var serverSlots, locationSlots session.Slots

// ServerSlot holds a module's settings of a server block.
type ServerSlot[T any] struct{ slot session.Slot[T] }

// NewServerSlot makes a slot in every server block and in the http block
// itself, which servers inherit from. inherit completes the settings of a
// server from those of the http block; it may be nil. Call it in a package
// variable.
func NewServerSlot[T any](inherit func(child, parent *T) error) ServerSlot[T] {
	return ServerSlot[T]{session.NewSlot(&serverSlots, inherit)}
}

// Of returns the module's settings in srv.
func (s ServerSlot[T]) Of(srv *Server) *T { return s.slot.In(srv.settings) }

// LocationSlot holds a module's settings of a location and of all levels that
// a location inherits from: http, server, outer location, if, limit_except.
type LocationSlot[T any] struct{ slot session.Slot[T] }

// NewLocationSlot makes a slot in every level that a location inherits from.
// inherit completes the settings of the inner level from those of the outer
// one, which is complete unless it is the http level; it may be nil. Call it
// in a package variable.
func NewLocationSlot[T any](inherit func(child, parent *T) error) LocationSlot[T] {
	return LocationSlot[T]{session.NewSlot(&locationSlots, inherit)}
}

// Of returns the module's settings in l.
func (s LocationSlot[T]) Of(l *Location) *T { return s.slot.In(l.settings) }

// SlotContext is one request's state of one module: what a handler of an early
// phase leaves for a later one, or a filter between header and body. It is
// forgotten at an internal redirect and when the request ends. What is told of
// the request as a whole is a session.Record.
type SlotContext[T any] struct{ index int }

var contextSlots int

// NewContext makes a place in every request for a module's *T. Call it in a
// package variable.
func NewContext[T any]() SlotContext[T] {
	contextSlots++
	return SlotContext[T]{contextSlots - 1}
}

// Of returns what Set left in r, or nil.
func (s SlotContext[T]) Of(r *Request) *T {
	if v := r.contexts[s.index]; v != nil {
		return v.(*T)
	}
	return nil
}

// Set leaves v in r; nil takes it away.
func (s SlotContext[T]) Set(r *Request, v *T) {
	if v == nil {
		r.contexts[s.index] = nil
		return
	}
	r.contexts[s.index] = v
}

// spare is memory for a context, kept from request to request.
type spare struct {
	v     any
	taken bool // by the present request
}

// Take leaves a zero T in r and returns it. Its memory serves later requests
// of the connection again, so it must not be kept beyond the request.
func (s SlotContext[T]) Take(r *Request) *T {
	var v *T
	switch {
	case r.spares == nil || r.spares[s.index].taken:
		v = new(T)
	case r.spares[s.index].v == nil:
		v = new(T)
		r.spares[s.index] = spare{v, true}
	default:
		v = r.spares[s.index].v.(*T)
		r.spares[s.index].taken = true
		var zero T
		*v = zero
	}
	r.contexts[s.index] = v
	return v
}
