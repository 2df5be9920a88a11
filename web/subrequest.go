package web

// SubrequestOptions say what becomes of a subrequest's response.
type SubrequestOptions struct {
	InMemory   bool // keep the body in Output; send nothing
	HeaderOnly bool // the body is of no interest
	Background bool // runs for its effect; nothing of it is sent
	NoBody     bool // the client's request body is neither read nor passed on
	KeepMethod bool // it has the method of the main request, not GET
	// Answered is asked what to make of the code that the subrequest's
	// handler came to, before an error page is sent for it. Nil: nothing else.
	Answered func(sr *Request, code Code) Code
}

// Subrequest runs a request for another path as part of r, and returns it when
// it is complete. Its body goes out as part of the main response unless opts
// say otherwise. It returns nil when subrequests nest too deep.
func (r *Request) Subrequest(path, args []byte, opts SubrequestOptions) *Request {
	sr := r.newSubrequest(path, args, opts)
	if sr == nil {
		return nil
	}
	sr.runAlone()
	sr.logSubrequest()
	r.Waited()
	return sr
}

// runAlone runs a subrequest.
func (sr *Request) runAlone() {
	defer sr.containedAlone()
	sr.runFromServerRewrite()
}

// Again has what answered r run once more in the background, for what it does
// beside answering: it brings a cache up to date.
func (r *Request) Again() { r.clone(SubrequestOptions{Background: true}, nil) }

// Clone has what answered r run once more as a subrequest, whose body goes out as
// part of the main response; prepare is called before. It returns the subrequest
// when it is complete, nil when subrequests nest too deep.
func (r *Request) Clone(prepare func(sr *Request)) *Request {
	return r.clone(SubrequestOptions{}, prepare)
}

func (r *Request) clone(opts SubrequestOptions, prepare func(sr *Request)) *Request {
	sr := r.newSubrequest(r.Path, r.Args, opts)
	if sr == nil {
		return nil
	}
	sr.Method, sr.MethodName = r.Method, r.MethodName
	sr.Internal, sr.RawPathValid = r.Internal, r.RawPathValid
	sr.setLocation(r.Location)
	sr.handler = r.handler
	sr.CopyCaptures(&r.Session)
	if prepare != nil {
		prepare(sr)
	}
	sr.runContentAlone()
	sr.logSubrequest()
	r.Waited()
	return sr
}

func (sr *Request) runContentAlone() {
	defer sr.containedAlone()
	sr.runContent()
}

// newSubrequest makes a subrequest that has yet to be run; nil when they nest
// too deep.
func (r *Request) newSubrequest(path, args []byte, opts SubrequestOptions) *Request {
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
		subrequests:    r.subrequests - 1,
		uriChanges:     maxRedirects + 1,
		kept: kept{
			client:   r.client,
			carrier:  r.carrier,
			contexts: make([]any, contextSlots),
		},
	}
	sr.Session.Init(sr)
	sr.AttachTo(&r.Session)
	sr.Response.reset()
	sr.Background = opts.Background
	if opts.Background || opts.HeaderOnly {
		sr.HeaderOnly = true
	}
	if opts.KeepMethod {
		sr.Method, sr.MethodName = main.Method, main.MethodName
	}
	sr.setLocation(r.Server.Location)
	return sr
}

func (r *Request) logSubrequest() {
	if r.Core.LogSubrequest.V {
		r.runLog()
	}
}

// Afterwards has f called when the response has been sent, before the request
// is logged.
func (r *Request) Afterwards(f func()) { r.Main.afterwards = append(r.Main.afterwards, f) }

// runAfterwards runs what waits for the response to have been sent, and then
// the post_action.
func (r *Request) runAfterwards() {
	for _, f := range r.afterwards {
		f()
	}
	uri := r.Core.PostAction.V
	if uri == "" {
		return
	}
	opts := SubrequestOptions{Background: true, KeepMethod: true}
	if uri[0] == '/' {
		r.Subrequest([]byte(uri), nil, opts)
		return
	}
	if sr := r.newSubrequest(r.Path, r.Args, opts); sr != nil {
		sr.NamedLocation([]byte(uri))
		sr.logSubrequest()
	}
}
