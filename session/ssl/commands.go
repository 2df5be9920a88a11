package ssl

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
)

func commands(in session.Contexts) []nc.Command {
	levels := in.Servers
	return []nc.Command{
		{Name: "ssl_certificate", In: levels, Arity: nc.Take1, Set: readPEM(func(c *settings) *nc.Value[[]pemName] { return &c.certificates })},
		{Name: "ssl_certificate_key", In: levels, Arity: nc.Take1, Set: readPEM(func(c *settings) *nc.Value[[]pemName] { return &c.keys })},
		{Name: "ssl_certificate_cache", In: levels, Arity: nc.Take123, Set: session.SetCertificateCache(at(func(c *settings) *nc.Value[*pki.Cache] { return &c.certCache }))},
		{Name: "ssl_conf_command", In: levels, Arity: nc.Take2, Set: readCommand},
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
		{Name: "ssl_session_ticket_key", In: levels, Arity: nc.Take1, Set: addFile(func(c *settings) *nc.Value[[]string] { return &c.ticketKeys })},
		{Name: "ssl_session_timeout", In: levels, Arity: nc.Take1, Set: nc.SetSec(at(func(c *settings) *nc.Value[time.Duration] { return &c.timeout }))},
		{Name: "ssl_reject_handshake", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.reject }))},
		{Name: "ssl_stapling", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.stapling }))},
		{Name: "ssl_stapling_file", In: levels, Arity: nc.Take1, Set: setFile(func(c *settings) *nc.Value[string] { return &c.staplingFile })},
		{Name: "ssl_stapling_verify", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.staplingHard }))},
		{Name: "ssl_stapling_responder", In: levels, Arity: nc.Take1, Set: nc.SetString(at(func(c *settings) *nc.Value[string] { return &c.staplingFrom }))},
		{Name: "ssl_ocsp", In: levels, Arity: nc.Take1, Set: nc.SetEnum(at(func(c *settings) *nc.Value[ocspScope] { return &c.ocsp }),
			nc.Name{Name: "off", Value: int(ocspOff)}, nc.Name{Name: "on", Value: int(ocspChain)}, nc.Name{Name: "leaf", Value: int(ocspLeaf)})},
		{Name: "ssl_ocsp_responder", In: levels, Arity: nc.Take1, Set: nc.SetString(at(func(c *settings) *nc.Value[string] { return &c.ocspFrom }))},
		{Name: "ssl_ocsp_cache", In: levels, Arity: nc.Take1, Set: readOCSPCache},
		{Name: "ssl_session_cache", In: levels, Arity: nc.Take12, Set: readSessionCache},
		// Without effect; see the package's comment.
		{Name: "ssl_prefer_server_ciphers", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.preferServer }))},
		{Name: "ssl_dhparam", In: levels, Arity: nc.Take1, Set: readDHParam},
		{Name: "ssl_buffer_size", In: levels, Arity: nc.Take1, Set: nc.SetSize(at(func(c *settings) *nc.Value[int64] { return &c.bufferSize }))},
		{Name: "ssl_certificate_compression", In: levels, Arity: nc.Flag, Set: readCompression},
		{Name: "ssl_ech_file", In: levels, Arity: nc.Take1, Set: addFile(func(c *settings) *nc.Value[[]string] { return &c.echFiles })},
		{Name: "ssl_early_data", In: levels, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *settings) *nc.Value[bool] { return &c.earlyData }))},
	}
}

// setFile is the setter of a file name relative to the configuration's folder.
func setFile(field func(*settings) *nc.Value[string]) func(*nc.Scope, *nc.Directive) error {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := field(conf.Of(session.BlockOf(s).Server))
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
	v := &conf.Of(session.BlockOf(s).Server).protocols
	for _, word := range d.Args {
		if !pki.IsProtocol(word) {
			return fmt.Errorf("invalid value \"%s\"", word)
		}
	}
	*v = nc.Value[[]string]{V: append(v.V, d.Args...), Set: true}
	return nil
}

// addFile is the setter of a file name that may be repeated.
func addFile(field func(*settings) *nc.Value[[]string]) func(*nc.Scope, *nc.Directive) error {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := field(conf.Of(session.BlockOf(s).Server))
		*v = nc.Value[[]string]{V: append(v.V, s.Path(d.Args[0], true)), Set: true}
		return nil
	}
}

