package session

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/internal/pki"
	"tandem/nginxconf"
)

// SetCertificateCache is the setter of *_ssl_certificate_cache off | max=N
// [inactive=time] [valid=time], which keeps certificates whose names hold
// variables; nil keeps none.
func SetCertificateCache(get func(*nginxconf.Scope) *nginxconf.Value[*pki.Cache]) nginxconf.Setter {
	return func(s *nginxconf.Scope, d *nginxconf.Directive) error {
		v := get(s)
		if v.Set {
			return nginxconf.ErrDuplicate
		}
		v.Set = true
		c := &pki.Cache{Valid: time.Minute, Inactive: 10 * time.Second}
		off := false
		for _, arg := range d.Args {
			name, value, _ := strings.Cut(arg, "=")
			var err error
			switch {
			case arg == "off":
				off = true
			case name == "max":
				if c.Max, err = nginxconf.ParseNumber(value); c.Max == 0 {
					err = nginxconf.ErrInvalidNumber
				}
			case name == "inactive":
				c.Inactive, err = nginxconf.ParseSec(value)
			case name == "valid":
				c.Valid, err = nginxconf.ParseSec(value)
			default:
				err = nginxconf.ErrInvalidValue
			}
			if err != nil {
				return fmt.Errorf("invalid parameter \"%s\"", arg)
			}
		}
		switch {
		case off:
			return nil
		case c.Max == 0:
			return errors.New("\"" + d.Name + "\" must have the \"max\" parameter")
		}
		v.V = c
		return nil
	}
}
