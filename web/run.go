package web

import (
	"tandem/internal/escape"
)

// handle runs a request through the phases: from the beginning for one from a
// client, from the server's rewrite directives for one that was redirected.
func (r *Request) handle() {
	if !r.Internal {
		r.ending = Stays
		if r.runPhase(PostRead) {
			return
		}
	}
	r.runFromServerRewrite()
}

// runFromServerRewrite runs the server-rewrite phase and all after it.
func (r *Request) runFromServerRewrite() {
	if r.runPhase(ServerRewrite) {
		return
	}
	r.runFromFindConfig()
}

// runFromFindConfig finds the location and runs what follows, again when
// rewrite directives changed the path.
func (r *Request) runFromFindConfig() {
	for {
		if r.findLocation() {
			return
		}
		if r.runPhase(Rewrite) {
			return
		}
		if !r.uriChanged {
			break
		}
		if !r.countRedirect() {
			return
		}
	}
	r.runFromPreAccess()
}

// countRedirect counts one more change of the path inside the server; false
// when there were too many and the request has been answered.
func (r *Request) countRedirect() bool {
	r.uriChanges--
	if r.uriChanges > 0 {
		return true
	}
	r.Logf(errLevelError, "rewrite or internal redirection cycle while processing \"%s\"", r.Path)
	r.Finalize(500)
	return false
}

// runFromPreAccess runs the phases after the location is settled.
func (r *Request) runFromPreAccess() {
	dealtWith := r.runPhase(PreAccess)
	r.arrived()
	if dealtWith || r.runAccess() || r.runPhase(PreContent) {
		return
	}
	r.runContent()
}

// runPhase asks the handlers of a phase one by one; true when the request has
// been dealt with.
func (r *Request) runPhase(p Phase) (dealtWith bool) {
	for _, handler := range r.Server.HTTP.handlers[p] {
		switch code := handler(r); code {
		case Declined:
		case OK:
			// In the rewrite phases every handler runs; elsewhere OK ends
			// the phase.
			if p != Rewrite && p != ServerRewrite {
				return false
			}
		case Done:
			return true
		default:
			r.Finalize(code)
			return true
		}
	}
	return false
}

// runAccess combines the access handlers as satisfy says.
func (r *Request) runAccess() (dealtWith bool) {
	if !r.IsMain() {
		return false
	}
	for _, handler := range r.Server.HTTP.handlers[Access] {
		code := handler(r)
		switch {
		case code == Declined:
			continue
		case code == Done:
			return true
		case r.Core.Satisfy.V == SatisfyAll:
			if code == OK {
				continue
			}
		case code == OK:
			r.accessCode = 0
			_, header := r.Challenge()
			r.Response.Del(header)
			return false
		case code == 403 || code == 401 || code == 407:
			if r.accessCode != 401 && r.accessCode != 407 {
				r.accessCode = code
			}
			continue
		}
		r.refuseAccess(code)
		return true
	}
	if code := r.accessCode; code != 0 {
		r.accessCode = 0
		if code == 403 {
			r.Logf(errLevelError, "access forbidden by rule")
		}
		r.refuseAccess(code)
		return true
	}
	return false
}

// refuseAccess ends the request, after auth_delay if the client is to give
// other credentials: so that guessing them takes its time.
func (r *Request) refuseAccess(code Code) {
	if delay := r.Core.AuthDelay.V; (code == 401 || code == 407) && delay > 0 {
		r.Logf(errLevelInfo, "delaying unauthorized request")
		if !r.Wait(delay) {
			r.Logf(errLevelInfo, "client prematurely closed connection")
			code = StatusClientClosed
		}
	}
	r.Finalize(code)
}

// runContent has the location's handler or the content phase answer.
func (r *Request) runContent() {
	if r.handler != nil {
		r.Finalize(r.handler(r))
		return
	}
	for _, handler := range r.Server.HTTP.handlers[Content] {
		if code := handler(r); code != Declined {
			r.Finalize(code)
			return
		}
	}
	if n := len(r.Path); n > 0 && r.Path[n-1] == '/' {
		if path, ok := r.MapPath(nil); ok {
			r.Logf(errLevelError, "directory index of \"%s\" is forbidden", path)
		}
		r.Finalize(403)
		return
	}
	r.Logf(errLevelError, "no handler found")
	r.Finalize(404)
}

