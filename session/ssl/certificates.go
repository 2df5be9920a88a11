package ssl

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
)

// pemName is what ssl_certificate or ssl_certificate_key says.
type pemName struct {
	pos      nc.Pos
	text     string            // as written
	file     string            // in full, for one without variables
	template *session.Template // nil for one without variables
	folder   string            // what its value is relative to
}

// readPEM reads ssl_certificate and ssl_certificate_key, which may be repeated
// for certificates of other kinds.
func readPEM(field func(*settings) *nc.Value[[]pemName]) func(*nc.Scope, *nc.Directive) error {
	return func(s *nc.Scope, d *nc.Directive) error {
		b := session.BlockOf(s)
		names := field(conf.Of(b.Server))
		n := pemName{pos: d.Pos, text: d.Args[0], file: d.Args[0], folder: s.Path("", true)}
		// What stands in the name itself cannot begin with a "$".
		if session.HasVariables(n.text) && !strings.HasPrefix(n.text, "data:-") {
			var err error
			if n.template, err = b.Realm.Template(d, n.text); err != nil {
				return err
			}
		} else {
			n.file = n.in(n.text)
		}
		*names = nc.Value[[]pemName]{V: append(names.V, n), Set: true}
		return nil
	}
}

// in returns the full name of a file.
func (n *pemName) in(name string) string {
	if strings.HasPrefix(name, "/") || !pki.IsFile(name) {
		return name
	}
	return n.folder + name
}

// at evaluates the name during the handshake, when there is no request yet.
func (n *pemName) at(s *session.Session) string {
	if n.template == nil {
		return n.file
	}
	return n.in(string(n.template.Append(s, nil)))
}

// byVariables reports whether the certificates of a server are found in the
// handshake.
func (c *settings) byVariables() bool {
	return slices.ContainsFunc(slices.Concat(c.certificates.V, c.keys.V), func(n pemName) bool { return n.template != nil })
}

// loadCertificates reads the certificates that have no variables in their names.
func (c *settings) loadCertificates(t *tls.Config, s *store, files *pki.Files) error {
	if len(c.certificates.V) == 0 {
		return nil
	}
	if len(c.keys.V) < len(c.certificates.V) {
		return fmt.Errorf("no \"ssl_certificate_key\" is defined for certificate \"%s\"", c.certificates.V[len(c.keys.V)].text)
	}
	if c.passwordFile.V != "" {
		var err error
		if c.passwords, err = pki.ReadPasswords(c.passwordFile.V); err != nil {
			return err
		}
	}
	if c.byVariables() || t.Certificates != nil {
		return nil
	}
	if c.stapling.V && c.staplingFile.V != "" {
		var err error
		if c.staple, err = readStaple(c.staplingFile.V); err != nil {
			return err
		}
	}
	for i, name := range c.certificates.V {
		l, err := s.open(files, name.pos, name.file, c.keys.V[i].file, c.passwords)
		if err != nil {
			return err
		}
		c.live = append(c.live, l)
	}
	return nil
}

// sharedConfig is what all connections to a server have in common that need nothing of
// their own: settings with the certificates as they are in force, and with what is
// stapled to them.
type sharedConfig struct {
	config  *tls.Config
	pairs   []*tls.Certificate
	staples []*staple
	until   time.Time // when one of the staples is over; zero: never
}

// sharedConfig returns that of a moment.
func (c *settings) sharedConfig(now time.Time) *tls.Config {
	if s := c.shared.Load(); s != nil && s.holds(c, now) {
		return s.config
	}
	s := &sharedConfig{config: c.config.Clone()}
	for i, l := range c.live {
		pair := l.now.Load()
		s.pairs = append(s.pairs, pair)
		shown := *pair
		shown.OCSPStaple = c.staple
		if c.staplers != nil {
			st := c.staplers[i].latest()
			s.staples = append(s.staples, st)
			if shown.OCSPStaple = st.forLeaf(pair.Leaf, now); shown.OCSPStaple != nil && !st.until.IsZero() && (s.until.IsZero() || st.until.Before(s.until)) {
				s.until = st.until
			}
		}
		s.config.Certificates = append(s.config.Certificates, shown)
	}
	c.sessions.attachShared(s.config)
	c.shared.Store(s)
	return s.config
}

// holds reports whether nothing has changed.
func (s *sharedConfig) holds(c *settings, now time.Time) bool {
	for i, l := range c.live {
		if s.pairs[i] != l.now.Load() || c.staplers != nil && s.staples[i] != c.staplers[i].latest() {
			return false
		}
	}
	return s.until.IsZero() || !now.After(s.until)
}

// loadForHandshake gives a connection with settings of its own its certificates: those
// of files as they are in force, or those whose names hold variables.
func (c *settings) loadForHandshake(t *tls.Config, srv *session.Server, client *session.Client) error {
	if c.live == nil {
		return c.loadByVariables(t, srv, client)
	}
	t.Certificates = c.sharedConfig(time.Now()).Certificates
	return nil
}

// loadByVariables reads the certificates of one handshake, if any of their names
// hold variables.
func (c *settings) loadByVariables(t *tls.Config, srv *session.Server, client *session.Client) error {
	if t.Certificates != nil {
		return nil
	}
	s := srv.Owner.Before(client)
	for i := range c.certificates.V {
		if i >= len(c.keys.V) {
			return errors.New("no certificate key for this server")
		}
		pair, err := c.certCache.V.Pair(c.certificates.V[i].at(s), c.keys.V[i].at(s), c.passwords, time.Now())
		if err != nil {
			return err
		}
		t.Certificates = append(t.Certificates, pair)
	}
	return nil
}
