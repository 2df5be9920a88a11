package web

import (
	"io"
	"net"

	"tandem/internal/flow"
)

// nobody carries requests that no client has sent: there is no body, and nobody
// to answer to, or to leave.
type nobody struct{}

func (nobody) SendHead() error                        { return net.ErrClosed }
func (nobody) SendBody(Chunk) error                   { return net.ErrClosed }
func (nobody) SendInterim(int, []ResponseField) error { return net.ErrClosed }
func (nobody) Flush() error                           { return net.ErrClosed }
func (nobody) Sent() int64                            { return 0 }
func (nobody) BodyTaken() int64                       { return 0 }
func (nobody) ReadBody([]byte) (int, error)           { return 0, io.EOF }
func (nobody) ReadBodyNow([]byte) (int, error)        { return 0, flow.ErrNotYet }
func (nobody) BodyBuffered() int                      { return 0 }
func (nobody) BodyDone() bool                         { return true }
func (nobody) DropBody() error                        { return nil }
func (nobody) Watch(func())                           {}
func (nobody) StopWatch()                             {}
func (nobody) OnSlow(func())                          {}
func (nobody) Slow()                                  {}
func (nobody) InterruptBody()                         {}
func (nobody) ResumeBody()                            {}
func (nobody) Configure()                             {}
func (nobody) TimedOut(bool)                          {}
