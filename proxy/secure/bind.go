package secure

import (
	"fmt"
	"net/netip"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Bind is what *_bind says: the local address of connections to back ends.
type Bind struct {
	addr        netip.AddrPort // port 0: any; not valid when value is set
	value       *session.Template
	transparent bool
}

// ReadBind makes the setter of *_bind address [transparent] | off; get returns
// where it goes, nil for off.
func ReadBind(get func(*nc.Scope) *nc.Value[*Bind]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := get(s)
		if v.Set {
			return nc.ErrDuplicate
		}
		v.Set = true
		if len(d.Args) == 1 && d.Args[0] == "off" {
			return nil
		}
		b := new(Bind)
		t, err := session.BlockOf(s).Realm.Template(d, d.Args[0])
		if err != nil {
			return err
		}
		if t.IsLiteral() {
			addr, ok := parseLocal(d.Args[0])
			if !ok {
				return fmt.Errorf("invalid address \"%s\"", d.Args[0])
			}
			b.addr = addr
		} else {
			b.value = t
		}
		if len(d.Args) > 1 {
			if d.Args[1] != "transparent" {
				return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
			}
			b.transparent = true
		}
		v.V = b
		return nil
	}
}

// parseLocal reads an address with an optional port.
func parseLocal(text string) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap, true
	}
	if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
		text = text[1 : n-1]
	}
	ip, err := netip.ParseAddr(text)
	return netip.AddrPortFrom(ip, 0), err == nil
}

// Transparent reports whether the address need not be one of this host.
func (b *Bind) Transparent() bool { return b != nil && b.transparent }

// Local returns the local address for s, the zero one for the kernel's choice.
func (b *Bind) Local(s *session.Session) netip.AddrPort {
	if b == nil {
		return netip.AddrPort{}
	}
	if b.value == nil {
		return b.addr
	}
	text := b.value.Value(s)
	if len(text) == 0 {
		return netip.AddrPort{}
	}
	addr, ok := parseLocal(string(text))
	if !ok {
		s.Logf(errorlog.Error, "invalid local address \"%s\"", text)
	}
	return addr
}
