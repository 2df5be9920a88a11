package mail

import (
	"net"
	"os/user"

	"tandem/keepalivedconf"
)

// FromKeepalived returns about what mails are sent, to whom and how. Names that the
// configuration does not give are keepalived's: those of the host and the user.
func FromKeepalived(k *keepalivedconf.Config) Config {
	g := &k.Global
	m := Config{
		Hello: g.SMTPHelo, From: g.EmailFrom, To: g.Emails, Timeout: g.SMTPTimeout, RouterID: g.Name(),
		NoFaults: g.NoEmailFaults, Instances: map[string]bool{}, Groups: map[string]bool{},
	}
	if g.SMTPServer != "" {
		m.Server = net.JoinHostPort(g.SMTPServer, g.SMTPPort)
	}
	host := keepalivedconf.HostName()
	if m.Hello == "" {
		m.Hello = host
	}
	if m.From == "" {
		m.From = "root@" + host
		if u, err := user.Current(); err == nil {
			m.From = u.Username + "@" + host
		}
	}
	for _, i := range k.Instances {
		if i.SMTPAlert {
			m.Instances[i.Name] = i.Notify.DeletedEvent
		}
	}
	for _, group := range k.Groups {
		if group.SMTPAlert {
			m.Groups[group.Name] = false
		}
	}
	return m
}
