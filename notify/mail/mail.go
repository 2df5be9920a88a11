// Package mail sends the mails of smtp_alert: one for each change of state of an
// instance or a group that asks for it, with keepalived's words.
package mail

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tandem/notify/outbox"
	"tandem/vrrp"
)

// Config is about whom mails are sent, to whom and how.
type Config struct {
	// Server is the SMTP server as host:port; "" sends nothing.
	Server string
	// Hello is the name to greet it with.
	Hello string
	// From is the sender and To the recipients, each an address or a name and
	// an address in angle brackets.
	From string
	To   []string
	// Timeout is how long the server may take to connect, and then for each
	// answer.
	Timeout time.Duration
	// RouterID begins the subject.
	RouterID string
	// NoFaults leaves out changes to FAULT (no_email_faults).
	NoFaults bool
	// Instances and Groups are the names of those that mails are sent about.
	// An instance that is true is told as DELETED when it is no longer
	// configured, else as FAULT.
	Instances map[string]bool
	Groups    map[string]bool
}

// Mailer sends mails, one after the other and never on the caller's time. Its
// methods may be called by several goroutines.
type Mailer struct {
	log func(text string)

	mu       sync.Mutex
	config   Config
	previous Config          // for instances that a reload has removed
	told     map[string]fact // the last state that was mailed, by kind and name

	box *outbox.Box[message]
}

// New makes a mailer that has nobody to write to yet. log is told about mails
// that could not be sent.
func New(log func(text string)) *Mailer {
	m := &Mailer{log: log, told: map[string]fact{}}
	m.box = outbox.New(m.send, func(n int) {
		log(fmt.Sprintf("%d mails were not sent: the SMTP server takes too long", n))
	})
	return m
}

// Configure takes over a configuration. It is called before VRRP takes over the
// rest of it: what was removed is still told as the one before says.
func (m *Mailer) Configure(c Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.previous, m.config = m.config, c
}

// Event sends a mail if the event asks for one. It does not wait.
func (m *Mailer) Event(e vrrp.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e := e.(type) {
	case vrrp.Transition:
		c, deletedEvent, ok := m.wanted(e.Instance, func(c *Config) map[string]bool { return c.Instances })
		if !ok {
			return
		}
		state := e.To.String()
		if e.Deleted {
			state = "FAULT"
			if deletedEvent {
				state = "DELETED"
			}
		}
		m.tell(c, kindInstance, e.Instance, state, e.At)
		if e.Deleted {
			delete(m.told, kindInstance.key(e.Instance))
		}
	case vrrp.GroupTransition:
		if c, _, ok := m.wanted(e.Group, func(c *Config) map[string]bool { return c.Groups }); ok {
			m.tell(c, kindGroup, e.Group, e.To.String(), e.At)
		}
	}
}

// wanted looks a name up in the configuration, or in the one before it.
func (m *Mailer) wanted(name string, of func(*Config) map[string]bool) (c *Config, value, ok bool) {
	for _, c := range []*Config{&m.config, &m.previous} {
		if value, ok := of(c)[name]; ok {
			return c, value, c.Server != "" && len(c.To) > 0
		}
	}
	return nil, false, false
}

// tell has a mail sent about a state that was not the last one told.
func (m *Mailer) tell(c *Config, k kind, name, state string, at time.Time) {
	f, ok := k.facts[state]
	if !ok || state == "FAULT" && c.NoFaults || m.told[k.key(name)] == f {
		return
	}
	m.told[k.key(name)] = f
	m.put(c, fmt.Sprintf("%s %s - %s", k.name, name, f.subject), f.body, at)
}

// put has a mail sent.
func (m *Mailer) put(c *Config, subject, body string, at time.Time) {
	m.box.Put(message{
		server: c.Server, hello: c.Hello, timeout: c.Timeout, from: c.From, to: c.To,
		subject: fmt.Sprintf("[%s] %s", c.RouterID, subject), body: body, at: at,
	})
}

// Send sends a mail that somebody else has written, if there is anybody to send it
// to. It does not wait.
func (m *Mailer) Send(subject, body string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := &m.config; c.Server != "" && len(c.To) > 0 {
		m.put(c, subject, body, at)
	}
}

func (m *Mailer) send(ctx context.Context, next message) {
	refused, err := next.send(ctx)
	for _, r := range refused {
		m.log(fmt.Sprintf("mail %q: the SMTP server %s refuses a recipient: %v", next.subject, next.server, r))
	}
	if err != nil {
		m.log(fmt.Sprintf("mail %q could not be sent through the SMTP server %s: %v", next.subject, next.server, err))
	}
}

// closePatience is how long the end of the process waits for mails.
const closePatience = 5 * time.Second

// Close waits until the mails are sent that are due, at most for 5 s. No events
// may come any more.
func (m *Mailer) Close() { m.box.Close(closePatience) }
