package web

import (
	"time"

	"tandem/internal/errorlog"
	"tandem/session"
	"tandem/web/message"
	"tandem/web/openfile"
)

// Method is a request method that nginx knows; as bits, so that sets of them
// are masks.
type Method uint32

// The methods. MethodUnknown is any other token.
const (
	MethodUnknown Method = 1 << iota
	GET
	HEAD
	POST
	PUT
	DELETE
	MKCOL
	COPY
	MOVE
	OPTIONS
	PROPFIND
	PROPPATCH
	LOCK
	UNLOCK
	PATCH
	TRACE
	CONNECT
)

// Methods are the names of the known methods.
var Methods = map[string]Method{
	"GET": GET, "HEAD": HEAD, "POST": POST, "PUT": PUT, "DELETE": DELETE, "MKCOL": MKCOL, "COPY": COPY,
	"MOVE": MOVE, "OPTIONS": OPTIONS, "PROPFIND": PROPFIND, "PROPPATCH": PROPPATCH, "LOCK": LOCK,
	"UNLOCK": UNLOCK, "PATCH": PATCH, "TRACE": TRACE, "CONNECT": CONNECT,
}

// maxRedirects is how often a request may be redirected inside the server;
// nginx's NGX_HTTP_MAX_URI_CHANGES.
const maxRedirects = 10

// maxSubrequests is how deep subrequests may nest; nginx's
// NGX_HTTP_MAX_SUBREQUESTS.
const maxSubrequests = 50

// Request is one request, of any protocol version, from its head to its line
// in the log. It belongs to one goroutine. All byte slices in it are valid
// until the request ends, and are not to be changed in place.
type Request struct {
	session.Session // what is as in stream: client, variables, memory, log

	Head   *message.Head // the head as received; a subrequest has its parent's
	Method Method
	// MethodName is the method as received, or as error_page and proxies
	// changed it.
	MethodName []byte
	Path       []byte // $uri: decoded, without dot segments, begins with "/"
	Args       []byte // $args: what follows the "?", undecoded
	RawURI     []byte // $request_uri: path and arguments as received
	// RawPathValid: Path is still what RawURI says, so that a proxy may pass
	// RawURI on unchanged.
	RawPathValid bool
	// LocationValid: Path still begins with the name of Location. Not so after
	// a rewrite whose result is not searched for among the locations (break):
	// alias and proxies must not cut the name off then.
	LocationValid bool
	Host          []byte // the Host header or authority, lower case, without port
	Start         time.Time
	moment        time.Time // see Now
	waited        bool      // Waited has been called

	Server   *Server
	Location *Location
	Core     *Core // of Location
	handler  Handler

	Response   Response
	ErrStatus  Code // replaces the response's status when not 0
	HeaderSent bool
	HeaderOnly bool // no body follows: HEAD, 204, 304

	Main, Parent *Request // Main is the request itself unless it is a subrequest

	// Pipelined: it had come before the response to the one before it was sent.
	Pipelined   bool
	Internal    bool // reached through an internal redirect or subrequest
	AllowRanges bool // the handler offers ranges of the body
	SingleRange bool // but only one at a time
	// SubrequestRanges: a subrequest sends the range that was asked of the
	// main request, as slices do.
	SubrequestRanges bool
	// DisableNotModified: conditions of the client are not for this server to
	// judge, but for the back end that answered.
	DisableNotModified bool
	// TagDecides: conditions are judged as RFC 9110, 13.1.3, has it, not as nginx
	// does: If-Modified-Since counts only without If-None-Match, and a response
	// that is older fulfils it.
	TagDecides bool
	// ExpectTrailers: fields will follow the body.
	ExpectTrailers bool
	// AddPathToAlias: try_files found a path below the alias of a regex
	// location.
	AddPathToAlias bool
	AddToMain      bool // a subrequest whose headers go to the main request
	ErrorPage      bool // an error page is being produced
	replaced       bool // ReplaceResponse has answered
	InMemory       bool // body is to be in memory, not in file segments
	InMemoryOutput bool // subrequest whose output is kept in Output
	Output         []byte
	BodyInFile     bool // ReadBody is to make a file of the body, however small
	NoBody         bool // a subrequest that the client's request body does not go with
	Background     bool // a subrequest that runs for its effect only
	LimitRateSet   bool
	LogIt          bool // a subrequest that log_subrequest logs
	expectTested   bool
	discarded      bool
	badBody        Code // what the part of a discarded body deserves that has come; 0: nothing is wrong
	uriChanged     bool
	uriChanges     int
	subrequests    int
	answered       func(*Request, Code) Code
	output         bool // a subrequest that has sent something
	accessCode     Code
	done           bool
	stage          stage
	abandoned      bool // it has panicked
	broken         bool // nothing more is to be read or written
	ending         Ending
	goesOn         bool // see Next.SendAndGoOn

	// HeadBytes is the length of the response's head on the wire, which is no part
	// of $body_bytes_sent.
	HeadBytes int64

	// Found is what index or try_files saw of the file that they chose.
	Found openfile.Found

	Body body // the client's request body

	at      *addrServers // of the address that it came to
	ordinal int          // which request of its connection it is, from 1
	rate    int64        // limit_rate, once LimitRateSet

	kept
}

