package acme

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"tandem/acme"
	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// issuer is an acme_issuer block while it is read.
type issuer struct {
	acme.Issuer
	pos       nc.Pos
	said      map[string]bool // which directives there were
	trusted   string
	unchecked bool // ssl_verify off
	dns       dnsSettings
}

// entry is a directive of an acme_issuer block.
type entry struct {
	least, most int // arguments
	set         func(i *issuer, s *nc.Scope, args []string) error
}

var entries = map[string]entry{
	"uri":                  {1, 1, (*issuer).setURI},
	"account_key":          {1, 1, (*issuer).setAccountKey},
	"challenge":            {1, 1, (*issuer).setChallenge},
	"common_name_in_csr":   {1, 1, setFlag(func(i *issuer, on bool) { i.CommonName = on })},
	"contact":              {1, 1, (*issuer).addContact},
	"external_account_key": {2, 2, (*issuer).setBinding},
	"preferred_chain":      {1, 1, func(i *issuer, _ *nc.Scope, args []string) error { i.PreferredChain = args[0]; return nil }},
	"profile":              {1, 2, (*issuer).setProfile},
	"ssl_trusted_certificate": {1, 1, func(i *issuer, s *nc.Scope, args []string) error {
		i.trusted = s.Path(args[0], true)
		return nil
	}},
	"ssl_verify":              {1, 1, setFlag(func(i *issuer, on bool) { i.unchecked = !on })},
	"state_path":              {1, 1, (*issuer).setStatePath},
	"dns_update":              {1, 4, (*issuer).setUpdate},
	"dns_acme_dns":            {2, 2, (*issuer).setACMEDNS},
	"dns_hook":                {1, 100, (*issuer).setHook},
	"dns_wait":                {1, 1, (*issuer).setWait},
	"accept_terms_of_service": {0, 0, func(i *issuer, _ *nc.Scope, _ []string) error { i.AgreeTOS = true; return nil }},
}

func readIssuer(s *nc.Scope, d *nc.Directive) error {
	c := conf.Of(session.BlockOf(s).Realm)
	name := d.Args[0]
	for _, other := range c.issuers {
		if other.Name == name {
			return nc.ErrDuplicate
		}
	}
	i := &issuer{pos: d.Pos, said: map[string]bool{}, Issuer: acme.Issuer{Name: name, Challenge: acme.HTTP01}}
	for _, e := range d.Block {
		if err := i.read(s, e); err != nil {
			s.Errorf(e, "%w", err)
		}
	}
	c.issuers = append(c.issuers, i)
	if i.Directory == "" {
		return errors.New("\"acme_issuer\": \"uri\" is missing")
	}
	if err := i.setRecords(); err != nil {
		return err
	}
	if !i.said["state_path"] {
		i.Folder = s.Path("acme_"+name, false)
	}
	if i.Folder != "" {
		session.BlockOf(s).Realm.AddNamedFolder(i.Folder)
	}
	return nil
}

func (i *issuer) read(s *nc.Scope, d *nc.Directive) error {
	e, ok := entries[d.Name]
	switch {
	case !ok:
		return fmt.Errorf("unknown directive \"%s\"", d.Name)
	case d.IsBlock:
		return errors.New("unexpected \"{\"")
	case len(d.Args) < e.least || len(d.Args) > e.most:
		return fmt.Errorf("invalid number of arguments in \"%s\" directive", d.Name)
	case i.said[d.Name] && d.Name != "contact":
		return fmt.Errorf("\"%s\" directive %w", d.Name, nc.ErrDuplicate)
	}
	i.said[d.Name] = true
	return e.set(i, s, d.Args)
}

func setFlag(set func(*issuer, bool)) func(*issuer, *nc.Scope, []string) error {
	return func(i *issuer, _ *nc.Scope, args []string) error {
		on, err := nc.ParseFlag(args[0])
		set(i, on)
		return err
	}
}

