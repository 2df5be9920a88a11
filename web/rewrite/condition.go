package rewrite

import (
	"bytes"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/session"
	"tandem/web"
	"tandem/web/openfile"
)

// truth is ($v): neither empty nor "0".
type truth struct{ v session.VariableRef }

func (c truth) test(r *web.Request, _ state) (bool, web.Code) {
	scratch, _ := c.v.Append(&r.Session, r.Scratch())
	ok := len(scratch) > 0 && !(len(scratch) == 1 && scratch[0] == '0')
	r.Unscratch(scratch)
	return ok, web.OK
}

// comparison is ($v = text) and ($v != text).
type comparison struct {
	v        session.VariableRef
	text     *session.Template
	negative bool
}

func (c *comparison) test(r *web.Request, st state) (bool, web.Code) {
	a, _ := c.v.Append(&r.Session, r.Scratch())
	b := appendValue(c.text, r, r.Scratch(), st)
	ok := bytes.Equal(a, b)
	r.Unscratch(b)
	r.Unscratch(a)
	return ok != c.negative, web.OK
}

// match is ($v ~ regex), ~*, !~ and !~*.
type match struct {
	v        session.VariableRef
	re       *session.Regex
	negative bool
}

func (c *match) test(r *web.Request, st state) (bool, web.Code) {
	scratch, _ := c.v.Append(&r.Session, r.Scratch())
	subject := scratch
	if c.re.Groups() > 0 {
		// Captures point into what was matched.
		subject = r.Keep(scratch)
	}
	ok := r.Match(c.re, subject)
	if st.log {
		logMatch(r, c.re, subject, ok)
	}
	r.Unscratch(scratch)
	if !ok {
		if r.MatchFailed() {
			return false, 500
		}
		r.ForgetCaptures()
	}
	return ok != c.negative, web.OK
}

// fileKind is the letter of a file test.
type fileKind byte

// The file tests.
const (
	plainFile  fileKind = 'f'
	directory  fileKind = 'd'
	anyFile    fileKind = 'e' // file or directory
	executable fileKind = 'x' // its owner may execute it
)

// fileTest is (-f file), -d, -e, -x, and each with "!".
type fileTest struct {
	file     *session.Template
	kind     fileKind
	negative bool
}

func (c *fileTest) test(r *web.Request, st state) (bool, web.Code) {
	name := append(appendValue(c.file, r, r.Scratch(), st), 0)
	defer r.Unscratch(name)
	var info openfile.Info
	if f := r.Links(name).Stat(name, &info); !f.OK() {
		switch f.Errno {
		case unix.ENOENT, unix.ENOTDIR, unix.ENAMETOOLONG:
		default:
			r.Logf(errorlog.Crit, "%s \"%s\" failed (%s)", f.Call, name[:len(name)-1], errorlog.Errno(f.Errno))
		}
		return c.negative, web.OK
	}
	return c.kind.is(&info) != c.negative, web.OK
}

func (k fileKind) is(i *openfile.Info) bool {
	switch k {
	case plainFile:
		return i.IsRegular()
	case directory:
		return i.IsDir()
	case anyFile:
		return i.IsRegular() || i.IsDir()
	case executable:
		return i.Mode&unix.S_IXUSR != 0
	}
	panic("rewrite: unknown file test")
}
