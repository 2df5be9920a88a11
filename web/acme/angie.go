package acme

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tandem/acme"
	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// Angie's ACME module says the same otherwise: a client is an issuer with one
// certificate, which is for the names of all servers that refer to it.
//
//	acme_client NAME URI [enabled=on|off] [key_type=rsa|ecdsa] [key_bits=N] [email=ADDRESS] [challenge=http|alpn|dns]
//		[account_key=FILE] [renew_before_expiry=TIME] [eab=ID:[ALGORITHM:]KEY] [profile=NAME] ...;
//	acme NAME;
//	acme_client_path FOLDER;
//	acme_dns_port [ADDRESS:]PORT;
//	acme_http_port [ADDRESS:]PORT;
//	ssl_certificate $acme_cert_NAME; ssl_certificate_key $acme_cert_key_NAME;
var angieCommands = []nc.Command{
	{Name: "acme_client", In: nc.HTTP, Arity: nc.TwoMore, Set: readClient},
	{Name: "acme", In: nc.Server, Arity: nc.Take1, Set: readUse},
	{Name: "acme_client_path", In: nc.HTTP, Arity: nc.Take1, Set: readClientPath},
	{Name: "acme_dns_port", In: nc.HTTP, Arity: nc.Take1, Set: readDNSPort},
	{Name: "acme_http_port", In: nc.HTTP, Arity: nc.Take1, Set: readHTTPPort},
	{Name: "acme_dns_ttl", In: nc.HTTP, Arity: nc.Take1, Set: nc.SetNumber(func(s *nc.Scope) *nc.Value[int] { return &conf.Of(session.BlockOf(s).Realm).dnsTTL })},
}

var angieVariables = []web.Variable{
	{Name: "acme_cert_", Family: pemOfClient(func(chain, _ string) string { return chain })},
	{Name: "acme_cert_key_", Family: pemOfClient(func(_, key string) string { return key })},
}

// client is an acme_client.
type client struct {
	issuer
	enabled bool
	key     acme.KeyType
	names   []string // of servers that refer to it
	cert    *acme.Certificate
}

// client returns the client of a name, nil if there is none.
func (c *settings) client(name string) *client {
	for _, cl := range c.clients {
		if strings.EqualFold(cl.Name, name) {
			return cl
		}
	}
	return nil
}

// parameters are those of acme_client, by name.
var parameters = map[string]func(cl *client, s *nc.Scope, value string) error{
	"enabled": func(cl *client, _ *nc.Scope, value string) (err error) {
		cl.enabled, err = nc.ParseFlag(value)
		return err
	},
	"key_type": func(cl *client, _ *nc.Scope, value string) error {
		cl.key.RSA = strings.EqualFold(value, "rsa")
		if !cl.key.RSA && !strings.EqualFold(value, "ecdsa") {
			return nc.ErrInvalidValue
		}
		return nil
	},
	"key_bits": func(cl *client, _ *nc.Scope, value string) (err error) {
		cl.key.Bits, err = strconv.Atoi(value)
		return err
	},
	"email": func(cl *client, _ *nc.Scope, value string) error {
		cl.Contact = []string{"mailto:" + value}
		return nil
	},
	"profile": func(cl *client, _ *nc.Scope, value string) error {
		cl.Profile, cl.NeedsProfile = value, true
		return nil
	},
	"renew_before_expiry": func(cl *client, _ *nc.Scope, value string) (err error) {
		cl.RenewBefore, err = nc.ParseSec(value)
		return err
	},
	"challenge": func(cl *client, s *nc.Scope, value string) error {
		if value == "alpn" {
			value = "tls-alpn"
		}
		return cl.setChallenge(s, []string{value})
	},
	"account_key": func(cl *client, s *nc.Scope, value string) (err error) {
		cl.OwnKey, err = pki.LoadKey(s.Path(value, true))
		return err
	},
	"eab": (*client).setEAB,
	// Failures are repeated later and later; sizes are bounded otherwise.
	"retry_after_error": func(_ *client, _ *nc.Scope, value string) error {
		if value == "off" {
			return nil
		}
		_, err := nc.ParseSec(value)
		return err
	},
	"max_cert_size":     checkSize,
	"max_key_auth_size": checkSize,
}

func checkSize(_ *client, _ *nc.Scope, value string) error {
	_, err := nc.ParseSize(value)
	return err
}

// setEAB reads ID:[ALGORITHM:]KEY. The algorithm is HS256, as in nginx's module.
func (cl *client) setEAB(_ *nc.Scope, value string) error {
	id, key, ok := strings.Cut(value, ":")
	if !ok || id == "" {
		return nc.ErrInvalidValue
	}
	if algorithm, rest, ok := strings.Cut(key, ":"); ok {
		if key = rest; !strings.EqualFold(algorithm, "HS256") {
			return fmt.Errorf("the algorithm \"%s\" is not supported", algorithm)
		}
	}
	secret, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(key, "="))
	if err != nil || len(secret) == 0 {
		return errors.New("invalid key value")
	}
	cl.Binding = &acme.Binding{KeyID: id, Key: secret}
	return nil
}

