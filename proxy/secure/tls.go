package secure

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Settings are what the *_ssl_* directives say of TLS to back ends, for one
// location. They are complete once Inherit has run.
type Settings struct {
	sessionReuse nc.Value[bool]
	protocols    nc.Value[protocols]
	ciphers      nc.Value[string]
	name         nc.Value[*session.Template] // nil: the target's
	serverName   nc.Value[bool]              // whether the name is sent (SNI)
	verify       nc.Value[bool]
	depth        nc.Value[int]
	trusted      nc.Value[string]
	crl          nc.Value[string]
	certificate  nc.Value[*session.Template]
	key          nc.Value[*session.Template]
	cache        nc.Value[*pki.Cache] // nil: none
	passwords    nc.Value[[][]byte]
	commands     nc.Value[[]nc.Keyval]

	folder string     // of the configuration file, which certificates are relative to
	files  *pki.Files // of the configuration
	made   *prepared  // by Use
}

// protocols is a set of protocol versions.
type protocols int

const (
	tlsOld protocols = 1 << iota // SSLv2 and SSLv3, which Go does not speak
	tls10
	tls11
	tls12
	tls13
)

var protocolNames = []nc.Name{
	{Name: "SSLv2", Value: int(tlsOld)}, {Name: "SSLv3", Value: int(tlsOld << 5)}, {Name: "TLSv1", Value: int(tls10)},
	{Name: "TLSv1.1", Value: int(tls11)}, {Name: "TLSv1.2", Value: int(tls12)}, {Name: "TLSv1.3", Value: int(tls13)},
}

var versions = []struct {
	bit     protocols
	version uint16
}{{tls10, tls.VersionTLS10}, {tls11, tls.VersionTLS11}, {tls12, tls.VersionTLS12}, {tls13, tls.VersionTLS13}}

// bounds returns the lowest and the highest version of the set; Go does not
// leave out versions between them.
func (p protocols) bounds() (low, high uint16) {
	for _, v := range versions {
		if p&v.bit == 0 {
			continue
		}
		if low == 0 {
			low = v.version
		}
		high = v.version
	}
	return low, high
}

// Inherit completes the settings from those of the outer level.
func (t *Settings) Inherit(p *Settings) {
	if t.folder == "" {
		t.folder, t.files = p.folder, p.files
	}
	t.sessionReuse.Inherit(p.sessionReuse, true)
	t.protocols.Inherit(p.protocols, tls12|tls13)
	t.ciphers.Inherit(p.ciphers, "DEFAULT")
	t.name.Inherit(p.name, nil)
	t.serverName.Inherit(p.serverName, false)
	t.verify.Inherit(p.verify, false)
	t.depth.Inherit(p.depth, 1)
	t.trusted.Inherit(p.trusted, "")
	t.crl.Inherit(p.crl, "")
	t.certificate.Inherit(p.certificate, nil)
	t.key.Inherit(p.key, nil)
	t.cache.Inherit(p.cache, nil)
	t.passwords.Inherit(p.passwords, nil)
	t.commands.Inherit(p.commands, nil)
}

// Commands returns the directives with a prefix, such as "proxy", for the levels
// in; get returns the settings of the level being read.
func Commands(prefix string, in nc.Context, get func(*nc.Scope) *Settings) []nc.Command {
	prefix += "_ssl_"
	of := func(s *nc.Scope) *Settings {
		t := get(s)
		t.folder, t.files = s.Path("", true), &session.BlockOf(s).Realm.PKI
		return t
	}
	flag := func(name string, f func(*Settings) *nc.Value[bool]) nc.Command {
		return nc.Command{Name: prefix + name, In: in, Arity: nc.Flag,
			Set: nc.SetFlag(func(s *nc.Scope) *nc.Value[bool] { return f(of(s)) })}
	}
	template := func(name string, f func(*Settings) *nc.Value[*session.Template]) nc.Command {
		return nc.Command{Name: prefix + name, In: in, Arity: nc.Take1,
			Set: readTLSTemplate(func(s *nc.Scope) *nc.Value[*session.Template] { return f(of(s)) })}
	}
	file := func(name string, f func(*Settings) *nc.Value[string]) nc.Command {
		return nc.Command{Name: prefix + name, In: in, Arity: nc.Take1,
			Set: nc.SetString(func(s *nc.Scope) *nc.Value[string] { return f(of(s)) })}
	}
	return []nc.Command{
		flag("session_reuse", func(t *Settings) *nc.Value[bool] { return &t.sessionReuse }),
		{Name: prefix + "protocols", In: in, Arity: nc.OneMore,
			Set: nc.SetBitmask(func(s *nc.Scope) *nc.Value[protocols] { return &of(s).protocols }, protocolNames...)},
		{Name: prefix + "ciphers", In: in, Arity: nc.Take1, Set: func(s *nc.Scope, d *nc.Directive) error {
			if warning := pki.WarnOfCiphers(d.Args[0]); warning != "" {
				s.Warnf(d, "%s", warning)
			}
			return nc.SetString(func(s *nc.Scope) *nc.Value[string] { return &of(s).ciphers })(s, d)
		}},
		template("name", func(t *Settings) *nc.Value[*session.Template] { return &t.name }),
		flag("server_name", func(t *Settings) *nc.Value[bool] { return &t.serverName }),
		flag("verify", func(t *Settings) *nc.Value[bool] { return &t.verify }),
		{Name: prefix + "verify_depth", In: in, Arity: nc.Take1,
			Set: nc.SetNumber(func(s *nc.Scope) *nc.Value[int] { return &of(s).depth })},
		file("trusted_certificate", func(t *Settings) *nc.Value[string] { return &t.trusted }),
		file("crl", func(t *Settings) *nc.Value[string] { return &t.crl }),
		template("certificate", func(t *Settings) *nc.Value[*session.Template] { return &t.certificate }),
		template("certificate_key", func(t *Settings) *nc.Value[*session.Template] { return &t.key }),
		{Name: prefix + "certificate_cache", In: in, Arity: nc.Take123,
			Set: session.SetCertificateCache(func(s *nc.Scope) *nc.Value[*pki.Cache] { return &of(s).cache })},
		{Name: prefix + "password_file", In: in, Arity: nc.Take1, Set: func(s *nc.Scope, d *nc.Directive) error {
			v := &of(s).passwords
			if v.Set {
				return nc.ErrDuplicate
			}
			passwords, err := pki.ReadPasswords(s.Path(d.Args[0], true))
			*v = nc.Value[[][]byte]{V: passwords, Set: true}
			return err
		}},
		{Name: prefix + "conf_command", In: in, Arity: nc.Take2,
			Set: nc.SetKeyvals(func(s *nc.Scope) *nc.Value[[]nc.Keyval] { return &of(s).commands })},
	}
}

