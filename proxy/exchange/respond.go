package exchange

import (
	"time"

	"tandem/proxy/answer"
	"tandem/web"
)

// respond takes a response whose head has been read to the client, unless
// another peer is to be asked instead.
func (x *Exchange) respond() outcome {
	now := x.Request.Now()
	s := x.state()
	s.header = now.Sub(x.tryBegan)
	s.status = x.Head.Status
	x.judge()
	x.outdate()
	if x.Head.Status >= 300 {
		if o, taken := x.testNext(now); taken {
			return o
		}
		if o, taken := x.revalidated(); taken {
			return o
		}
		if code, taken := x.intercept(); taken {
			if x.kept != nil {
				x.kept.Fail(x.Head.Status)
			}
			x.finish(x.Done)
			return outcome{code: code}
		}
	}
	x.selection.HeaderReceived(now)
	x.bound.Answered(x.Request)
	if code, done := x.sendHead(); done {
		return outcome{code: code}
	}
	if x.Upgrade {
		x.notKept()
		return outcome{code: x.tunnel()}
	}
	x.beginCopy()
	x.watch()
	if x.Request.HeaderOnly && x.copy == nil {
		x.dropBody()
		return outcome{code: web.OK}
	}
	if x.Request.HeaderOnly {
		x.Request.SendHeadNow()
	}
	return outcome{code: x.relay()}
}

// sendHead sends the head of the answer to the client, wherever it has come from;
// done: the answer is none for the client, or it could not be sent.
func (x *Exchange) sendHead() (code web.Code, done bool) {
	if code, taken := x.redirect(); taken {
		return code, true
	}
	x.CopyHead(x.Request, &x.Settings.Answers, x.rewriter())
	if x.streams != nil && x.Head.ContentLength == 0 && !x.Done && x.Settings.Answers.PassTrailers.V {
		// Only what has ended is known to have nothing behind it.
		x.Request.ExpectTrailers = true
	}
	x.tellStatus()
	if code := x.Request.SendHeader(); code != web.OK {
		x.finish(false)
		return code, true
	}
	return web.OK, false
}

// dropBody ends a response whose body nobody wants.
func (x *Exchange) dropBody() {
	if x.Request.Method != web.HEAD {
		// What has come with the head of a 204 or 304 counts, and is told of.
		x.state().length += int64(len(x.rest))
		if x.Done && len(x.rest) > 0 {
			x.withHead = !x.Buffering
			_, _, _ = x.proto.ParseBody(x.rest)
		}
	}
	x.finish(x.Done && len(x.rest) == 0)
}

// testNext asks another peer when the response's status is a reason to.
func (x *Exchange) testNext(now time.Time) (outcome, bool) {
	why := conditionOf(x.Head.Status)
	switch {
	case why == 0:
		return outcome{}, false
	case x.selection.Tries > 1 && x.mayRetry(why, now):
	case x.Settings.UseStale.V&why != 0:
		return x.useStale()
	default:
		return outcome{}, false
	}
	x.log(logError, readingHead, "upstream answered %d, another one is asked", x.Head.Status)
	return x.next(why), true
}

// intercept replaces an error of the back end by error_page, when told to.
func (x *Exchange) intercept() (web.Code, bool) {
	r := x.Request
	code := web.Code(x.Head.Status)
	c := &x.Settings.Answers
	if !(c.Intercept404 && code == 404) && !(c.InterceptErrors.V && r.Core.HasErrorPage(code)) {
		return 0, false
	}
	if code == 401 {
		for i := range x.Head.Fields {
			if f := &x.Head.Fields[i]; f.ID == answer.FieldWWWAuthenticate {
				r.Response.AddBytes(f.Name, f.Value)
			}
		}
	}
	return code, true
}

// rewriter returns what changes headers on their way to the client, nil for
// nothing: a Protocol that has settings for it.
func (x *Exchange) rewriter() answer.Rewriter {
	rw, _ := x.proto.(answer.Rewriter)
	return rw
}

// redirect follows X-Accel-Redirect.
func (x *Exchange) redirect() (web.Code, bool) {
	uri, ok := x.Redirect(x.Request, &x.Settings.Answers, x.rewriter())
	if !ok {
		return 0, false
	}
	x.notKept()
	x.finish(x.Done && len(x.rest) == 0)
	code, safe := answer.Follow(x.Request, uri)
	if !safe {
		x.log(logError, readingHead, "unsafe URI \"%s\" was detected", uri)
	}
	return code, true
}
