package failover

import (
	"sync"

	"tandem/internal/contain"
	"tandem/keepalivedconf"
	"tandem/notify"
	"tandem/notify/mail"
	"tandem/notify/trap"
	"tandem/vrrp"
)

// alerts tell programs and people what happens in VRRP, as keepalived.conf says.
// None of them keeps VRRP waiting.
type alerts struct {
	scripts *notify.Notifier
	mails   *mail.Mailer
	traps   *trap.Sender
}

func newAlerts(log *eventLog) *alerts {
	return &alerts{scripts: notify.New(log.line), mails: mail.New(log.note), traps: trap.New(log.note)}
}

// configure takes over a configuration. VRRP takes over the rest of it after
// that: what was removed is still told as the one before says.
func (a *alerts) configure(k *keepalivedconf.Config) {
	a.scripts.Configure(notify.FromKeepalived(k))
	a.mails.Configure(mail.FromKeepalived(k))
	a.traps.Configure(trap.FromKeepalived(k))
}

// reloaded is called when VRRP has taken over the rest.
func (a *alerts) reloaded() { a.scripts.Reloaded() }

func (a *alerts) event(e vrrp.Event) {
	_ = contain.Run("notify", func() { a.scripts.Event(e) })
	_ = contain.Run("a mail", func() { a.mails.Event(e) })
	_ = contain.Run("a trap", func() { a.traps.Event(e) })
}

// close waits until what is due has been told, within bounds. No events may
// come any more.
func (a *alerts) close() {
	var closing sync.WaitGroup
	closing.Go(a.scripts.Close)
	closing.Go(a.mails.Close)
	closing.Go(a.traps.Close)
	closing.Wait()
}
