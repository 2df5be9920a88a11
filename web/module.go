package web

import (
	"crypto/tls"

	nc "tandem/nginxconf"
	"tandem/session"
)

// Module is one feature of the HTTP server, as an nginx module is: the
// directives it understands, the variables it offers, and what it adds to the
// phases and filters once the configuration has been read.
//
// Modules are given to the server as one ordered list. The order is the order
// in which handlers of one phase and header filters run.
type Module struct {
	Name      string
	Commands  []nc.Command
	Variables []Variable
	Shared    []session.Variable // those that are not of requests alone
	Protocol  *Protocol          // that the module has the server speak; nil: none
	// Init runs once an http block has been read and inherited, in the order
	// of the list. It adds handlers and filters, if the configuration uses
	// the module at all. Nil: nothing to add.
	Init func(*HTTP) error
}

// Phase is a step of request processing, in nginx's order.
type Phase uint8

// The phases that modules add handlers to.
const (
	PostRead      Phase = iota // the head has been read: real client address
	ServerRewrite              // rewrite directives of the server
	Rewrite                    // rewrite directives of the location
	PreAccess                  // limits
	Access                     // who may: combined by satisfy
	PreContent                 // try_files, mirror
	Content                    // what answers, when the location has no handler of its own
	Log                        // after the response
	phases
)

var phaseNames = [phases]string{"post-read", "server-rewrite", "rewrite", "preaccess", "access", "precontent", "content", "log"}

// String returns the phase's name as nginx's development guide writes it.
func (p Phase) String() string { return phaseNames[p] }

// Code is what a handler answers: one of the constants below, or an HTTP
// status from 100 up, which ends the request with that status (through
// error_page where that applies).
type Code = session.Code

// Codes that are no HTTP status.
const (
	OK       = session.OK
	Error    = session.Error
	Declined = session.Declined
	Done     = session.Done
)

// Statuses of nginx's own that never reach a client as such.
const (
	StatusClose                 Code = 444 // close without an answer
	StatusRequestHeaderTooLarge Code = 494
	StatusCertError             Code = 495
	StatusNoCert                Code = 496
	StatusToHTTPS               Code = 497
	StatusClientClosed          Code = 499 // the client left before the answer
)

// Handler does one module's part of one phase.
type Handler func(*Request) Code

// HeaderFilter looks at a response before its header is sent: it may change
// it, and may put a BodyFilter in the way of the body with
// Request.AddBodyFilter. It returns OK, or a status to be answered instead: the
// handler ends the request with it, and the fields that the response has by
// then stay. See also Request.ReplaceResponse.
type HeaderFilter func(*Request) Code

// Handle adds a handler to a phase; for use by Module.Init.
func (h *HTTP) Handle(p Phase, handler Handler) {
	h.handlers[p] = append(h.handlers[p], handler)
}

// Filter adds a header filter; for use by Module.Init.
func (h *HTTP) Filter(f HeaderFilter) { h.headerFilters = append(h.headerFilters, f) }

// OnHandshake has tell called when a handshake of TLS has ended: for whose server,
// and how, or why it has failed; for use by Module.Init. It is called on the
// goroutines of connections.
func (h *HTTP) OnHandshake(tell func(srv *Server, state *tls.ConnectionState, err error)) {
	h.handshakes = append(h.handshakes, tell)
}
