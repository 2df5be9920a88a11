package acme

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem/acme"
	"tandem/acme/dnsrecord"
	nc "tandem/nginxconf"
)

// dnsSettings are what an issuer's block says of DNS-01; nginx's module has nothing of
// the kind:
//
//	challenge dns-01;
//	dns_update SERVER[:PORT] [zone=NAME] [key=NAME:ALGORITHM:SECRET | key_file=FILE];
//	dns_acme_dns URL FILE;
//	dns_hook PROGRAM [ARGUMENT ...];
//	dns_wait TIME;
type dnsSettings struct {
	update    *dnsrecord.Update
	delegated *dnsrecord.Delegated
	hook      *dnsrecord.Hook
	wait      time.Duration
}

// ways are the directives that say where records are put.
var ways = []string{"dns_update", "dns_acme_dns", "dns_hook"}

func (i *issuer) setUpdate(s *nc.Scope, args []string) error {
	server, err := dnsrecord.HostPort(args[0])
	if err != nil {
		return err
	}
	i.dns.update = &dnsrecord.Update{Server: server}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		switch {
		case name == "zone" && value != "":
			i.dns.update.Zone = value
		case name == "key" && i.dns.update.Key == nil:
			words := strings.SplitN(value, ":", 3)
			if len(words) != 3 {
				return fmt.Errorf("invalid parameter \"%s\"", arg)
			}
			i.dns.update.Key, err = dnsrecord.NewKey(words[0], words[1], words[2])
		case name == "key_file" && i.dns.update.Key == nil:
			i.dns.update.Key, err = dnsrecord.ReadKey(s.Path(value, true))
		default:
			return fmt.Errorf("invalid parameter \"%s\"", arg)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *issuer) setACMEDNS(s *nc.Scope, args []string) error {
	if u, err := url.Parse(args[0]); err != nil || u.Host == "" {
		return fmt.Errorf("invalid value \"%s\"", args[0])
	}
	i.dns.delegated = &dnsrecord.Delegated{URL: args[0], File: s.Path(args[1], true)}
	return i.dns.delegated.Check()
}

func (i *issuer) setHook(_ *nc.Scope, args []string) error {
	i.dns.hook = &dnsrecord.Hook{Args: args}
	return nil
}

func (i *issuer) setWait(_ *nc.Scope, args []string) error {
	var err error
	if i.dns.wait, err = nc.ParseMsec(args[0]); err != nil {
		return fmt.Errorf("invalid value \"%s\"", args[0])
	}
	return nil
}

// setRecords finds out where records are put, once the block has been read.
func (i *issuer) setRecords() error {
	said := 0
	for _, way := range ways {
		if i.said[way] {
			said++
		}
	}
	list := "\"" + strings.Join(ways, "\", \"") + "\""
	switch {
	case said > 1:
		return errors.New("\"acme_issuer\": only one is possible of " + list)
	case i.Challenge == acme.DNS01 && said == 0:
		return errors.New("\"acme_issuer\": the challenge dns-01 needs one of " + list)
	case i.Challenge != acme.DNS01 && said > 0:
		return errors.New("\"acme_issuer\": " + list + " are for the challenge dns-01")
	}
	d := &i.dns
	switch {
	case d.update != nil:
		d.update.Settle, i.Records = d.wait, d.update
	case d.delegated != nil:
		d.delegated.Settle, i.Records = d.wait, d.delegated
	case d.hook != nil:
		d.hook.Settle, i.Records = d.wait, d.hook
	}
	return nil
}

// connect gives what puts records its way to servers.
func (d *dnsSettings) connect(w *way) {
	if d.update != nil {
		d.update.Dial = w.DialContext
	}
	if d.delegated != nil {
		d.delegated.Client = &http.Client{Timeout: requestLimit, Transport: &http.Transport{DialContext: w.DialContext, IdleConnTimeout: requestLimit}}
	}
}

// asksServer reports whether the authority asks this server itself for records.
func (i *issuer) asksServer() bool { return i.Challenge == acme.DNS01 && i.Records == nil }
