package ssl

import (
	"fmt"
	"os"
	"strings"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/web"
)

const logInfo = errorlog.Info

const levels = nc.HTTP | nc.Server

var commands = []nc.Command{
	{Name: "ssl_certificate", In: levels, Arity: nc.Take1, Set: readPEM(
		func(c *settings) (*nc.Value[[]string], *[]*web.Template) { return &c.certificates, &c.certTemplates })},
	{Name: "ssl_certificate_key", In: levels, Arity: nc.Take1, Set: readPEM(
		func(c *settings) (*nc.Value[[]string], *[]*web.Template) { return &c.keys, &c.keyTemplates })},
	{Name: "ssl_password_file", In: levels, Arity: nc.Take1, Set: setFile(func(c *settings) *nc.Value[string] { return &c.passwordFile })},
	{Name: "ssl_protocols", In: levels, Arity: nc.OneMore, Set: readProtocols},
	{Name: "ssl_ciphers", In: levels, Arity: nc.Take1, Set: readCiphers},
	{Name: "ssl_ecdh_curve", In: levels, Arity: nc.Take1, Set: nc.SetString(at(func(c *settings) *nc.Value[string] { return &c.curve }))},
	{Name: "ssl_verify_client", In: levels, Arity: nc.Take1, Set: nc.SetEnum(at(func(c *settings) *nc.Value[verify] { return &c.verify }),
		nc.Name{Name: "off", Value: int(verifyOff)}, nc.Name{Name: "on", Value: int(verifyOn)},
		nc.Name{Name: "optional", Value: int(verifyOptional)}, nc.Name{Name: "optional_no_ca", Value: int(verifyOptionalNoCA)})},
	{Name: "ssl_verify_depth", In: levels, Arity: nc.Take1, Set: nc.SetNumber(at(func(c *settings) *nc.Value[int] { return &c.depth }))},
	{Name: "ssl_client_certificate", In: levels, Arity: nc.Take1, Set: setFile(func(c *settings) *nc.Value[string] { return &c.clientCA })},
	{Name: "ssl_trusted_certificate", In: levels, Arity: nc.Take1, Set: setFile(func(c *settings) *nc.Value[string] { return &c.trusted })},
	{Name: "ssl_crl", In: levels, Arity: nc.Take1, Set: setFile(func(c *settings) *nc.Value[string] { return &c.crl })},
	{Name: "ssl_session_tickets", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.tickets }))},
	{Name: "ssl_session_ticket_key", In: levels, Arity: nc.Take1, Set: readTicketKey},
	{Name: "ssl_session_timeout", In: levels, Arity: nc.Take1, Set: nc.SetSec(at(func(c *settings) *nc.Value[time.Duration] { return &c.timeout }))},
	{Name: "ssl_reject_handshake", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.reject }))},
	{Name: "ssl_stapling", In: levels, Arity: nc.Flag, Set: readStapling},
	{Name: "ssl_stapling_file", In: levels, Arity: nc.Take1, Set: setFile(func(c *settings) *nc.Value[string] { return &c.staplingFile })},
	{Name: "ssl_stapling_verify", In: levels, Arity: nc.Flag},
	{Name: "ssl_stapling_responder", In: levels, Arity: nc.Take1},

	// Without effect; see the package's comment.
	{Name: "ssl_session_cache", In: levels, Arity: nc.Take12, Set: readSessionCache},
	{Name: "ssl_prefer_server_ciphers", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.preferServer }))},
	{Name: "ssl_dhparam", In: levels, Arity: nc.Take1, Set: readDHParam},
	{Name: "ssl_buffer_size", In: levels, Arity: nc.Take1, Set: nc.SetSize(at(func(c *settings) *nc.Value[int64] { return &c.bufferSize }))},
	{Name: "ssl_early_data", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.earlyData }))},
}

