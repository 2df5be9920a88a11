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
	for _, l := range stores.Of(r).certificates {
		source := l.files[0]
		if known[source] {
			continue
		}
		known[source] = true
		if strings.HasPrefix(source, "data:") {
			source = "data:"
		}
		list = append(list, status.OfCertificate(l.now.Load().Leaf, source))
	}
	slices.SortFunc(list, func(a, b status.Certificate) int { return strings.Compare(a.Name, b.Name) })
	return list
}