func (i *issuer) setURI(_ *nc.Scope, args []string) error {
	u, err := url.Parse(args[0])
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("invalid value \"%s\"", args[0])
	}
	i.Directory = args[0]
	return nil
}

func (i *issuer) setAccountKey(s *nc.Scope, args []string) error {
	t, ok, err := acme.ParseKeyType(args[0])
	if ok {
		i.AccountKey = t
		return err
	}
	key, err := pki.LoadKey(s.Path(args[0], true))
	if err != nil {
		return fmt.Errorf("cannot load account key: %w", err)
	}
	i.OwnKey = key
	return nil
}

func (i *issuer) setChallenge(_ *nc.Scope, args []string) error {
	switch args[0] {
	case "http", "http-01":
		i.Challenge = acme.HTTP01
	case "tls-alpn", "tls-alpn-01":
		i.Challenge = acme.TLSALPN01
	case "dns", "dns-01":
		i.Challenge = acme.DNS01
	default:
		return fmt.Errorf("unsupported challenge: %s", args[0])
	}
	return nil
}

func (i *issuer) addContact(_ *nc.Scope, args []string) error {
	contact := args[0]
	if contact == "" {
		return nc.ErrInvalidValue
	}
	if u, err := url.Parse(contact); err != nil || u.Scheme == "" {
		contact = "mailto:" + contact
	}
	i.Contact = append(i.Contact, contact)
	return nil
}

func (i *issuer) setBinding(s *nc.Scope, args []string) error {
	if args[0] == "" || args[1] == "" {
		return nc.ErrInvalidValue
	}
	text, inline := strings.CutPrefix(args[1], "data:")
	if !inline {
		b, err := os.ReadFile(s.Path(args[1], true))
		if err != nil {
			return err
		}
		text = string(b)
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
	if err != nil {
		return errors.New("invalid base64url encoded value")
	}
	i.Binding = &acme.Binding{KeyID: args[0], Key: key}
	return nil
}

func (i *issuer) setProfile(_ *nc.Scope, args []string) error {
	i.Profile, i.NeedsProfile = args[0], len(args) == 2
	if i.NeedsProfile && args[1] != "require" {
		return nc.ErrInvalidValue
	}
	return nil
}

func (i *issuer) setStatePath(s *nc.Scope, args []string) error {
	if args[0] != "off" {
		i.Folder = s.Path(args[0], false)
	}
	return nil
}

// readZone checks acme_shared_zone: what it would bound needs no bound here.
func readZone(s *nc.Scope, d *nc.Directive) error {
	c := conf.Of(session.BlockOf(s).Realm)
	if c.zone {
		return nc.ErrDuplicate
	}
	c.zone = true
	zone, ok := strings.CutPrefix(d.Args[0], "zone=")
	if !ok {
		return fmt.Errorf("\"%s\" must have \"zone\" parameter", d.Name)
	}
	_, size, _ := strings.Cut(zone, ":")
	if _, err := nc.ParseSize(size); err != nil {
		return fmt.Errorf("invalid zone size \"%s\"", size)
	}
	return nil
}

func readCertificate(s *nc.Scope, d *nc.Directive) error {
	w := server.Of(&web.BlockOf(s).Server.Server)
	if w.issuer != "" {
		return nc.ErrDuplicate
	}
	if w.pos, w.issuer = d.Pos, d.Args[0]; w.issuer == "" {
		return errors.New("\"issuer\" is missing")
	}
	for _, arg := range d.Args[1:] {
		if key, ok := strings.CutPrefix(arg, "key="); ok {
			t, ok, err := acme.ParseKeyType(key)
			if err == nil && !ok {
				err = errors.New("invalid \"key\" value")
			}
			if err != nil {
				return err
			}
			w.key = t
			continue
		}
		names, err := identifiers(arg)
		if err != nil {
			return err
		}
		w.names = append(w.names, names...)
	}
	return nil
}
