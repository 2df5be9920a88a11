package nginxconf

import (
	"fmt"
	"strings"
	"time"
)

// Setter is the type of Command.Set.
type Setter = func(s *Scope, d *Directive) error

// setOnce makes the setter of a value that may be written once per level.
// The checks see the value after it has been parsed.
func setOnce[T any](get func(*Scope) *Value[T], parse func(d *Directive) (T, error), checks []func(T) error) Setter {
	return func(s *Scope, d *Directive) error {
		v := get(s)
		if v.Set {
			return ErrDuplicate
		}
		parsed, err := parse(d)
		if err != nil {
			return err
		}
		*v = Value[T]{parsed, true}
		for _, check := range checks {
			if err := check(parsed); err != nil {
				return err
			}
		}
		return nil
	}
}

// first adapts a parser of one word to the first argument of a directive.
func first[T any](parse func(string) (T, error)) func(*Directive) (T, error) {
	return func(d *Directive) (T, error) { return parse(d.Args[0]) }
}

// SetFlag is the setter of a directive that says "on" or "off".
func SetFlag(get func(*Scope) *Value[bool], checks ...func(bool) error) Setter {
	return setOnce(get, func(d *Directive) (bool, error) {
		on, err := ParseFlag(d.Args[0])
		if err != nil {
			err = fmt.Errorf(`invalid value "%s" in "%s" directive, it must be "on" or "off"`, d.Args[0], d.Name)
		}
		return on, err
	}, checks)
}

// SetString is the setter of a directive with one argument taken as it is.
func SetString(get func(*Scope) *Value[string], checks ...func(string) error) Setter {
	return setOnce(get, func(d *Directive) (string, error) { return d.Args[0], nil }, checks)
}

// SetSize is the setter of a number of bytes, see ParseSize.
func SetSize(get func(*Scope) *Value[int64], checks ...func(int64) error) Setter {
	return setOnce(get, first(ParseSize), checks)
}

// SetOffset is the setter of a number of bytes, see ParseOffset.
func SetOffset(get func(*Scope) *Value[int64], checks ...func(int64) error) Setter {
	return setOnce(get, first(ParseOffset), checks)
}

// SetMsec is the setter of a time, see ParseMsec.
func SetMsec(get func(*Scope) *Value[time.Duration], checks ...func(time.Duration) error) Setter {
	return setOnce(get, first(ParseMsec), checks)
}

// SetSec is the setter of a time, see ParseSec.
func SetSec(get func(*Scope) *Value[time.Duration], checks ...func(time.Duration) error) Setter {
	return setOnce(get, first(ParseSec), checks)
}

// SetNumber is the setter of a number, see ParseNumber and Bounds.
func SetNumber(get func(*Scope) *Value[int], checks ...func(int) error) Setter {
	return setOnce(get, first(ParseNumber), checks)
}

// SetBufs is the setter of a number and size of buffers, see ParseBufs.
func SetBufs(get func(*Scope) *Value[Bufs], checks ...func(Bufs) error) Setter {
	return setOnce(get, func(d *Directive) (Bufs, error) { return ParseBufs(d.Args[0], d.Args[1]) }, checks)
}

// Bounds is a check for SetNumber: from low to high, or only from low if high
// is -1.
func Bounds(low, high int) func(int) error {
	return func(n int) error {
		switch {
		case high == -1 && n < low:
			return fmt.Errorf("value must be equal to or greater than %d", low)
		case high != -1 && (n < low || n > high):
			return fmt.Errorf("value must be between %d and %d", low, high)
		}
		return nil
	}
}

// Name is one of the words that a directive takes, with what it stands for.
type Name struct {
	Name  string
	Value int
}

// lookUp finds a word among the names, in any case.
func lookUp(names []Name, word string) (int, error) {
	for _, n := range names {
		if strings.EqualFold(n.Name, word) {
			return n.Value, nil
		}
	}
	return 0, fmt.Errorf(`invalid value "%s"`, word)
}

// SetEnum is the setter of a directive with one of several words.
func SetEnum[T ~int](get func(*Scope) *Value[T], names ...Name) Setter {
	return setOnce(get, func(d *Directive) (T, error) {
		v, err := lookUp(names, d.Args[0])
		return T(v), err
	}, nil)
}

// SetBitmask is the setter of a directive with any of several words, each of
// which adds its bits. It may be repeated; a word given twice is warned of.
func SetBitmask[T ~int](get func(*Scope) *Value[T], names ...Name) Setter {
	return func(s *Scope, d *Directive) error {
		v := get(s)
		for _, word := range d.Args {
			bits, err := lookUp(names, word)
			if err != nil {
				return err
			}
			if v.V&T(bits) != 0 {
				s.Warnf(d, `duplicate value "%s"`, word)
				continue
			}
			*v = Value[T]{v.V | T(bits), true}
		}
		return nil
	}
}

// SetStrings is the setter of a directive that may be repeated, each with one
// more string.
func SetStrings(get func(*Scope) *Value[[]string]) Setter {
	return func(s *Scope, d *Directive) error {
		v := get(s)
		*v = Value[[]string]{append(v.V, d.Args[0]), true}
		return nil
	}
}

// Keyval is a pair of arguments.
type Keyval struct{ Key, Value string }

// SetKeyvals is the setter of a directive that may be repeated, each with one
// more pair.
func SetKeyvals(get func(*Scope) *Value[[]Keyval]) Setter {
	return func(s *Scope, d *Directive) error {
		v := get(s)
		*v = Value[[]Keyval]{append(v.V, Keyval{d.Args[0], d.Args[1]}), true}
		return nil
	}
}
