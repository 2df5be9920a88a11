package web

import (
	"errors"
	"io"
	"os"

	"tandem/web/message"
)

// defaultBodyFolder is client_body_temp_path where it is not set.
const defaultBodyFolder = "client_body_temp"

// body is the request body once it has been read: in memory, or in a file
// when it is larger than client_body_buffer_size.
type body struct {
	Data []byte   // in memory; nil when File is set
	File *os.File // temporary file, read from offset 0
	Len  int64
	Read bool // the whole body is here

	buf  []byte // Data's memory, reused between requests up to keepBody
	name string // of File, when it still has one
	keep bool   // leave the file where it is (client_body_in_file_only on)
}

const keepBody = 64 << 10

func (b *body) reset() {
	buf := b.buf
	if cap(buf) > keepBody {
		buf = nil
	}
	*b = body{buf: buf[:0]}
}

// close gives up the temporary file.
func (b *body) close() {
	if b.File == nil {
		return
	}
	_ = b.File.Close()
	if b.name != "" && !b.keep {
		_ = os.Remove(b.name)
	}
	b.File = nil
}

// TakeBodyFile returns the name of the file that the body has been read into
// (see BodyInFile), which is the caller's from now on.
func (r *Request) TakeBodyFile() string {
	b := &r.Main.Body
	name := b.name
	b.name = ""
	return name
}

// HasBody reports whether the client sends a body.
func (r *Request) HasBody() bool { return r.Head.Body }

// LengthUnknown reports whether the client sends a body whose length only its end
// will tell.
func (r *Request) LengthUnknown() bool { return r.Head.Body && r.Head.ContentLength < 0 }

// ExpectContinue tells a client that waits for it to go on and send the body
// (RFC 9110, 10.1.1).
func (r *Request) ExpectContinue() error {
	if r.expectTested || !r.Head.Expect100 || r.Head.Version < message.HTTP11 || !r.IsMain() {
		return nil
	}
	r.expectTested = true
	return r.carrier.SendInterim(100, nil)
}

// ReadBody reads the whole request body into memory or a file. It returns OK,
// or the status to answer with.
func (r *Request) ReadBody() Code {
	main := r.Main
	if r.NoBody {
		return OK
	}
	if main.Body.Read || main.discarded {
		return OK
	}
	b := &main.Body
	if err := main.ExpectContinue(); err != nil {
		return Error
	}
	announced := main.Head.ContentLength
	if !main.HasBody() && !r.BodyInFile && announced < 0 {
		b.Read = true
		return OK
	}
	most := r.bodyInMemory()
	max := r.Core.ClientMaxBodySize.V
	toFile := r.BodyInFile || r.Core.ClientBodyInFileOnly.V != BodyFileOff
	b.keep = r.Core.ClientBodyInFileOnly.V == BodyFileOn
	if toFile {
		if code := r.bodyToFile(b); code != OK {
			return code
		}
	}
	reader := r.BodyReader()
	b.Data = nonNil(b.buf[:0])
	defer r.Waited()
	for {
		b.grow(most, announced)
		n, err := reader.Read(b.Data[len(b.Data):cap(b.Data)])
		b.Data = b.Data[:len(b.Data)+n]
		b.Len += int64(n)
		if max > 0 && b.Len > max {
			r.Logf(errLevelError, "client intended to send too large chunked body: %d bytes", b.Len)
			return 413
		}
		if b.File != nil || main.carrier.BodyTaken() > most {
			if code := r.bodyToFile(b); code != OK {
				return code
			}
		}
		switch {
		case err == io.EOF:
			b.Read = true
			if b.File == nil {
				b.buf = b.Data
			} else {
				b.Data = nil
			}
			return OK
		case err != nil:
			return r.bodyError(err)
		}
	}
}

// bodyInMemory returns how many bytes a body may have on the wire that stays in
// memory. As in nginx one of known length may be up to a quarter larger than
// client_body_buffer_size, and what has come with the head does not count as far
// as it fits into the buffer of the head; from HTTP/2 on neither is so.
func (r *Request) bodyInMemory() int64 {
	limit, announced := r.Core.ClientBodyBufferSize.V, r.Main.Head.ContentLength
	if r.Main.Head.Version >= message.HTTP2 {
		return limit
	}
	lim, head := &r.Server.Core.Limits, r.Main.Head.Size
	buffer := lim.HeaderBuffer
	if head > buffer {
		buffer = lim.LargeSize
	}
	room := int64(max(buffer-head, 0))
	early := min(int64(r.Main.carrier.BodyBuffered()), room)
	switch {
	case announced < 0:
		return limit + early
	case announced <= room, announced-early < limit+limit/4:
		return announced
	}
	return limit
}

// grow makes room for the next read.
func (b *body) grow(limit, announced int64) {
	if len(b.Data) < cap(b.Data) {
		return
	}
	size := int64(cap(b.Data))*2 + 4096
	if announced > 0 {
		// One byte more, so that the end is seen without growing again.
		size = min(size, announced+1)
	}
	size = max(min(size, limit+1), int64(len(b.Data))+1)
	b.Data = append(make([]byte, 0, size), b.Data...)
}

// bodyToFile moves what has been read so far to the temporary file.
func (r *Request) bodyToFile(b *body) Code {
	if b.File == nil {
		f, err := r.CreateTemp(r.Core.ClientBodyTempPath.V)
		if err != nil {
			r.Logf(errLevelCrit, "%v", err)
			return 500
		}
		b.File, b.name = f, f.Name()
		if len(b.Data) > 0 {
			r.Logf(errLevelWarn, "a client request body is buffered to a temporary file %s", b.name)
		}
	}
	if _, err := b.File.Write(b.Data); err != nil {
		r.Logf(errLevelCrit, "%v", err)
		return 500
	}
	b.Data = b.Data[:0]
	return OK
}

// bodyError turns a failure to read the body into the status it deserves.
func (r *Request) bodyError(err error) Code {
	var bad *message.BadRequest
	switch {
	case errors.As(err, &bad):
		r.Logf(errLevelInfo, "%s", bad.Reason)
		r.CloseAfter()
		return Code(bad.Status)
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.Logf(errLevelInfo, "client timed out (110: Connection timed out) while reading client request body")
		r.TimedOut()
		return 408
	default:
		r.Logf(errLevelInfo, "client prematurely closed connection while reading client request body")
		return 400
	}
}

// BodyReader reads the request body as it arrives; io.EOF at its end.
func (r *Request) BodyReader() io.Reader { return bodyReader{r.Main} }

type bodyReader struct{ r *Request }

func (b bodyReader) Read(p []byte) (int, error) { return b.r.carrier.ReadBody(p) }

// DiscardBody has the rest of the request body thrown away when the response
// is complete, if there is one. A client that waits for leave to send it is
// given it, unless the request has been refused. A subrequest has no say in
// that.
func (r *Request) DiscardBody() {
	if !r.IsMain() || r.discarded || r.Body.Read {
		return
	}
	r.discarded = true
	if err := r.ExpectContinue(); err != nil {
		r.LogSendError(err)
	}
	if err := r.carrier.DropBody(); err != nil {
		r.badBody = r.bodyError(err)
	}
}
