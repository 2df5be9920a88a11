package ssl

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
)

// readCommand reads ssl_conf_command. What OpenSSL knows and Go's TLS has nothing
// for is refused by name, unless it would only make OpenSSL faster, or have it do
// what Go's TLS does anyway.
func readCommand(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(session.BlockOf(s).Server).commands
	kv := nc.Keyval{Key: d.Args[0], Value: d.Args[1]}
	switch strings.ToLower(kv.Key) {
	case "certificate", "privatekey":
		kv.Value = s.Path(kv.Value, true)
	case "ciphersuites":
		s.Warnf(d, "SSL_CONF_cmd(\"%s\") has no effect, Go's TLS chooses the suites of TLS 1.3 itself", kv.Key)
	}
	*v = nc.Value[[]nc.Keyval]{V: append(v.V, kv), Set: true}
	return nil
}

// command carries out ssl_conf_command, over what the directives say.
func (c *settings) command(t *tls.Config, files *pki.Files) error {
	cert, key := "", ""
	for _, kv := range c.commands.V {
		var err error
		switch strings.ToLower(kv.Key) {
		case "certificate":
			cert = kv.Value
		case "privatekey":
			key = kv.Value
		case "cipherstring":
			t.CipherSuites, err = pki.Ciphers(kv.Value)
		case "ciphersuites":
		case "minprotocol":
			t.MinVersion, _, err = pki.Protocols([]string{kv.Value})
		case "maxprotocol":
			_, t.MaxVersion, err = pki.Protocols([]string{kv.Value})
		case "curves", "groups":
			t.CurvePreferences, err = pki.Curves(kv.Value)
		case "options":
			err = c.options(kv.Value)
		default:
			err = errors.New("not supported")
		}
		if err != nil {
			return fmt.Errorf("SSL_CONF_cmd(\"%s\", \"%s\") failed (%w)", kv.Key, kv.Value, err)
		}
	}
	switch {
	case cert == "" && key == "":
		return nil
	case cert == "" || key == "":
		return errors.New("SSL_CONF_cmd() needs \"Certificate\" and \"PrivateKey\" together")
	}
	pair, err := files.Pair(cert, key, nil)
	t.Certificates = []tls.Certificate{pair}
	return err
}

// options carries out the command Options, a list of words with "-" in front of
// what is to be off.
func (c *settings) options(list string) error {
	for word := range strings.SplitSeq(list, ",") {
		name, off := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(word), "+"), "-")
		switch strings.ToLower(name) {
		case "sessionticket":
			c.tickets.V = !off
		case "ktls", "prioritizechacha", "serverpreference", "norenegotiation", "antireplay", "encryptthenmac",
			"bugs", "compression", "ecdhsingle", "dhsingle", "middleboxcompat":
		default:
			return fmt.Errorf("the option \"%s\" is not supported", name)
		}
	}
	return nil
}
