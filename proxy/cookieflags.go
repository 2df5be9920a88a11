package proxy

import (
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
)

// flagRule is one proxy_cookie_flags cookie flag ...
type flagRule struct {
	re    *session.Regex    // nil: name
	name  *session.Template // in any case
	flags []*session.Template
}

// cookieFlags are changes to the flags of a cookie.
type cookieFlags uint8

const (
	secureOn cookieFlags = 1 << iota
	secureOff
	httpOnlyOn
	httpOnlyOff
	sameSiteStrict
	sameSiteLax
	sameSiteNone
	sameSiteOff
)

var flagNames = map[string]cookieFlags{
	"secure": secureOn, "nosecure": secureOff, "httponly": httpOnlyOn, "nohttponly": httpOnlyOff,
	"samesite=strict": sameSiteStrict, "samesite=lax": sameSiteLax, "samesite=none": sameSiteNone, "nosamesite": sameSiteOff,
}

// readCookieFlags reads proxy_cookie_flags off | cookie [flag ...].
func readCookieFlags(s *nc.Scope, d *nc.Directive) error {
	v := &of(s).cookieFlags
	if v.Set && v.V == nil {
		return nc.ErrDuplicate
	}
	if len(d.Args) == 1 {
		return cookieOff(d, v.Set, func() { v.Set = true })
	}
	h := web.BlockOf(s).HTTP
	var ru flagRule
	var err error
	if name, ok := strings.CutPrefix(d.Args[0], "~"); ok {
		ru.re, err = h.Regex(name, true)
	} else {
		ru.name, err = h.Template(d, name)
	}
	if err != nil {
		return err
	}
	for _, text := range d.Args[1:] {
		t, err := h.Template(d, text)
		if err != nil {
			return err
		}
		ru.flags = append(ru.flags, t)
	}
	v.V, v.Set = append(v.V, ru), true
	return nil
}

// cookieFlagsOf returns what the first rule for a cookie of that name changes.
func cookieFlagsOf(r *web.Request, rules []flagRule, name []byte) cookieFlags {
	for i := range rules {
		ru := &rules[i]
		if ru.re != nil {
			if !r.Match(ru.re, name) {
				continue
			}
		} else if !strings.EqualFold(string(ru.name.Value(&r.Session)), string(name)) {
			continue
		}
		var flags cookieFlags
		for _, t := range ru.flags {
			flags |= flagNames[strings.ToLower(string(t.Value(&r.Session)))]
		}
		return flags
	}
	return 0
}

// edit changes the flags among the parts of a cookie; what is switched on and
// not there yet is appended.
func (f cookieFlags) edit(attrs []attribute) []attribute {
	for i := 1; i < len(attrs); i++ {
		a := &attrs[i]
		switch {
		case message.EqualLower(a.name, "secure"):
			a.removed = f&secureOn == 0 && f&secureOff != 0
			f &^= secureOn
		case message.EqualLower(a.name, "httponly"):
			a.removed = f&httpOnlyOn == 0 && f&httpOnlyOff != 0
			f &^= httpOnlyOn
		case message.EqualLower(a.name, "samesite"):
			f = f.editSameSite(a)
		}
	}
	if f&secureOn != 0 {
		attrs = append(attrs, attribute{name: []byte("Secure")})
	}
	if f&httpOnlyOn != 0 {
		attrs = append(attrs, attribute{name: []byte("HttpOnly")})
	}
	if value := f.sameSite(); value != "" {
		attrs = append(attrs, attribute{name: []byte("SameSite"), value: []byte(value)})
	}
	return attrs
}

// sameSite returns the value that SameSite is to have, "" for no change.
func (f cookieFlags) sameSite() string {
	switch {
	case f&sameSiteStrict != 0:
		return "Strict"
	case f&sameSiteLax != 0:
		return "Lax"
	case f&sameSiteNone != 0:
		return "None"
	}
	return ""
}

// editSameSite changes a SameSite attribute and returns what is left to do.
func (f cookieFlags) editSameSite(a *attribute) cookieFlags {
	value := f.sameSite()
	if value == "" {
		a.removed = f&sameSiteOff != 0
		return f
	}
	if !strings.EqualFold(string(a.value), value) {
		a.name, a.value = []byte("SameSite"), []byte(value)
	}
	switch value {
	case "Strict":
		return f &^ sameSiteStrict
	case "Lax":
		return f &^ sameSiteLax
	}
	return f &^ sameSiteNone
}
