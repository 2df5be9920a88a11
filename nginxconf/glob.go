package nginxconf

import (
	"os"
	"sort"
	"strings"
)

// glob returns the files that match the pattern, sorted, as glob(3) without
// flags does in the C locale, which is how nginx calls it: by bytes, "*", "?"
// and "[" never match the dot at the beginning of a name, folders that cannot
// be read hold nothing.
func glob(pattern string) ([]string, error) {
	names := []string{""}
	for part, rest, more := "", pattern, true; more && len(names) > 0; {
		part, rest, more = strings.Cut(rest, "/")
		var next []string
		for _, dir := range names {
			next = appendMatches(next, dir, part, more)
		}
		names = next
	}
	sort.Strings(names)
	return names, nil
}

// appendMatches appends what matches one part of a pattern in the folder dir,
// which is empty or ends in "/". more: further parts follow.
func appendMatches(names []string, dir, part string, more bool) []string {
	slash := ""
	if more {
		slash = "/"
	}
	if !strings.ContainsAny(part, "*?[\\") {
		name := dir + part
		if part != "" || dir == "" {
			if _, err := os.Lstat(name); err != nil && name != "" {
				return names
			}
		}
		return append(names, name+slash)
	}
	folder := dir
	if folder == "" {
		folder = "."
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return names
	}
	found := []string{".", ".."}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	for _, name := range found {
		if name[0] == '.' && !strings.HasPrefix(part, ".") && !strings.HasPrefix(part, `\.`) {
			continue
		}
		if matchName(part, name) {
			names = append(names, dir+name+slash)
		}
	}
	return names
}

// matchName reports whether one name without "/" matches one part of a
// pattern (fnmatch(3)).
func matchName(pattern, name string) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			for i := 0; i <= len(name); i++ {
				if matchName(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		case '?':
			if name == "" {
				return false
			}
			pattern = pattern[1:]
		case '[':
			if name == "" {
				return false
			}
			n, matched := matchSet(pattern, name[0])
			if !matched {
				return false
			}
			pattern = pattern[n:]
		default:
			if pattern[0] == '\\' && len(pattern) > 1 {
				pattern = pattern[1:]
			}
			if name == "" || pattern[0] != name[0] {
				return false
			}
			pattern = pattern[1:]
		}
		name = name[1:]
	}
	return name == ""
}

// matchSet matches c against the bracket expression at the beginning of
// pattern and returns its length. A "[" that is never closed stands for itself.
func matchSet(pattern string, c byte) (length int, matched bool) {
	i, negated := 1, false
	if i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^') {
		negated = true
		i++
	}
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return i + 1, matched != negated
		}
		if strings.HasPrefix(pattern[i:], "[:") {
			if end := strings.Index(pattern[i:], ":]"); end > 0 {
				matched = matched || inClass(pattern[i+2:i+end], c)
				i += end + 2
				continue
			}
		}
		low, n := setByte(pattern[i:])
		i += n
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, n = setByte(pattern[i+1:])
			i += 1 + n
		}
		matched = matched || low <= c && c <= high
	}
	return 1, c == '['
}

// setByte returns the byte at the beginning of s, which is not empty, and its
// length with the backslash it may have.
func setByte(s string) (c byte, length int) {
	if s[0] == '\\' && len(s) > 1 {
		return s[1], 2
	}
	return s[0], 1
}

// inClass reports whether c is in the character class of the C locale.
func inClass(class string, c byte) bool {
	lower, upper, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	graph := ' ' < c && c < 0x7f
	switch class {
	case "alnum":
		return lower || upper || digit
	case "alpha":
		return lower || upper
	case "blank":
		return c == ' ' || c == '\t'
	case "cntrl":
		return c < ' ' || c == 0x7f
	case "digit":
		return digit
	case "graph":
		return graph
	case "lower":
		return lower
	case "print":
		return graph || c == ' '
	case "punct":
		return graph && !lower && !upper && !digit
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r'
	case "upper":
		return upper
	case "xdigit":
		return digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
	}
	return false
}
