package web

// A module keeps its settings in slots: one per level of the configuration at
// which its directives stand. A slot is a typed index into the settings of an
// HTTP block, a Server or a Location; the compiler knows what is inside.

// slotInfo is what the configuration reader must know of a slot.
type slotInfo struct {
	make    func() any
	inherit func(child, parent any) error
}

// The slots of all modules that are linked in. They are filled while package
// variables are initialised and never change afterwards.
var mainSlots, serverSlots, locationSlots []slotInfo

// MainSlot holds a module's settings of the http block.
type MainSlot[T any] struct{ index int }

// NewMainSlot makes a slot in every http block. Call it in a package variable.
func NewMainSlot[T any]() MainSlot[T] {
	mainSlots = append(mainSlots, slotInfo{make: func() any { return new(T) }})
	return MainSlot[T]{len(mainSlots) - 1}
}

// Of returns the module's settings in h.
func (s MainSlot[T]) Of(h *HTTP) *T { return h.settings[s.index].(*T) }

// ServerSlot holds a module's settings of a server block.
type ServerSlot[T any] struct{ index int }

// NewServerSlot makes a slot in every server block and in the http block
// itself, which servers inherit from. inherit completes the settings of a
// server from those of the http block; it may be nil. Call it in a package
// variable.
func NewServerSlot[T any](inherit func(child, parent *T) error) ServerSlot[T] {
	serverSlots = append(serverSlots, newSlotInfo(inherit))
	return ServerSlot[T]{len(serverSlots) - 1}
}

// Of returns the module's settings in s.
func (s ServerSlot[T]) Of(srv *Server) *T { return srv.settings[s.index].(*T) }

// LocationSlot holds a module's settings of a location and of all levels that
// a location inherits from: http, server, outer location, if, limit_except.
type LocationSlot[T any] struct{ index int }

// NewLocationSlot makes a slot in every level that a location inherits from.
// inherit completes the settings of the inner level from those of the outer
// one, which is complete unless it is the http level; it may be nil. Call it
// in a package variable.
func NewLocationSlot[T any](inherit func(child, parent *T) error) LocationSlot[T] {
	locationSlots = append(locationSlots, newSlotInfo(inherit))
	return LocationSlot[T]{len(locationSlots) - 1}
}

// Of returns the module's settings in l.
func (s LocationSlot[T]) Of(l *Location) *T { return l.settings[s.index].(*T) }

func newSlotInfo[T any](inherit func(child, parent *T) error) slotInfo {
	info := slotInfo{make: func() any { return new(T) }}
	if inherit != nil {
		info.inherit = func(child, parent any) error { return inherit(child.(*T), parent.(*T)) }
	}
	return info
}

func makeSettings(slots []slotInfo) []any {
	settings := make([]any, len(slots))
	for i, s := range slots {
		settings[i] = s.make()
	}
	return settings
}

func inheritSettings(slots []slotInfo, child, parent []any) error {
	for i, s := range slots {
		if s.inherit == nil {
			continue
		}
		if err := s.inherit(child[i], parent[i]); err != nil {
			return err
		}
	}
	return nil
}

// SlotContext is one request's state of one module: what a handler of an early
// phase leaves for a later one, or a filter between header and body. It is
// forgotten at an internal redirect and when the request ends.
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

// SlotRecord is like SlotContext for what is told of a request as a whole: it
// is kept through internal redirects.
type SlotRecord[T any] struct{ index int }

var recordSlots int

// NewRecord makes a place in every request for a module's *T. Call it in a
// package variable.
func NewRecord[T any]() SlotRecord[T] {
	recordSlots++
	return SlotRecord[T]{recordSlots - 1}
}

// Of returns what Set left in r, or nil.
func (s SlotRecord[T]) Of(r *Request) *T {
	if v := r.records[s.index]; v != nil {
		return v.(*T)
	}
	return nil
}

// Set leaves v in r until the request has ended.
func (s SlotRecord[T]) Set(r *Request, v *T) { r.records[s.index] = v }
