package web

import (
	"bytes"

	"tandem/web/message"
)

// Finalize ends the request with what a handler of the content phase, or a
// refusal of an earlier one, came to: OK and Error after a response was sent;
// a status to be answered, through error_page where that applies.
func (r *Request) Finalize(code Code) {
	if f := r.answered; f != nil && code != Done {
		r.answered = nil
		code = f(r, code)
	}
	switch {
	case code == Done:
		return
	case code == Error && r.replaced:
		// A filter has answered in place of the handler.
	case code == Error, code == StatusClientClosed, code == 408:
		// The connection is of no more use: 408 is logged, not sent, as in
		// nginx.
		r.fail(code)
		return
	case code == Declined:
		r.runContentPhase()
		return
	case code >= 300 || code == 201 || code == 204:
		if code == StatusClose {
			r.TimedOut() // nginx takes it for that
			r.fail(code)
			return
		}
		if r.HeaderSent {
			// Too late to answer otherwise.
			r.fail(Error)
			return
		}
		r.Finalize(r.special(code))
		return
	}
	r.done = true
}

// runContentPhase has the content phase answer although the location has a
// handler, which declined.
func (r *Request) runContentPhase() {
	for _, handler := range r.Server.HTTP.handlers[Content] {
		if code := handler(r); code != Declined {
			r.Finalize(code)
			return
		}
	}
	r.Finalize(404)
}

// fail ends the request and its connection without a further word.
func (r *Request) fail(code Code) {
	r.done = true
	r.Main.broken = true
	if !r.HeaderSent && code > 0 {
		r.Response.Status = int(code)
	}
}

// special answers with a status that is no plain success: an error page of the
// configuration, a redirect, or the built-in page.
func (r *Request) special(code Code) Code {
	r.ErrStatus = code
	if r.IsMain() {
		switch code {
		case 400, StatusToHTTPS, StatusCertError, StatusNoCert:
			r.endWith(EndsHastily)
		case 413, 414, 500, 501:
			r.endWith(Ends)
		}
	}
	r.Response.ContentType = nil
	if !r.ErrorPage && r.Core.ErrorPages.V != nil && r.uriChanges != 0 {
		if !r.Core.RecursiveErrors.V {
			r.ErrorPage = true
		}
		for _, page := range r.Core.ErrorPages.V {
			if page.status == code {
				return r.sendErrorPage(page)
			}
		}
	}
	r.expectTested = true
	r.DiscardBody()
	if r.Core.MSIERefresh.V && r.isMSIE() && (code == 301 || code == 302) {
		return r.sendRefresh()
	}
	switch code {
	case StatusToHTTPS, StatusCertError, StatusNoCert, StatusRequestHeaderTooLarge:
		r.ErrStatus = 400
	}
	return r.sendBuiltinPage(code)
}

// sendErrorPage does what an error_page directive says.
func (r *Request) sendErrorPage(page *ErrorPage) Code {
	if page.overwrite != 0 && page.overwrite != 200 {
		// The client is refused, and need not send its body: only "=" and "=200"
		// may make a success of it.
		r.expectTested = true
	}
	if page.overwrite >= 0 {
		r.ErrStatus = Code(page.overwrite)
	}
	uri := page.uri.Value(&r.Session)
	if len(uri) > 0 && uri[0] == '/' {
		path, args := uri, page.args
		if !page.uri.IsLiteral() {
			path, args, _ = bytes.Cut(uri, []byte("?"))
		}
		if r.Method != HEAD {
			r.Method, r.MethodName = GET, methodGET
		}
		return r.InternalRedirect(path, args)
	}
	if len(uri) > 0 && uri[0] == '@' {
		return r.NamedLocation(uri)
	}
	r.expectTested = true
	r.DiscardBody()
	switch page.overwrite {
	case 301, 302, 303, 307, 308:
	default:
		r.ErrStatus = 302
	}
	r.Response.Location = uri
	if r.Core.MSIERefresh.V && r.isMSIE() {
		return r.sendRefresh()
	}
	return r.sendBuiltinPage(r.ErrStatus)
}

var methodGET = []byte("GET")

// sendBuiltinPage sends nginx's own page for a status, or no body where it has
// none.
func (r *Request) sendBuiltinPage(code Code) Code {
	page := builtinPage(code)
	p := &r.Response
	p.ContentLength = 0
	tail := errorTails[r.Core.ServerTokens.V]
	padding := page != "" && code >= 400 && r.Core.MSIEPadding.V && r.Head.Version >= message.HTTP10 &&
		(r.isMSIE() || r.isChrome())
	if page != "" {
		p.ContentLength = int64(len(page) + len(tail))
		if padding {
			p.ContentLength += int64(len(msiePadding))
		}
		p.ContentType = textHTML
	}
	r.ClearAcceptRanges()
	p.LastModified = -1
	p.SetETag(nil)
	if code := r.SendHeader(); code != OK || r.HeaderOnly {
		return code
	}
	if page == "" {
		return r.SendBody(Chunk{Last: true})
	}
	scratch := append(append(r.Scratch(), page...), tail...)
	if padding {
		scratch = append(scratch, msiePadding...)
	}
	sent := r.SendBody(Chunk{Data: scratch, Last: true})
	r.Unscratch(scratch)
	return sent
}

