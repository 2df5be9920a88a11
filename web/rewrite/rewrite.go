package rewrite

import (
	"errors"
	"fmt"
	"strings"

	"tandem/internal/errorlog"
	"tandem/internal/escape"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// rewriteInstruction is rewrite REGEX REPLACEMENT [last | break | redirect |
// permanent].
type rewriteInstruction struct {
	re      *session.Regex
	path    *session.Template // up to the "?"; all of the replacement if it redirects
	args    *session.Template // behind the "?"
	hasArgs bool              // there is a "?" in the replacement
	addArgs bool              // the request's arguments follow; not after a final "?"
	status  web.Code          // of a redirect, 0 for a change inside the server
	last    bool              // no further instruction
	stay    bool              // and no search for another location
}

func readRewrite(s *nc.Scope, d *nc.Directive) error {
	h := web.BlockOf(s).HTTP
	text := d.Args[1]
	if text == "" {
		return errors.New("empty replacement")
	}
	re, err := h.Regex(d.Args[0], false)
	if err != nil {
		return err
	}
	i := &rewriteInstruction{re: re, addArgs: true}
	if without, ok := strings.CutSuffix(text, "?"); ok {
		text, i.addArgs = without, false
	}
	if leavesServer(d.Args[1]) {
		i.status, i.last = 302, true
	}
	if len(d.Args) == 3 {
		i.last = true
		switch d.Args[2] {
		case "last":
		case "break":
			i.stay = true
		case "redirect":
			i.status = 302
		case "permanent":
			i.status = 301
		default:
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[2])
		}
	}
	path, args, hasArgs := strings.Cut(text, "?")
	i.hasArgs = hasArgs
	if i.status != 0 {
		path, args = text, ""
	}
	if i.path, err = h.Template(d, path); err != nil {
		return err
	}
	if i.args, err = h.Template(d, args); err != nil {
		return err
	}
	add(s, i)
	return nil
}

// leavesServer reports whether a replacement is a URL, so that it becomes a
// redirect without being told so.
func leavesServer(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "$scheme")
}

func (i *rewriteInstruction) run(r *web.Request, st state) state {
	matched := r.Match(i.re, r.Path)
	if st.log {
		logMatch(r, i.re, r.Path, matched)
	}
	if !matched {
		if r.MatchFailed() {
			return st.end(500)
		}
		r.ForgetCaptures()
		return st
	}
	st.quote = false
	if i.status != 0 {
		i.redirect(r, st)
		return st.end(i.status)
	}
	scratch := i.path.Append(&r.Session, r.Scratch())
	path := r.Keep(scratch)
	r.Unscratch(scratch)
	switch {
	case i.hasArgs:
		scratch = appendCaptures(i.args, r, r.Scratch())
		if i.addArgs && len(r.Args) > 0 {
			scratch = append(append(scratch, '&'), r.Args...)
		}
		r.Args = r.Keep(scratch)
		r.Unscratch(scratch)
	case !i.addArgs:
		r.Args = nil
	}
	r.ChangePath(path)
	if i.stay {
		r.StayInLocation()
	}
	if st.log {
		r.Logf(errorlog.Notice, "rewritten data: \"%s\", args: \"%s\"", path, r.Args)
	}
	if len(path) == 0 {
		r.Logf(errorlog.Error, "the rewritten URI has a zero length")
		return st.end(500)
	}
	st.stop = i.last
	return st
}

// redirect makes the replacement the Location of the response.
func (i *rewriteInstruction) redirect(r *web.Request, st state) {
	url := appendCaptures(i.path, r, r.Scratch())
	// Undoing escapes never makes a text longer, so that it is done in place.
	unescaped, rest := escape.AppendUndone(url[:0], url, escape.Redirect)
	url = append(unescaped, rest...)
	if i.addArgs && len(r.Args) > 0 {
		separator := byte('?')
		if i.hasArgs {
			separator = '&'
		}
		url = append(append(url, separator), r.Args...)
	}
	if st.log {
		r.Logf(errorlog.Notice, "rewritten redirect: \"%s\"", url)
	}
	if r.Response.Location = r.Keep(url); len(url) == 0 {
		r.Response.Location = url[:0:0]
	}
	r.Unscratch(url)
	r.ChangePath(r.Path)
	if i.stay {
		r.StayInLocation()
	}
}

func logMatch(r *web.Request, re *session.Regex, subject []byte, matched bool) {
	verb := "matches"
	if !matched {
		verb = "does not match"
	}
	r.Logf(errorlog.Notice, "\"%s\" %s \"%s\"", re.Text, verb, subject)
}

// appendCaptures appends a value, its captures escaped for use in arguments if
// the client escaped something in the path that they come from.
func appendCaptures(t *session.Template, r *web.Request, dst []byte) []byte {
	if !escapedPath(r) {
		return t.Append(&r.Session, dst)
	}
	return t.AppendEscaped(&r.Session, dst, escapeArgs)
}

func escapeArgs(dst, value []byte) []byte {
	return escape.AppendURI(dst, value, escape.Args)
}

// escapedPath reports whether there is a "%" or "+" in the path as the client
// sent it.
func escapedPath(r *web.Request) bool {
	if !r.IsMain() {
		return false
	}
	for _, c := range r.RawURI {
		switch c {
		case '%', '+':
			return true
		case '?', '#':
			return false
		}
	}
	return false
}
