package session

import nc "tandem/nginxconf"

// SetRate is the setter of a rate in bytes a second, or of an amount of bytes, that
// may have variables.
func SetRate(get func(*nc.Scope) *nc.Value[*Template]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := get(s)
		if v.Set {
			return nc.ErrDuplicate
		}
		t, err := BlockOf(s).Realm.Template(d, d.Args[0])
		if err != nil {
			return err
		}
		if t.IsLiteral() {
			if _, err := nc.ParseSize(d.Args[0]); err != nil {
				return nc.ErrInvalidValue
			}
		}
		*v = nc.Value[*Template]{V: t, Set: true}
		return nil
	}
}
