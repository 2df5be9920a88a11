package main

import (
	"net"
	"os"
	"os/user"

	"tandem/keepalivedconf"
	"tandem/notify/mail"
)

// mails returns about what mails are sent, to whom and how. Names that the
// configuration does not give are keepalived's: those of the host and the user.
func (c *configuration) mails() mail.Config {
	g := &c.keepalived.Global
	m := mail.Config{
		Hello: g.SMTPHelo, From: g.EmailFrom, To: g.Emails, Timeout: g.SMTPTimeout, RouterID: routerID(g),
		NoFaults: g.NoEmailFaults, Instances: map[string]bool{}, Groups: map[string]bool{},
	}
	if g.SMTPServer != "" {
		m.Server = net.JoinHostPort(g.SMTPServer, g.SMTPPort)
	}
	host := hostName()
	if m.Hello == "" {
		m.Hello = host
	}
	if m.From == "" {
		m.From = "root@" + host
		if u, err := user.Current(); err == nil {
			m.From = u.Username + "@" + host
		}
	}
	for _, i := range c.keepalived.Instances {
		if i.SMTPAlert {
			m.Instances[i.Name] = i.Notify.DeletedEvent
		}
	}
	for _, group := range c.keepalived.Groups {
		if group.SMTPAlert {
			m.Groups[group.Name] = false
		}
	}
	return m
}

// routerID is what the node calls itself in mails and traps.
func routerID(g *keepalivedconf.Global) string {
	if g.RouterID != "" {
		return g.RouterID
	}
	return hostName()
}

func hostName() string {
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "localhost"
}
