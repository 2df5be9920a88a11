package http2

import (
	"tandem/internal/contain"
	"tandem/internal/workers"
)

// answering are the goroutines that answer requests.
var answering = workers.New[*stream]()

// Run answers the request.
func (x *stream) Run() {
	s := x.s // x is another's when it has been answered
	_ = contain.Run("a stream", x.serve)
	s.answers.Done()
}
