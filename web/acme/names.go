package acme

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// identifiers returns what a server name stands for in a certificate: itself, and
// with a dot in front the name with "www." and without.
func identifiers(name string) ([]string, error) {
	if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return []string{addr.WithZone("").String()}, nil
	}
	name = strings.ToLower(name)
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("invalid server name: %w", err)
	}
	if rest, ok := strings.CutPrefix(name, "."); ok {
		return []string{"www." + rest, rest}, nil
	}
	return []string{name}, nil
}

// checkName checks that a name may be asked a certificate for: it may begin with a
// dot or with "*.", and ends with a label. The errors are those of nginx's ACME
// module.
func checkName(name string) error {
	label, before := false, byte(0)
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c <= ' ' || c >= 0x7f:
			return fmt.Errorf("invalid character %x at position %d", c, i)
		case c == '*' && i == 0:
			label = false
		case c == '.' && before != '.':
			label = false
		case before == '*', c == '.', c == '*', strings.IndexByte("\"#/:<>?@[\\]^`{|}", c) >= 0:
			return fmt.Errorf("unexpected character '%c' at position %d", c, i)
		default:
			label = true
		}
		before = c
	}
	if !label {
		return fmt.Errorf("does not end with a label")
	}
	return nil
}

// unique leaves out names that were there before.
func unique(names []string) (out []string) {
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