// kept is what a request leaves to the next one that uses its memory.
type kept struct {
	client     *Client
	carrier    Carrier
	filters    []BodyFilter
	contexts   []any
	spares     []spare
	departure  *departure
	afterwards []func()
}

// IsMain reports whether r came from a client, and is no subrequest.
func (r *Request) IsMain() bool { return r.Main == r }

// Log returns the error log of the request's location.
func (r *Request) Log() *errorlog.Log {
	if r.Core != nil && r.Core.ErrorLog.V != nil {
		return r.Core.ErrorLog.V
	}
	return r.Server.HTTP.Log
}

// Version returns the protocol version of the request.
func (r *Request) Version() message.Version { return r.Head.Version }

// Header returns the value of the first header of that name, nil if there is
// none.
func (r *Request) Header(id message.FieldID) []byte { return r.Head.Lookup(id) }

// setLocation makes l the request's location, for find.
func (r *Request) setLocation(l *Location) {
	r.Enter(&l.Level)
	r.Location = l
	r.Core = l.Core
	r.handler = l.Handler
}

// EnterIf makes the settings of an if or limit_except block those of the
// request. As in nginx, the handler stays what it was when the block has none:
// that of an if block before it, for one.
func (r *Request) EnterIf(l *Location) {
	handler := r.handler
	r.setLocation(l)
	if l.Handler == nil {
		r.handler = handler
	}
	r.applyLocation()
}

// applyLocation has the carrier take over what the location says of it.
func (r *Request) applyLocation() {
	if r.IsMain() {
		r.carrier.Configure()
	}
}

// reset makes r ready for a new request.
func (r *Request) reset() {
	r.Session.Reset()
	r.Response.reset()
	r.Body.reset()
	clear(r.contexts)
	for i := range r.spares {
		r.spares[i].taken = false
	}
	clear(r.filters)
	r.filters = r.filters[:0]
	r.departure.forget()
	clear(r.afterwards)
	r.afterwards = r.afterwards[:0]
	s, head, response, body, kept := r.Session, r.Head, r.Response, r.Body, r.kept
	*r = Request{}
	r.Session, r.Head, r.Response, r.Body, r.kept = s, head, response, body, kept
	r.Main = r
	r.LocationValid = true
	r.uriChanges = maxRedirects + 1
	r.subrequests = maxSubrequests + 1
}

// init gives a new r its memory.
func (r *Request) init() {
	r.Session.Init(r)
	r.Head, r.departure = new(message.Head), newDeparture()
	r.contexts, r.spares = make([]any, contextSlots), make([]spare, contextSlots)
	r.reset()
}
