package session

// A session's own memory: byte slices that live until it ends,
// without asking the garbage collector for each of them.

const arenaBlock = 4096

// arena hands out byte slices from blocks that are reused by later sessions.
type arena struct {
	block []byte // the current one; its length is what is handed out
	first []byte // kept between sessions
}

// copy returns a copy of b that lives until reset.
func (a *arena) copy(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if cap(a.block)-len(a.block) < len(b) {
		if len(b) > arenaBlock/4 {
			return append([]byte(nil), b...)
		}
		a.block = make([]byte, 0, arenaBlock)
		if a.first == nil {
			a.first = a.block
		}
	}
	start := len(a.block)
	a.block = append(a.block, b...)
	return a.block[start:len(a.block):len(a.block)]
}

// reset takes back everything that was handed out.
func (a *arena) reset() { a.block = a.first[:0] }

// Keep returns a copy of b that lives until the session ends.
func (s *Session) Keep(b []byte) []byte { return s.arena.copy(b) }

// scratchStack lends out buffers for values that are needed for a moment.
// Borrowing nests: evaluating a variable may need another buffer meanwhile.
type scratchStack struct {
	free [][]byte
}

func (s *scratchStack) get() []byte {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, 512)
}

const maxScratch = 64 << 10

func (s *scratchStack) put(b []byte) {
	if cap(b) <= maxScratch && len(s.free) < 8 {
		s.free = append(s.free, b)
	}
}

// Scratch lends a buffer for a value that is needed for a moment; give it
// back with Unscratch.
func (s *Session) Scratch() []byte { return s.main.scratch.get() }

// Unscratch takes a buffer back.
func (s *Session) Unscratch(b []byte) { s.main.scratch.put(b) }
