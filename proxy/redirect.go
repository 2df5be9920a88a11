package proxy

import (
	"errors"
	"fmt"

	nc "tandem/nginxconf"
)

// redirect is what proxy_redirect says at one level.
type redirect struct {
	on    nc.Value[bool]
	rules []rule
}

// readRedirect reads proxy_redirect off | default | redirect replacement.
func readRedirect(s *nc.Scope, d *nc.Directive) error {
	c := of(s)
	v := &c.redirect
	if v.on.Set && !v.on.V {
		return nc.ErrDuplicate
	}
	v.on = nc.Value[bool]{V: true, Set: true}
	if len(d.Args) == 2 {
		ru, err := compileRule(s, d, d.Args[0], d.Args[1], matchPrefix, false)
		v.rules = append(v.rules, ru)
		return err
	}
	switch d.Args[0] {
	case "off":
		if len(v.rules) > 0 {
			return nc.ErrDuplicate
		}
		v.on.V = false
		return nil
	case "default":
	default:
		return fmt.Errorf("invalid parameter \"%s\"", d.Args[0])
	}
	switch {
	case c.pass == nil:
		return errors.New("\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive")
	case c.pass.template != nil:
		return errors.New("\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables")
	}
	v.rules = append(v.rules, c.pass.redirect())
	return nil
}

// redirect is the rule that undoes what proxy_pass does to paths.
func (p *pass) redirect() rule {
	if p.target.uri != "" {
		return rule{literal: p.url, text: p.prefix}
	}
	return rule{literal: p.url + "/", text: "/"}
}

// inherit completes v; own is the level's own proxy_pass, if it has one.
func (v *redirect) inherit(p *redirect, own *pass) {
	v.on.Inherit(p.on, true)
	if !v.on.V {
		return
	}
	if v.rules == nil {
		v.rules = p.rules
	}
	if v.rules == nil && own != nil && own.template == nil {
		v.rules = []rule{own.redirect()}
	}
}

// RewritesLocations reports whether there are rules for locations.
func (c *call) RewritesLocations() bool {
	return c.settings.redirect.on.V && len(c.settings.redirect.rules) > 0
}

// RewriteLocation rewrites a URL of Location or Refresh.
func (c *call) RewriteLocation(url []byte) ([]byte, bool) {
	return rewrite(c.Request, c.settings.redirect.rules, url)
}
