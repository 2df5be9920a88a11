package access

import (
	"golang.org/x/sys/unix"

	"tandem/internal/crypt"
	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// AuthBasic is the auth_basic module:
//
//	auth_basic REALM | off;
//	auth_basic_user_file FILE;
var AuthBasic = &web.Module{
	Name: "auth_basic",
	Commands: []nc.Command{
		{Name: "auth_basic", In: everywhere, Arity: nc.Take1, Set: readRealm},
		{Name: "auth_basic_user_file", In: everywhere, Arity: nc.Take1, Set: readUserFile},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { c := basicSlot.Of(l); return c.realm.V != nil && c.file.V != nil }) {
			h.Handle(web.Access, checkPassword)
		}
		return nil
	},
}

type basicSettings struct {
	realm nc.Value[*session.Template] // nil: no authentication
	file  nc.Value[*fileName]
}

// fileName is the name of a file, which may hold variables.
type fileName struct {
	text   *session.Template
	prefix string // for a name that turns out to be relative
}

var (
	basicSlot = web.NewLocationSlot(func(c, p *basicSettings) error {
		c.realm.Inherit(p.realm, nil)
		c.file.Inherit(p.file, nil)
		return nil
	})
	passwordSlot = session.NewRealmSlot[passwordFiles]()
)

func readRealm(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	v := &basicSlot.Of(b.Location).realm
	if v.Set {
		return nc.ErrDuplicate
	}
	t, err := b.HTTP.Template(d, d.Args[0])
	*v = nc.Value[*session.Template]{V: t, Set: true}
	return err
}

func readUserFile(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	v := &basicSlot.Of(b.Location).file
	if v.Set {
		return nc.ErrDuplicate
	}
	text := d.Args[0]
	if text == "" || text[0] != '$' {
		text = s.Path(text, true)
	}
	t, err := b.HTTP.Template(d, text)
	*v = nc.Value[*fileName]{V: &fileName{t, s.Path("", true)}, Set: true}
	return err
}

// append appends the name, made absolute.
func (n *fileName) append(r *web.Request, dst []byte) []byte {
	start := len(dst)
	dst = n.text.Append(&r.Session, dst)
	if len(dst) > start && dst[start] == '/' {
		return dst
	}
	name := r.Keep(dst[start:])
	return append(append(dst[:start], n.prefix...), name...)
}

func checkPassword(r *web.Request) web.Code {
	c := basicSlot.Of(r.Location)
	if c.realm.V == nil || c.file.V == nil {
		return web.Declined
	}
	realm := c.realm.V.Append(&r.Session, r.Scratch())
	defer func() { r.Unscratch(realm) }()
	if string(realm) == "off" {
		return web.Declined
	}
	user, password, ok := r.BasicCredentials()
	if !ok {
		r.Logf(errorlog.Info, "no user/password was provided for basic authentication")
		return demand(r, realm)
	}
	name := append(c.file.V.append(r, r.Scratch()), 0)
	defer func() { r.Unscratch(name) }()
	users, failure := passwordSlot.Of(r.Realm()).read(name)
	if !failure.OK() {
		level, code := errorlog.Crit, web.Code(500)
		if failure.Errno == unix.ENOENT {
			level, code = errorlog.Error, 403
		}
		r.Logf(level, "%s \"%s\" failed (%s)", failure.Call, name[:len(name)-1], errorlog.Errno(failure.Errno))
		return code
	}
	hash, ok := users[string(user)]
	if !ok {
		r.Logf(errorlog.Error, "user \"%s\" was not found in \"%s\"", user, name[:len(name)-1])
		return demand(r, realm)
	}
	ok, err := crypt.Verify(hash, password)
	switch {
	case err != nil:
		r.Logf(errorlog.Error, "user \"%s\": password in \"%s\" has no known form", user, name[:len(name)-1])
		return demand(r, realm)
	case !ok:
		r.Logf(errorlog.Error, "user \"%s\": password mismatch", user)
		return demand(r, realm)
	}
	return web.OK
}

// demand asks the client for credentials (RFC 7617, 2).
func demand(r *web.Request, realm []byte) web.Code {
	value := append(append(append(r.Scratch(), "Basic realm=\""...), realm...), '"')
	status, header := r.Challenge()
	r.Response.Add(header, r.Keep(value))
	r.Unscratch(value)
	return status
}
