package nginxconf

// Value is one setting at one level of the configuration.
type Value[T any] struct {
	V   T
	Set bool // V was written at this level or, after Inherit, at an outer one
}

// Inherit completes the value of a level from that of the enclosing level,
// which must have been completed before: what is not written here is the
// parent's, and def where that is not written either. Call it after the level
// has been bound.
func (v *Value[T]) Inherit(parent Value[T], def T) {
	switch {
	case v.Set:
	case parent.Set:
		*v = parent
	default:
		v.V = def
	}
}
