package web

import "tandem/nginxconf"

// tlsCommands returns the directive of the main level that is about HTTP.PKI.
func (h *HTTP) tlsCommands() []nginxconf.Command {
	seen := false
	return []nginxconf.Command{{Name: "ssl_object_cache_inheritable", In: nginxconf.Main, Arity: nginxconf.Flag,
		Set: func(_ *nginxconf.Scope, d *nginxconf.Directive) error {
			if seen {
				return nginxconf.ErrDuplicate
			}
			seen = true
			on, err := nginxconf.ParseFlag(d.Args[0])
			h.PKI.Fleeting = !on
			return err
		}}}
}
