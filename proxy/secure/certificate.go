package secure

import (
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
)

// load reads a certificate and its key from files, or, after "data:", from the
// name itself.
func (t *Settings) load(cert, key string) (*tls.Certificate, error) {
	certPEM, err := t.readPEM(cert)
	if err != nil {
		return nil, fmt.Errorf("cannot load certificate \"%s\": %w", cert, err)
	}
	keyPEM, err := t.readPEM(key)
	if err != nil {
		return nil, fmt.Errorf("cannot load certificate key \"%s\": %w", key, err)
	}
	pair, err := pki.KeyPair(certPEM, keyPEM, t.passwords.V)
	if err != nil {
		return nil, fmt.Errorf("cannot load certificate \"%s\": %w", cert, err)
	}
	return &pair, nil
}

func (t *Settings) readPEM(name string) ([]byte, error) {
	if data, ok := strings.CutPrefix(name, "data:"); ok {
		return []byte(data), nil
	}
	return os.ReadFile(t.path(name))
}

// certificateCache keeps certificates whose names hold variables.
type certificateCache struct {
	max      int
	valid    time.Duration // after which a certificate is read again
	inactive time.Duration // after which one that is not used is forgotten

	mu    sync.Mutex
	known map[[2]string]*list.Element // of order
	order list.List                   // of *cachedCertificate, the last used first
}

type cachedCertificate struct {
	names      [2]string
	cert       *tls.Certificate
	read, used time.Time
}

// get returns the certificate of the files, read if need be.
func (c *certificateCache) get(t *Settings, cert, key string, now time.Time) (*tls.Certificate, error) {
	names := [2]string{cert, key}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[names]; e != nil {
		if cached := e.Value.(*cachedCertificate); now.Sub(cached.read) < c.valid {
			cached.used = now
			c.order.MoveToFront(e)
			return cached.cert, nil
		}
		c.forget(e)
	}
	loaded, err := t.load(cert, key)
	if err != nil {
		return nil, err
	}
	for e := c.order.Back(); e != nil; e = c.order.Back() {
		if len(c.known) < c.max && now.Sub(e.Value.(*cachedCertificate).used) < c.inactive {
			break
		}
		c.forget(e)
	}
	c.known[names] = c.order.PushFront(&cachedCertificate{names, loaded, now, now})
	return loaded, nil
}

func (c *certificateCache) forget(e *list.Element) {
	c.order.Remove(e)
	delete(c.known, e.Value.(*cachedCertificate).names)
}

// readCertificateCache reads *_ssl_certificate_cache off | max=N
// [inactive=time] [valid=time].
func readCertificateCache(get func(*nc.Scope) *nc.Value[*certificateCache]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := get(s)
		if v.Set {
			return nc.ErrDuplicate
		}
		v.Set = true
		c := &certificateCache{valid: time.Minute, inactive: 10 * time.Second, known: make(map[[2]string]*list.Element)}
		off := false
		for _, arg := range d.Args {
			name, value, _ := strings.Cut(arg, "=")
			var err error
			switch {
			case arg == "off":
				off = true
			case name == "max":
				if c.max, err = nc.ParseNumber(value); c.max == 0 {
					err = nc.ErrInvalidNumber
				}
			case name == "inactive":
				c.inactive, err = nc.ParseSec(value)
			case name == "valid":
				c.valid, err = nc.ParseSec(value)
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
		case c.max == 0:
			return errors.New("\"" + d.Name + "\" must have the \"max\" parameter")
		}
		v.V = c
		return nil
	}
}
