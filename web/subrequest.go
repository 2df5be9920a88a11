package web

// SubrequestOptions say what becomes of a subrequest's response.
type SubrequestOptions struct {
	InMemory   bool // keep the body in Output; send nothing
	HeaderOnly bool // the body is of no interest
	Background bool // runs for its effect; nothing of it is sent
	NoBody     bool // the client's request body is neither read nor passed on
	// Answered is asked what to make of the code that the subrequest's
	// handler came to, before an error page is sent for it. Nil: nothing else.
	Answered func(sr *Request, code Code) Code
}

// Subrequest runs a request for another path as part of r, and returns it when
// it is complete. Its body goes out as part of the main response unless opts
// say otherwise. It returns nil when subrequests nest too deep.
func (r *Request) Subrequest(path, args []byte, opts SubrequestOptions) *Request {
	if r.subrequests == 0 {
		r.Logf(errLevelError, "subrequests cycle while processing \"%s\"", path)
		return nil
	}
	main := r.Main
	sr := &Request{
		Head:           main.Head,
		Method:         GET,
		MethodName:     methodGET,
		Path:           path,
		Args:           args,
		RawURI:         r.RawURI,
		Host:           r.Host,
		Start:          main.Start,
		Server:         r.Server,
		Main:           main,
		Parent:         r,
		Internal:       true,
		LocationValid:  r.LocationValid,
		InMemoryOutput: opts.InMemory,
		HeaderOnly:     opts.HeaderOnly,
		NoBody:         opts.NoBody,
		answered:       opts.Answered,
		vars:           r.vars,
		scratch:        r.scratch,
		subrequests:    r.subrequests - 1,
		uriChanges:     maxRedirects + 1,
		kept: kept{
			conn:     r.conn,
			stream:   r.stream,
			contexts: make([]any, contextSlots),
			records:  make([]any, recordSlots),
		},
	}
	sr.Response.reset()
	sr.Background = opts.Background
	if opts.Background || opts.HeaderOnly {
		sr.HeaderOnly = true
	}
	sr.setLocation(r.Server.Location)
	sr.runFromServerRewrite()
	if sr.Core.LogSubrequest.V {
		sr.runLog()
	}
	return sr
}
