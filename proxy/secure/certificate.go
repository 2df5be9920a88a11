package secure

import (
	"crypto/tls"
	"strings"
	"time"

	"tandem/internal/pki"
)

// load reads a certificate and its key as they are now, or were when the cache of
// *_ssl_certificate_cache read them.
func (t *Settings) load(cert, key string) (*tls.Certificate, error) {
	pair, err := t.cache.V.Pair(t.path(cert), t.path(key), t.passwords.V, time.Now())
	return &pair, err
}

// path returns the full name of a file.
func (t *Settings) path(name string) string {
	if strings.HasPrefix(name, "/") || !pki.IsFile(name) {
		return name
	}
	return t.folder + name
}
