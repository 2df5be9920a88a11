package web

import (
	"net"
	"net/netip"
	"time"

	"tandem/internal/errorlog"
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
	// The client's address, in the main request.
	remote        netip.AddrPort
	remoteText    string
	remoteChanged bool

	captures    []int
	captured    []byte
	matchFailed bool
	vars        *varStore
	scratch     *scratchStack
	rate        int64 // limit_rate, once LimitRateSet

	kept
}

// kept is what a request leaves to the next one that uses its memory.
type kept struct {
	client     *Client
	carrier    Carrier
	filters    []BodyFilter
	ownVars    varStore
	contexts   []any
	spares     []spare
	records    []any
	arena      arena
	ownScratch scratchStack
	cleanups   []func()
	afterwards []func()
}

// IsMain reports whether r came from a client, and is no subrequest.
func (r *Request) IsMain() bool { return r.Main == r }

// HTTP returns the http block.
func (r *Request) HTTP() *HTTP { return r.Server.HTTP }

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

// RemoteAddr returns the client's address: the connection's, or what the
// realip module made of it.
func (r *Request) RemoteAddr() netip.AddrPort { return r.Main.remote }

// RemoteText returns the client's address in text, "unix:" for a unix socket.
func (r *Request) RemoteText() string { return r.Main.remoteText }

// SetRemote changes the client's address for this request.
func (r *Request) SetRemote(addr netip.AddrPort) {
	// The text serves the connection's other requests too, which mostly come
	// from the same client.
	real := r.client.real.Load()
	if real == nil || real.addr != addr.Addr() {
		real = &realAddr{addr.Addr(), addr.Addr().String()}
		r.client.real.Store(real)
	}
	r.Main.remote, r.Main.remoteText, r.Main.remoteChanged = addr, real.text, true
}

// RemoteChanged reports whether SetRemote has been called in this request.
func (r *Request) RemoteChanged() bool { return r.Main.remoteChanged }

// PeerAddr returns the address at the other end of the connection, which
// SetRemote does not change.
func (r *Request) PeerAddr() netip.AddrPort { return r.client.peer }

// PeerText returns it in text, "unix:" for a unix socket.
func (r *Request) PeerText() string { return r.client.peerText }

// LocalAddr returns the address the client connected to, nil for a request that
// no client has sent.
func (r *Request) LocalAddr() net.Addr { return r.client.local }

// OnEnd has f called when the request has been logged.
func (r *Request) OnEnd(f func()) { r.Main.cleanups = append(r.Main.cleanups, f) }

// setLocation makes l the request's location, for find.
func (r *Request) setLocation(l *Location) {
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
	r.arena.reset()
	r.Response.reset()
	r.Body.reset()
	clear(r.contexts)
	for i := range r.spares {
		r.spares[i].taken = false
	}
	clear(r.records)
	clear(r.filters)
	r.filters = r.filters[:0]
	clear(r.cleanups)
	r.cleanups = r.cleanups[:0]
	clear(r.afterwards)
	r.afterwards = r.afterwards[:0]
	head, response, body, kept := r.Head, r.Response, r.Body, r.kept
	*r = Request{}
	r.Head, r.Response, r.Body, r.kept = head, response, body, kept
	r.Main = r
	r.scratch = &r.ownScratch
	r.vars = &r.ownVars
	r.LocationValid = true
	r.uriChanges = maxRedirects + 1
	r.subrequests = maxSubrequests + 1
}

// init gives a new r its memory.
func (r *Request) init() {
	r.Head = new(message.Head)
	r.contexts, r.spares, r.records = make([]any, contextSlots), make([]spare, contextSlots), make([]any, recordSlots)
	r.reset()
}