// SendBody is Send for handlers, which answer with a Code.
func (r *Request) SendBody(c Chunk) Code {
	if err := r.Send(c); err != nil {
		r.LogSendError(err)
		return Error
	}
	return OK
}

// SendHeadNow sends what waits of a response without a body, for handlers that have
// more to do.
func (r *Request) SendHeadNow() {
	if !r.IsMain() {
		return
	}
	if err := r.carrier.Flush(); err != nil {
		r.LogSendError(err)
	}
}

// SendHeader runs the header filters and begins the response.
func (r *Request) SendHeader() Code {
	if r.HeaderSent {
		r.Logf(errLevelAlert, "header already sent")
		return Error
	}
	if bad := r.badBody; bad != 0 {
		// The body that was to be discarded is faulty.
		r.badBody = 0
		if r.ErrStatus == 0 {
			return bad
		}
	}
	if r.ErrStatus != 0 {
		r.Response.Status = int(r.ErrStatus)
		r.Response.StatusLine = nil
	}
	for _, filter := range r.Server.HTTP.headerFilters {
		if code := filter(r); code != OK {
			// The filters begin anew with the response to that status.
			r.filters = r.filters[:0]
			return code
		}
	}
	return r.finishHead()
}

// ReplaceResponse answers with a status in place of the response that a header
// filter was given, of which nothing remains. The filter returns its Code,
// which keeps the handler from sending its body.
func (r *Request) ReplaceResponse(code Code) Code {
	r.filters = r.filters[:0]
	r.clearHead()
	clear(r.contexts)
	switch sent := r.special(code); sent {
	case OK, Done:
		r.replaced = true
		return Error
	default:
		return sent
	}
}

// finishHead is the end of the header filters: it hands the head to the protocol.
func (r *Request) finishHead() Code {
	r.HeaderSent = true
	if !r.IsMain() {
		r.HeaderOnly = r.HeaderOnly || r.Method == HEAD && !r.InMemoryOutput
		return OK
	}
	p := &r.Response
	if r.Method == HEAD {
		r.HeaderOnly = true
	}
	if p.LastModified != -1 && p.Status != 200 && p.Status != 206 && p.Status != 304 {
		p.LastModified = -1
	}
	if NoContent(p.Status) {
		r.HeaderOnly = true
		switch {
		case p.StatusLine == nil:
			p.ContentType, p.ContentLength = nil, -1
		case p.Status != 304:
			// "A server MUST NOT send a Content-Length header field in any
			// response with a status code of 1xx (Informational) or 204 (No
			// Content)" (RFC 9110 section 8.6); with 304 it tells what 200 would.
			p.ContentLength = -1
		}
		if p.Status == 304 {
			p.Location = nil
		}
	}
	if err := r.carrier.SendHead(); err != nil {
		r.LogSendError(err)
		return Error
	}
	return OK
}

// isMSIE and isChrome: as nginx recognises them for msie_padding.
func (r *Request) isMSIE() bool {
	ua := r.Header(message.UserAgent)
	i := bytes.Index(ua, []byte("MSIE "))
	return i >= 0 && i+7 < len(ua) && !bytes.Contains(ua, []byte("Opera"))
}

func (r *Request) isChrome() bool {
	ua := r.Header(message.UserAgent)
	return bytes.Contains(ua, []byte("Chrome/")) && !bytes.Contains(ua, []byte("Opera"))
}

// IsMSIE6 reports whether the browser is Internet Explorer 4 to 6, before the
// security update of the latter, as nginx recognises it.
func (r *Request) IsMSIE6() bool {
	if !r.isMSIE() {
		return false
	}
	ua := r.Header(message.UserAgent)
	ua = ua[bytes.Index(ua, []byte("MSIE ")):]
	major := ua[len("MSIE ")]
	return ua[len("MSIE ")+1] == '.' && (major == '4' || major == '5' || major == '6' && !bytes.Contains(ua, []byte("SV1")))
}

// KeepaliveDisabled reports whether keepalive_disable concerns this browser.
func (r *Request) KeepaliveDisabled() bool {
	ua, mask := r.Header(message.UserAgent), r.Core.KeepaliveDisable.V
	if ua == nil || mask == 0 {
		return false
	}
	if mask&disableMSIE6 != 0 && r.Method == POST && r.IsMSIE6() {
		return true
	}
	return mask&disableSafari != 0 && bytes.Contains(ua, []byte("Safari/")) && bytes.Contains(ua, []byte("Mac OS X")) && !r.isChrome()
}
