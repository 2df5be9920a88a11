package node

import (
	"fmt"
	"io"

	"tandem/node/configuration"
	"tandem/session/ssl"
	"tandem/status"
	webacme "tandem/web/acme"
)

// certificates returns those of a configuration: from files, and those that the
// process gets by itself.
func certificates(c *configuration.Configuration) []status.Certificate {
	list := ssl.Report(&c.HTTP.Realm)
	k := webacme.Keeper(&c.HTTP.Realm)
	if k == nil {
		return list
	}
	for _, s := range k.Report() {
		one := status.Certificate{Name: s.Title(), Names: s.Names}
		if s.Leaf != nil {
			one = status.OfCertificate(s.Leaf, "")
			one.Name = s.Title()
		}
		one.Source, one.Renew, one.Elsewhere, one.Error = "acme "+s.Issuer.Name, &s.Next, !s.Leads, s.Error
		list = append(list, one)
	}
	return list
}

// renew has a certificate renewed; it returns the client's exit code.
func (n *node) renew(out io.Writer, name string) int {
	k := n.keeper()
	if k == nil {
		fmt.Fprintln(out, "tandem: [error] the configuration has no acme_issuer")
		return 1
	}
	if err := k.Renew(name); err != nil {
		fmt.Fprintf(out, "tandem: [error] %v\n", err)
		return 1
	}
	fmt.Fprintf(out, "%s is renewed; tandem certificates shows what comes of it\n", name)
	return 0
}
