package sub

// matcher finds strings in a text without regard to the case of ASCII letters:
// the leftmost match, and of several at one place the one that comes first in
// the configuration.
type matcher struct {
	searches [][]byte // in lower case
	// first lists the searches that begin with a byte, in either case.
	first [256][]uint8
	// A match begins at i only if shift[text[i+window-1]] is 0; otherwise none
	// begins before i+shift (Boyer, Moore and Horspool's rule, for the first
	// window bytes of every search).
	window int
	shift  [256]uint8
}

// maxWindow is the largest distance that shift holds.
const maxWindow = 255

func newMatcher(searches [][]byte) *matcher {
	m := &matcher{window: maxWindow}
	for i, s := range searches {
		low := make([]byte, len(s))
		for j, c := range s {
			low[j] = lower(c)
		}
		m.searches = append(m.searches, low)
		m.window = min(m.window, len(low))
		m.first[low[0]] = append(m.first[low[0]], uint8(i))
		if c := upper(low[0]); c != low[0] {
			m.first[c] = append(m.first[c], uint8(i))
		}
	}
	for c := range m.shift {
		m.shift[c] = uint8(m.window)
	}
	for _, s := range m.searches {
		for j := range m.window {
			c := s[m.window-1-j]
			m.shift[c] = min(m.shift[c], uint8(j))
			m.shift[upper(c)] = min(m.shift[upper(c)], uint8(j))
		}
	}
	return m
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c &^ 0x20
	}
	return c
}

// find returns where the first match in text is, its length, and which search
// it is. Without a match, which is -1 and start is where a match may begin that
// goes on behind the text, or its length. A search for which done, if it is not
// nil, has something does not count.
func (m *matcher) find(text []byte, done [][]byte) (start, size, which int) {
	for i := 0; i < len(text); i++ {
		if last := i + m.window - 1; last < len(text) {
			if shift := m.shift[text[last]]; shift > 0 {
				i += int(shift) - 1
				continue
			}
		}
		for _, n := range m.first[text[i]] {
			if done != nil && done[n] != nil {
				continue
			}
			s, rest := m.searches[n], text[i:]
			if len(rest) >= len(s) {
				if equal(rest[:len(s)], s) {
					return i, len(s), int(n)
				}
			} else if equal(rest, s[:len(rest)]) {
				return i, 0, -1
			}
		}
	}
	return len(text), 0, -1
}

// equal compares text with a lower-case search of the same length.
func equal(text, search []byte) bool {
	for i, c := range search {
		if lower(text[i]) != c {
			return false
		}
	}
	return true
}