func readClient(s *nc.Scope, d *nc.Directive) error {
	c := conf.Of(session.BlockOf(s).Realm)
	name := d.Args[0]
	if old := c.client(name); old != nil {
		return fmt.Errorf("duplicate ACME client \"%s\" defined in %s:%d and", name, old.pos.File, old.pos.Line)
	}
	cl := &client{enabled: true, issuer: issuer{pos: d.Pos, said: map[string]bool{}, Issuer: acme.Issuer{Name: strings.ToLower(name), Challenge: acme.HTTP01, AgreeTOS: true}}}
	if err := cl.setURI(s, d.Args[1:2]); err != nil {
		return err
	}
	for _, arg := range d.Args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		if arg == "renew_on_load" {
			continue // a certificate that is good stays
		}
		set := parameters[key]
		if set == nil {
			return fmt.Errorf("invalid parameter \"%s\"", arg)
		}
		if err := set(cl, s, value); err != nil {
			return fmt.Errorf("\"%s\" directive has an invalid \"%s\" value: %w", d.Name, key, err)
		}
	}
	if _, ok, err := acme.ParseKeyType(cl.key.String()); !ok || err != nil {
		return fmt.Errorf("\"%s\" directive has an unsupported key_type/key_bits combination", d.Name)
	}
	c.clients = append(c.clients, cl)
	return nil
}

func readUse(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	w := server.Of(&b.Server.Server)
	for _, use := range w.uses {
		if strings.EqualFold(use.name, d.Args[0]) {
			return fmt.Errorf("duplicate \"acme %s\" directive", use.name)
		}
	}
	w.uses = append(w.uses, use{d.Pos, d.Args[0]})
	return nil
}

// use is an acme directive: the server's names belong to a client's certificate.
type use struct {
	pos  nc.Pos
	name string
}

func readClientPath(s *nc.Scope, d *nc.Directive) error {
	c := conf.Of(session.BlockOf(s).Realm)
	if c.clientPath != "" {
		return nc.ErrDuplicate
	}
	c.clientPath = s.Path(d.Args[0], false)
	return nil
}

// completeClients finds out which certificates the clients get, once all servers have
// been read.
func (c *settings) completeClients(h *web.HTTP) error {
	var errs []error
	for _, srv := range h.Servers {
		for _, u := range server.Of(&srv.Server).uses {
			cl := c.client(u.name)
			if cl == nil {
				errs = append(errs, &nc.Error{Pos: u.pos, Msg: fmt.Sprintf("ACME client \"%s\" is not defined but referenced", u.name)})
				continue
			}
			names, err := namesOf(srv)
			if err != nil {
				errs = append(errs, &nc.Error{Pos: u.pos, Msg: fmt.Sprintf("\"acme\": %v", err)})
			}
			cl.names = append(cl.names, names...)
		}
	}
	for _, cl := range c.clients {
		if cl.names = unique(cl.names); !cl.enabled || len(cl.names) == 0 {
			continue
		}
		if slices.ContainsFunc(c.issuers, func(i *issuer) bool { return i.Name == cl.Name }) {
			errs = append(errs, &nc.Error{Pos: cl.pos, Msg: fmt.Sprintf("\"%s\" is the name of an \"acme_issuer\" as well", cl.Name)})
		}
		for _, name := range cl.names {
			if strings.HasPrefix(name, "*.") && cl.Challenge != acme.DNS01 {
				errs = append(errs, &nc.Error{Pos: cl.pos, Msg: fmt.Sprintf("ACME client \"%s\": a certificate for \"%s\" needs challenge=dns", cl.Name, name)})
			}
		}
		folder := c.clientPath
		if folder == "" {
			folder = h.Prefix + "acme_client"
		}
		cl.Folder = strings.TrimSuffix(folder, "/") + "/" + cl.Name
		h.AddNamedFolder(cl.Folder)
		c.issuers = append(c.issuers, &cl.issuer)
		cl.cert = c.once(&acme.Certificate{Issuer: &cl.Issuer, Names: cl.names, Key: cl.key})
	}
	return errors.Join(errs...)
}

// pemOfClient is a family of variables with a part of a client's certificate, which any
// server may use.
func pemOfClient(part func(chain, key string) string) func(string) web.Getter {
	return func(name string) web.Getter {
		return func(r *web.Request, dst []byte) ([]byte, bool) {
			c := conf.Of(&r.Server.HTTP.Realm)
			cl := c.client(name)
			if cl == nil || cl.cert == nil || c.keeper == nil {
				return dst, false
			}
			return appendPEM(dst, part(c.keeper.Certificate(cl.cert)))
		}
	}
}