// readPEM reads ssl_certificate and ssl_certificate_key, which may be repeated
// for certificates of other kinds.
func readPEM(field func(*settings) (*nc.Value[[]string], *[]*web.Template)) func(*nc.Scope, *nc.Directive) error {
	return func(s *nc.Scope, d *nc.Directive) error {
		b := web.BlockOf(s)
		names, templates := field(conf.Of(b.Server))
		name := d.Args[0]
		full := name
		switch {
		case strings.HasPrefix(name, "data:"):
		case web.HasVariables(name):
			conf.Of(b.Server).folder = s.Path("", true)
		default:
			full = s.Path(name, true)
		}
		*names = nc.Value[[]string]{V: append(names.V, full), Set: true}
		if web.HasVariables(name) && !strings.HasPrefix(name, "data:-") {
			t, err := b.HTTP.Template(d, full)
			if err != nil {
				return err
			}
			*templates = append(*templates, t)
		}
		return nil
	}
}

// setFile is the setter of a file name relative to the configuration's folder.
func setFile(field func(*settings) *nc.Value[string]) func(*nc.Scope, *nc.Directive) error {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := field(conf.Of(web.BlockOf(s).Server))
		if v.Set {
			return nc.ErrDuplicate
		}
		*v = nc.Value[string]{V: s.Path(d.Args[0], true), Set: true}
		return nil
	}
}

func readCiphers(s *nc.Scope, d *nc.Directive) error {
	if warning := pki.WarnOfCiphers(d.Args[0]); warning != "" {
		s.Warnf(d, "%s", warning)
	}
	return nc.SetString(at(func(c *settings) *nc.Value[string] { return &c.ciphers }))(s, d)
}

func readFile(name string) ([]byte, error) { return os.ReadFile(name) }

func readProtocols(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(web.BlockOf(s).Server).protocols
	for _, word := range d.Args {
		switch word {
		case "SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3":
		default:
			return fmt.Errorf("invalid value \"%s\"", word)
		}
	}
	*v = nc.Value[[]string]{V: append(v.V, d.Args...), Set: true}
	return nil
}

func readTicketKey(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(web.BlockOf(s).Server).ticketKeys
	*v = nc.Value[[]string]{V: append(v.V, s.Path(d.Args[0], true)), Set: true}
	return nil
}

// readSessionCache checks ssl_session_cache: sessions are resumed by tickets,
// which need no cache.
func readSessionCache(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(web.BlockOf(s).Server).sessionCache
	for _, word := range d.Args {
		name, rest, has := strings.Cut(word, ":")
		switch {
		case word == "off", word == "none", word == "builtin", name == "builtin" && has:
		case name == "shared" && has:
			zone, size, ok := strings.Cut(rest, ":")
			n, err := nc.ParseSize(size)
			if !ok || zone == "" || err != nil {
				return fmt.Errorf("invalid session cache \"%s\"", word)
			}
			if n < 8*4096 {
				return fmt.Errorf("session cache \"%s\" is too small", word)
			}
		default:
			return fmt.Errorf("invalid session cache \"%s\"", word)
		}
	}
	*v = nc.Value[string]{V: strings.Join(d.Args, " "), Set: true}
	return nil
}

// readDHParam checks that the file is there; nginx would read it.
func readDHParam(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(web.BlockOf(s).Server).dhparam
	if v.Set {
		return nc.ErrDuplicate
	}
	*v = nc.Value[string]{V: s.Path(d.Args[0], true), Set: true}
	_, err := os.Stat(v.V)
	return err
}

// readStapling: responses of a file are stapled; those of a responder are not
// fetched, which is said.
func readStapling(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(web.BlockOf(s).Server).stapling
	if v.Set {
		return nc.ErrDuplicate
	}
	on, err := nc.ParseFlag(d.Args[0])
	*v = nc.Value[bool]{V: on, Set: true}
	if on {
		s.Warnf(d, "\"ssl_stapling\": only the response of \"ssl_stapling_file\" is stapled, none is fetched")
	}
	return err
}