// findLocation settles the location and what it demands of the request; true
// when the request has been answered.
func (r *Request) findLocation() (dealtWith bool) {
	r.uriChanged = false
	r.setLocation(r.Server.Location)
	result := r.Server.Location.find(r, r.Path)
	if result == findFailed {
		r.Finalize(500)
		return true
	}
	if !r.Internal && r.Core.Internal.V {
		r.Finalize(404)
		return true
	}
	r.applyLocation()
	if r.applyLimitExcept(); r.tooLargeBody() {
		return true
	}
	if result == findRedirect {
		r.redirectToLocation()
		return true
	}
	return false
}

// tooLargeBody refuses a body that is announced as larger than
// client_max_body_size.
func (r *Request) tooLargeBody() bool {
	limit := r.Core.ClientMaxBodySize.V
	if r.Head.ContentLength == -1 || r.discarded || limit == 0 || limit >= r.Head.ContentLength || !r.IsMain() {
		return false
	}
	r.Logf(errLevelError, "client intended to send too large body: %d bytes", r.Head.ContentLength)
	r.expectTested = true
	r.DiscardBody()
	r.Finalize(413)
	return true
}

// redirectToLocation answers 301 to the location's name with its final slash.
func (r *Request) redirectToLocation() {
	r.clearLocationHeader()
	scratch := escape.AppendURI(r.Scratch(), []byte(r.Location.Name), escape.URI)
	if len(r.Args) > 0 {
		scratch = append(append(scratch, '?'), r.Args...)
	}
	r.Response.Location = r.Keep(scratch)
	r.Unscratch(scratch)
	r.Finalize(301)
}

func (r *Request) clearLocationHeader() { r.Response.Location = nil }

// InternalRedirect runs the request again with another path and arguments.
// The caller returns Done.
func (r *Request) InternalRedirect(path, args []byte) Code {
	if r.uriChanges--; r.uriChanges == 0 {
		r.Logf(errLevelError, "rewrite or internal redirection cycle while internally redirecting to \"%s\"", path)
		r.Finalize(500)
		return Done
	}
	if len(path) == 0 {
		r.Logf(errLevelError, "empty URI in internal redirect")
		r.Finalize(500)
		return Done
	}
	r.Path, r.Args = path, args
	r.RawPathValid, r.AddPathToAlias = false, false
	clear(r.contexts)
	r.setLocation(r.Server.Location)
	r.applyLocation()
	r.Internal = true
	r.AddToMain = false
	r.runFromServerRewrite()
	return Done
}

// NamedLocation runs the request again in the location @name, path and
// arguments unchanged. The caller returns Done.
func (r *Request) NamedLocation(name []byte) Code {
	if r.uriChanges--; r.uriChanges == 0 {
		r.Logf(errLevelError, "rewrite or internal redirection cycle while redirect to named location \"%s\"", name)
		r.Finalize(500)
		return Done
	}
	if len(r.Path) == 0 {
		r.Logf(errLevelError, "empty URI in redirect to named location \"%s\"", name)
		r.Finalize(500)
		return Done
	}
	l := r.Server.named[string(name)]
	if l == nil {
		r.Logf(errLevelError, "could not find named location \"%s\"", name)
		r.Finalize(500)
		return Done
	}
	r.Internal = true
	clear(r.contexts)
	r.setLocation(l)
	r.applyLocation()
	r.uriChanged = false
	r.runFromRewrite()
	return Done
}

// runFromRewrite runs the location's rewrite directives and what follows.
func (r *Request) runFromRewrite() {
	if r.runPhase(Rewrite) {
		return
	}
	if !r.uriChanged {
		r.runFromPreAccess()
		return
	}
	if r.countRedirect() {
		r.runFromFindConfig()
	}
}

// ChangePath gives the request another path in a rewrite phase. The location
// is looked for anew after the phase, unless StayInLocation is called.
func (r *Request) ChangePath(path []byte) {
	r.Path = path
	r.RawPathValid = false
	r.Internal = true
	r.uriChanged = true
}

// StayInLocation keeps the location although the path has changed, as the
// break of the rewrite module does.
func (r *Request) StayInLocation() {
	if r.uriChanged {
		r.uriChanged = false
		r.LocationValid = false
	}
}