func readTLSTemplate(get func(*nc.Scope) *nc.Value[*session.Template]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := get(s)
		if v.Set {
			return nc.ErrDuplicate
		}
		v.Set = true
		if d.Args[0] == "" {
			return nil
		}
		var err error
		v.V, err = session.BlockOf(s).Realm.Template(d, d.Args[0])
		return err
	}
}

// prepared is what connections over TLS of a location have in common.
type prepared struct {
	config      *tls.Config
	certificate *tls.Certificate // nil: none, or one with variables
	trust       *pki.Trust       // nil: not verified
}

// Use prepares connecting over TLS, for a level that passes requests to back
// ends so; prefix is that of its directives. It is to be called once the settings
// are complete.
func (t *Settings) Use(prefix string) error {
	low, high := t.protocols.V.bounds()
	if low == 0 {
		return fmt.Errorf("\"%s_ssl_protocols\" leaves no protocol that can be spoken", prefix)
	}
	ciphers, err := pki.Ciphers(t.ciphers.V)
	if err != nil {
		return err
	}
	ctx := &prepared{config: &tls.Config{
		MinVersion: low, MaxVersion: high, CipherSuites: ciphers,
		// The certificate is verified by OpenSSL's rules, see handshake.
		InsecureSkipVerify: true, //nolint:gosec
	}}
	if t.sessionReuse.V && (t.certificate.V == nil || t.certificate.V.IsLiteral()) {
		ctx.config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	if t.verify.V {
		if t.trusted.V == "" {
			return fmt.Errorf("no %s_ssl_trusted_certificate for %s_ssl_verify", prefix, prefix)
		}
		crl := t.crl.V
		if crl != "" {
			crl = t.path(crl)
		}
		if ctx.trust, err = t.files.Trust(crl, t.depth.V, t.path(t.trusted.V)); err != nil {
			return err
		}
	}
	if cert := t.certificate.V; cert != nil {
		if t.key.V == nil {
			return fmt.Errorf("no \"%s_ssl_certificate_key\" is defined for certificate \"%s\"", prefix, cert.Text)
		}
		if cert.IsLiteral() && t.key.V.IsLiteral() {
			pair, err := t.files.Pair(t.path(cert.Text), t.path(t.key.V.Text), t.passwords.V)
			if err != nil {
				return err
			}
			ctx.certificate = &pair
		}
	}
	if err := ctx.command(t); err != nil {
		return err
	}
	t.made = ctx
	return nil
}

// command carries out *_ssl_conf_command, as far as there is something here
// that the command is about.
func (ctx *prepared) command(t *Settings) error {
	cert, key := "", ""
	for _, kv := range t.commands.V {
		var err error
		switch kv.Key {
		case "Certificate":
			cert = kv.Value
		case "PrivateKey":
			key = kv.Value
		case "CipherString":
			ctx.config.CipherSuites, err = pki.Ciphers(kv.Value)
		case "MinProtocol":
			ctx.config.MinVersion, err = version(kv.Value)
		case "MaxProtocol":
			ctx.config.MaxVersion, err = version(kv.Value)
		default:
			return fmt.Errorf("SSL_CONF_cmd(\"%s\", \"%s\") is not supported", kv.Key, kv.Value)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case cert == "" && key == "":
		return nil
	case cert == "" || key == "":
		return errors.New("SSL_CONF_cmd() needs \"Certificate\" and \"PrivateKey\" together")
	}
	pair, err := t.files.Pair(t.path(cert), t.path(key), t.passwords.V)
	ctx.certificate = &pair
	return err
}

func version(name string) (uint16, error) {
	for _, n := range protocolNames {
		if n.Name == name {
			if low, _ := protocols(n.Value).bounds(); low != 0 {
				return low, nil
			}
		}
	}
	return 0, fmt.Errorf("SSL_CONF_cmd() does not know the protocol \"%s\"", name)
}

// clock is what certificates are checked by.
var clock = time.Now
