package configuration

import (
	"fmt"
	"slices"

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

// checkVirtualServers says which of the virtual servers that the self-probes depend
// on do not exist.
func (c *Configuration) checkVirtualServers() keepalivedconf.Reports {
	var reports keepalivedconf.Reports
	for _, i := range c.Keepalived.Instances {
		for _, r := range i.Tandem.Probe.VirtualServers {
			if slices.ContainsFunc(c.Keepalived.VirtualServers, r.Means) || slices.ContainsFunc(reports, func(said keepalivedconf.Report) bool { return said.Pos == r.Pos }) {
				continue
			}
			reports = append(reports, keepalivedconf.Report{Kind: text.KindGeneral, Pos: r.Pos,
				Text: fmt.Sprintf("self_probe: there is no virtual_server '%s', ignored", r)})
		}
	}
	return reports
}
