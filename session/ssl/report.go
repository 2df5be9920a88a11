package ssl

import (
	"slices"
	"strings"

	"tandem/session"
	"tandem/status"
)

// Report returns the certificates of a configuration that come from files.
func Report(r *session.Realm) (list []status.Certificate) {
	if r.Empty() {
		return nil
	}
	known := map[string]bool{}
	for _, srv := range r.Servers() {
		c := conf.Of(srv)
		if c.config == nil {
			continue
		}
		for i, pair := range c.config.Certificates {
			source := "ssl_conf_command"
			if !c.overridden {
				source = c.certificates.V[i].file
			}
			if pair.Leaf == nil || known[source] {
				continue
			}
			known[source] = true
			if strings.HasPrefix(source, "data:") {
				source = "data:"
			}
			list = append(list, status.OfCertificate(pair.Leaf, source))
		}
	}
	slices.SortFunc(list, func(a, b status.Certificate) int { return strings.Compare(a.Name, b.Name) })
	return list
}
