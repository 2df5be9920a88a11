package web

// Carrier is what a request needs of the protocol that carries it. It belongs to
// one request, whose goroutine uses it; where another goroutine may use it, the
// method says so. What it may carry besides is told by optional interfaces:
// Tunnel and FieldAdder.
//
// Time-outs are the carrier's: os.ErrDeadlineExceeded says that client_body_timeout
// passed without a byte of the body, or send_timeout without a byte taken.
type Carrier interface {
	Sender
	BodySource
	Presence
	// Configure is called whenever the settings in Request.Core become others
	// that concern what follows: its time-outs and the like.
	Configure()
	// TimedOut says that the client was too slow, or is to be treated so:
	// nothing more is sent to it. With reset what has been sent and not been
	// taken is of no use either (reset_timedout_connection).
	TimedOut(reset bool)
}

// Sender takes the response.
type Sender interface {
	// SendHead takes the head of the response: Request.Response, of which
	// Request.WriteFields tells the fields. No body follows when
	// Request.HeaderOnly is set. The head may wait for the first piece of the
	// body. Its length on the wire is noted in Request.HeadBytes.
	SendHead() error
	// SendBody takes the next piece of the body; a piece that is Last ends the
	// response. What is not Last and does not ask to be flushed may wait.
	SendBody(c Chunk) error
	// SendInterim sends an interim response at once: 100, which has the client
	// send its body, or 103.
	SendInterim(status int, fields []ResponseField) error
	// Flush sends what waits.
	Flush() error
	// Sent returns how many bytes have been sent to the client for the request,
	// framing and interim responses included.
	Sent() int64
}

// BodySource gives the body of the request.
type BodySource interface {
	// ReadBody reads, and waits until there is something; io.EOF at the end. A
	// body that is faulty is a *message.BadRequest, and a client that left an
	// error of any other kind.
	ReadBody(p []byte) (int, error)
	// ReadBodyNow is ReadBody of what can be read without waiting;
	// flow.ErrNotYet when that is nothing.
	ReadBodyNow(p []byte) (int, error)
	// BodyBuffered returns how many bytes of the body, and perhaps of what follows,
	// have come that ReadBodyNow finds without asking the network.
	BodyBuffered() int
	// BodyTaken returns how many bytes of the body have been read, with their
	// framing and without what has been dropped.
	BodyTaken() int64
	// BodyDone reports whether the whole body has been read.
	BodyDone() bool
	// DropBody drops what has come of the body, and has the rest dropped. The
	// error is a *message.BadRequest when what has come is faulty.
	DropBody() error
}

// Presence tells of the client while something else is waited for.
type Presence interface {
	// Watch has gone called, once and from another goroutine, when the client
	// gives the request up or closes its connection, until StopWatch. gone must
	// be quick and must not call StopWatch.
	Watch(gone func())
	// StopWatch ends Watch. When it returns, gone is not running and will not
	// be called.
	StopWatch()
	// OnSlow has slow called, once, when a write has to wait for the client; nil
	// ends that. slow must not block.
	OnSlow(slow func())
	// Slow calls what OnSlow was given, for a wait of the server's own making.
	Slow()
	// InterruptBody, called from any goroutine, makes a ReadBody or TunnelRead
	// that waits on another goroutine return flow.ErrInterrupted, and those that
	// would have to wait, until ResumeBody.
	InterruptBody()
	// ResumeBody ends InterruptBody, when nothing reads any more.
	ResumeBody()
}

// Tunnel is a carrier that can leave its connection, or its part of one, to
// bytes that are no message: after CONNECT or a change of protocol.
type Tunnel interface {
	// StartTunnel sends what waits. Then one goroutine may read and one write.
	StartTunnel() error
	// TunnelRead reads what the client sends, without a time limit; io.EOF at
	// its end.
	TunnelRead(p []byte) (int, error)
	// TunnelWrite sends bytes to the client as they are.
	TunnelWrite(p []byte) (int, error)
}

// FieldAdder is a carrier that adds fields of its own to the head of a response,
// which $sent_http_NAME shows.
type FieldAdder interface {
	// AppendSent appends the value of one of them, by its name in lower case
	// with underscores. ok is false when there is none of that name.
	AppendSent(dst []byte, name string) (value []byte, ok bool)
}

// Ending says what becomes of the connection after a request, where requests
// follow one another. Where they do not, it is of no concern.
type Ending uint8

// The endings, each of which outweighs those before it.
const (
	Stays       Ending = iota // another request may follow
	Ends                      // none follows: the state of the connection is not known
	EndsHastily               // and what the client is still sending is not waited for
)

// CloseAfter has the connection end with the request, because what follows on it
// could not be understood.
func (r *Request) CloseAfter() { r.endWith(Ends) }

func (r *Request) endWith(e Ending) { r.Main.ending = max(r.Main.ending, e) }

// Ending returns what the request makes of its connection.
func (r *Request) Ending() Ending { return r.ending }

// Broken reports whether the response cannot be completed: nothing more is to be
// read from the client or written to it.
func (r *Request) Broken() bool { return r.Main.broken }
