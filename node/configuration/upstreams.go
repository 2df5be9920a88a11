package configuration

import (
	"fmt"

	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/proxy/block"
)

// checkUpstreams says which of the upstreams that the self-probes depend on do
// not exist, or cannot fail.
func (c *Configuration) checkUpstreams() keepalivedconf.Reports {
	var reports keepalivedconf.Reports
	said := make(map[keepalivedconf.Upstream]bool)
	for _, i := range c.Keepalived.Instances {
		for _, u := range i.Tandem.Probe.Upstreams {
			if said[u] {
				continue
			}
			said[u] = true
			switch group := block.Find(&c.HTTP.Realm, u.Name); {
			case group == nil:
				reports = append(reports, keepalivedconf.Report{Kind: text.KindGeneral, Pos: u.Pos,
					Text: fmt.Sprintf("self_probe: there is no upstream '%s' in nginx.conf, ignored", u.Name)})
			case !group.Checked():
				reports = append(reports, keepalivedconf.Report{Kind: text.KindAdvice, Pos: u.Pos,
					Text: fmt.Sprintf("self_probe: upstream '%s' has no health_check", u.Name),
					Hint: "without one it never counts as failed"})
			}
		}
	}
	return reports
}
