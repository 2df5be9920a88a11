package ssi

import (
	"bytes"

	"tandem/web"
)

// scanner is the body filter of one response: it passes text on and carries
// out the commands between.
type scanner struct {
	page        *page
	silent      bool
	valueLength int // the longest value of a parameter in bytes

	held []byte // text that may be the beginning of a command

	// if, elif, else, endif.
	conditional bool // inside an if
	chosen      bool // one of its branches was put out
	mute        bool // the present branch is not put out

	// block, endblock.
	inBlock string
	block   []byte
	isBlock bool
}

var opening = []byte("<!--#")

// maxCommand is how long a command may be before it is taken for text.
const maxCommand = 64 << 10

// Body implements web.BodyFilter.
func (s *scanner) Body(r *web.Request, c web.Chunk, next web.Next) error {
	err := c.EachPiece(func(b []byte) error {
		s.held = append(s.held, b...)
		return s.scan(r, next, false)
	})
	if err != nil {
		return err
	}
	if c.Last {
		if err := s.scan(r, next, true); err != nil {
			return err
		}
	}
	if c.Last || c.Flush {
		return next.Send(web.Chunk{Flush: c.Flush, Last: c.Last})
	}
	return nil
}

// scan takes as much of the held text as can be understood: all of it at the
// end of the response.
func (s *scanner) scan(r *web.Request, next web.Next, end bool) error {
	for len(s.held) > 0 {
		i := bytes.Index(s.held, opening)
		if i < 0 {
			keep := 0
			if !end {
				keep = partial(s.held)
			}
			return s.text(next, len(s.held)-keep)
		}
		if err := s.text(next, i); err != nil {
			return err
		}
		cmd, n, state := parseCommand(s.held[len(opening):], s.valueLength)
		switch {
		case state == parseMore && !end && len(s.held) < maxCommand:
			return nil
		case state == parseMore:
			// It never ends: it was no command.
			return s.text(next, len(s.held))
		}
		n += len(opening)
		consumed := append([]byte(nil), s.held[:n]...)
		s.held = s.held[:copy(s.held, s.held[n:])]
		if state == parseBad {
			r.Logf(logError, "invalid SSI command: \"%s\"", consumed)
			if err := s.fail(next); err != nil {
				return err
			}
			continue
		}
		if err := s.execute(r, &cmd, next); err != nil {
			return err
		}
	}
	return nil
}

// partial returns how many bytes at the end of b may begin a command.
func partial(b []byte) int {
	for n := min(len(opening)-1, len(b)); n > 0; n-- {
		if bytes.HasSuffix(b, opening[:n]) {
			return n
		}
	}
	return 0
}

// text puts out the first n held bytes.
func (s *scanner) text(next web.Next, n int) error {
	if n == 0 {
		return nil
	}
	err := s.put(next, s.held[:n])
	s.held = s.held[:copy(s.held, s.held[n:])]
	return err
}

// put sends bytes to where they belong now: to the client, into a block, or
// nowhere.
func (s *scanner) put(next web.Next, b []byte) error {
	switch {
	case len(b) == 0 || s.mute:
		return nil
	case s.isBlock:
		s.block = append(s.block, b...)
		return nil
	}
	return next.Send(web.Chunk{Data: b})
}

// fail puts out the error message in place of a command.
func (s *scanner) fail(next web.Next) error {
	if s.silent {
		return nil
	}
	return s.put(next, s.page.errMsg)
}
