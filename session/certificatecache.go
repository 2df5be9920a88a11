package session

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
)

// SetCertificateCache is the setter of *_ssl_certificate_cache off | max=N
// [inactive=time] [valid=time], which keeps certificates whose names hold
// variables; nil keeps none.
func SetCertificateCache(get func(*nc.Scope) *nc.Value[*pki.Cache]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := get(s)
		if v.Set {
			return nc.ErrDuplicate
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
				if c.Max, err = nc.ParseNumber(value); c.Max == 0 {
					err = nc.ErrInvalidNumber
				}
			case name == "inactive":
				c.Inactive, err = nc.ParseSec(value)
			case name == "valid":
				c.Valid, err = nc.ParseSec(value)
			default:
				err = nc.ErrInvalidValue
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