// readCompression says what an nginx says whose OpenSSL has no compression of
// certificates (RFC 8879), as Go's TLS has none.
func readCompression(s *nc.Scope, d *nc.Directive) error {
	on, err := nc.ParseFlag(d.Args[0])
	if on {
		s.Warnf(d, "\"%s\" is not supported on this platform, ignored", d.Name)
	}
	return err
}

// cacheChoice is what ssl_session_cache says: a shared cache, one of the server's
// own, or none of both.
type cacheChoice struct {
	shared  *session.Zone
	builtin int // sessions, 0 for none
}

// open returns the cache, nil for none and for a zone that could not be made. A
// server's own begins empty.
func (c cacheChoice) open() *sessionCache {
	switch {
	case c.shared != nil:
		cache, _ := c.shared.Data().(*sessionCache)
		return cache
	case c.builtin > 0:
		return newSessionCache(c.builtin)
	}
	return nil
}

func readSessionCache(s *nc.Scope, d *nc.Directive) error {
	b := session.BlockOf(s)
	v := &conf.Of(b.Server).sessionCache
	var choice cacheChoice
	for _, word := range d.Args {
		name, rest, has := strings.Cut(word, ":")
		var err error
		switch {
		case word == "off", word == "none":
		case word == "builtin":
			choice.builtin = builtinDefault
		case name == "builtin" && has:
			if choice.builtin, err = strconv.Atoi(rest); err != nil || choice.builtin <= 0 {
				return fmt.Errorf("invalid session cache \"%s\"", word)
			}
		case name == "shared" && has:
			if choice.shared, err = declareCache(b, d, "session", rest, newSessionCache); err != nil {
				return err
			}
		default:
			return fmt.Errorf("invalid session cache \"%s\"", word)
		}
	}
	*v = nc.Value[cacheChoice]{V: choice, Set: true}
	return nil
}

// declareCache makes a shared cache of NAME:SIZE, of what nginx calls kind. It
// outlives a reload.
func declareCache[K comparable, V any](b session.Block, d *nc.Directive, kind, text string, make func(entries int) *cache[K, V]) (*session.Zone, error) {
	name, size, ok := strings.Cut(text, ":")
	n, err := nc.ParseSize(size)
	if !ok || name == "" || err != nil {
		return nil, fmt.Errorf("invalid %s cache \"shared:%s\"", kind, text)
	}
	if n < 8*4096 {
		return nil, fmt.Errorf("%s cache \"shared:%s\" is too small", kind, text)
	}
	z, err := b.Realm.Zone(d, d.Name, name)
	if err != nil {
		return nil, err
	}
	return z, z.Declare(n, "", func(old any) (any, error) {
		if old, ok := old.(*cache[K, V]); ok {
			return old, nil
		}
		return make(int(n / sessionSize)), nil
	})
}

// readOCSPCache reads ssl_ocsp_cache.
func readOCSPCache(s *nc.Scope, d *nc.Directive) error {
	b := session.BlockOf(s)
	v := &conf.Of(b.Server).ocspCache
	if v.Set {
		return nc.ErrDuplicate
	}
	v.Set = true
	if d.Args[0] == "off" {
		return nil
	}
	text, ok := strings.CutPrefix(d.Args[0], "shared:")
	if !ok {
		return fmt.Errorf("invalid OCSP cache \"%s\"", d.Args[0])
	}
	var err error
	v.V, err = declareCache(b, d, "OCSP", text, newVerdictCache)
	return err
}

// readTicketKeys reads the files of ssl_session_ticket_key, each 48 or 80 bytes of
// which the first 16 are the key's name: the first encrypts, all decrypt. Nil
// without any.
func readTicketKeys(names []string) (*ticketKeys, error) {
	if names == nil {
		return nil, nil
	}
	keys := new(ticketKeys)
	for _, name := range names {
		text, err := readFile(name)
		if err != nil {
			return nil, err
		}
		if len(text) != 48 && len(text) != 80 {
			return nil, fmt.Errorf("\"%s\" must be 48 or 80 bytes", name)
		}
		secret := sha256.Sum256(text[ticketNameSize:])
		keys.keys = append(keys.keys, newTicketKey(text[:ticketNameSize], secret[:]))
	}
	return keys, nil
}

// readDHParam checks that the file is there; nginx would read it.
func readDHParam(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(session.BlockOf(s).Server).dhparam
	if v.Set {
		return nc.ErrDuplicate
	}
	*v = nc.Value[string]{V: s.Path(d.Args[0], true), Set: true}
	_, err := os.Stat(v.V)
	return err
}
