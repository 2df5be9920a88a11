package access

import (
	"bytes"
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// SecureLink is the secure_link module:
//
//	secure_link EXPRESSION;      what the client gives: HASH[,EXPIRES]
//	secure_link_md5 EXPRESSION;  what the hash is of
//	secure_link_secret WORD;     /PREFIX/HASH/LINK, the older way
//
// with $secure_link ("1", "0" when expired, none when wrong; the link in the
// older way) and $secure_link_expires.
var SecureLink = &web.Module{
	Name: "secure_link",
	Commands: []nc.Command{
		{Name: "secure_link", In: mostly, Arity: nc.Take1, Set: readLink(func(c *linkSettings) *nc.Value[*session.Template] { return &c.given })},
		{Name: "secure_link_md5", In: mostly, Arity: nc.Take1, Set: readLink(func(c *linkSettings) *nc.Value[*session.Template] { return &c.hashed })},
		{Name: "secure_link_secret", In: nc.Location, Arity: nc.Take1, Set: nc.SetString(web.At(linkSlot, func(c *linkSettings) *nc.Value[string] { return &c.secret }))},
	},
	Variables: []web.Variable{
		{Name: "secure_link", Get: secureLink, Cached: true},
		{Name: "secure_link_expires", Get: func(r *web.Request, dst []byte) ([]byte, bool) {
			l := linkState.Of(r)
			if l == nil {
				return dst, false
			}
			return append(dst, l.expires...), true
		}, Cached: true},
	},
}

type linkSettings struct {
	given, hashed nc.Value[*session.Template]
	secret        nc.Value[string]
}

var linkSlot = web.NewLocationSlot(func(c, p *linkSettings) error {
	if c.secret.Set {
		if c.given.Set || c.hashed.Set {
			return errors.New("\"secure_link_secret\" cannot be mixed with \"secure_link\" and \"secure_link_md5\"")
		}
		return nil
	}
	c.given.Inherit(p.given, nil)
	c.hashed.Inherit(p.hashed, nil)
	if c.given.V == nil && c.hashed.V == nil {
		c.secret = p.secret
	}
	return nil
})

// link is what a request's link said.
type link struct{ expires []byte }

var linkState = web.NewContext[link]()

func readLink(field func(*linkSettings) *nc.Value[*session.Template]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		b := web.BlockOf(s)
		v := field(linkSlot.Of(b.Location))
		if v.Set {
			return nc.ErrDuplicate
		}
		t, err := b.HTTP.Template(d, d.Args[0])
		*v = nc.Value[*session.Template]{V: t, Set: true}
		return err
	}
}

func secureLink(r *web.Request, dst []byte) ([]byte, bool) {
	c := linkSlot.Of(r.Location)
	if c.secret.Set {
		return linkWithSecret(r, c.secret.V, dst)
	}
	if c.given.V == nil || c.hashed.V == nil {
		return dst, false
	}
	hash, text, hasExpires := bytes.Cut(c.given.V.Value(&r.Session), []byte(","))
	expires := 0
	if hasExpires {
		var err error
		if expires, err = nc.ParseNumber(string(text)); err != nil || expires <= 0 {
			return dst, false
		}
		linkState.Take(r).expires = text
	}
	if i := bytes.IndexByte(hash, '='); i >= 0 {
		hash = hash[:i]
	}
	var given [md5.Size]byte
	if len(hash) != base64.RawURLEncoding.EncodedLen(md5.Size) || bytes.ContainsAny(hash, "\r\n") {
		return dst, false
	}
	if _, err := base64.RawURLEncoding.Decode(given[:], hash); err != nil {
		return dst, false
	}
	hashed := c.hashed.V.Append(&r.Session, r.Scratch())
	sum := md5.Sum(hashed)
	r.Unscratch(hashed)
	if subtle.ConstantTimeCompare(sum[:], given[:]) == 0 {
		return dst, false
	}
	if hasExpires && int64(expires) < time.Now().Unix() {
		return append(dst, '0'), true
	}
	return append(dst, '1'), true
}

// linkWithSecret understands /PREFIX/HASH/LINK, the hash being that of the link
// and the secret, and returns the link.
func linkWithSecret(r *web.Request, secret string, dst []byte) ([]byte, bool) {
	if len(r.RawURI) == 0 {
		return dst, false
	}
	_, rest, ok := bytes.Cut(r.RawURI[1:], []byte("/"))
	if !ok {
		return dst, false
	}
	hash, path, ok := bytes.Cut(rest, []byte("/"))
	var given [md5.Size]byte
	if !ok || len(path) == 0 || len(hash) != hex.EncodedLen(md5.Size) {
		return dst, false
	}
	if _, err := hex.Decode(given[:], hash); err != nil {
		return dst, false
	}
	hashed := append(append(r.Scratch(), path...), secret...)
	sum := md5.Sum(hashed)
	r.Unscratch(hashed)
	if subtle.ConstantTimeCompare(sum[:], given[:]) == 0 {
		return dst, false
	}
	return append(dst, path...), true
}
