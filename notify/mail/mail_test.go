package mail

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// server is an SMTP server that keeps what it gets.
type server struct {
	listener net.Listener
	answers  map[string]string // instead of its own, by the command's first word or the whole line
	mails    chan string       // the conversation, and the mail, of each connection
}

// smtpServer starts a server that answers some commands its own way.
func smtpServer(t *testing.T, answers map[string]string) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{listener: l, answers: answers, mails: make(chan string, 200)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c)
		}
	}()
	return s
}

func (s *server) address() string { return s.listener.Addr().String() }

func (s *server) talk(c net.Conn) {
	defer c.Close()
	said := ""
	// Kept before the client knows that the conversation has ended.
	var once sync.Once
	keep := func() { once.Do(func() { s.mails <- said }) }
	defer keep()
	answer := func(line, usual string) {
		word, _, _ := strings.Cut(line, " ")
		for _, key := range []string{line, word} {
			if own, ok := s.answers[key]; ok {
				usual = own
				break
			}
		}
		fmt.Fprintf(c, "%s\r\n", usual)
	}
	answer("", "220 here")
	in := bufio.NewScanner(c)
	for in.Scan() {
		line := in.Text()
		said += line + "\n"
		switch word, _, _ := strings.Cut(line, " "); word {
		case "EHLO", "HELO", "MAIL", "RCPT":
			answer(line, "250 fine")
		case "DATA":
			answer(line, "354 go on")
			for in.Scan() && in.Text() != "." {
				said += in.Text() + "\n"
			}
			answer("BODY", "250 taken")
		case "QUIT":
			keep()
			answer(line, "221 bye")
			return
		}
	}
}

// next waits for the end of a connection.
func (s *server) next(t *testing.T) string {
	t.Helper()
	select {
	case m := <-s.mails:
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("no mail came")
		return ""
	}
}

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, text)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.list, "\n")
}

var at = time.Date(2026, 3, 1, 9, 44, 8, 0, time.UTC)

func moved(to fsm.Role) vrrp.Transition { return vrrp.Transition{Instance: "VI_1", To: to, At: at} }

func config(server string) Config {
	return Config{
		Server: server, Hello: "node1", From: "keepalived@node1", To: []string{"admin@example.com", "Mr. Admin <second@example.com>"},
		Timeout: 10 * time.Second, RouterID: "LVS_7", Instances: map[string]bool{"VI_1": false}, Groups: map[string]bool{"G": false},
	}
}

// The conversation and the mail are keepalived's, but for EHLO and who is the
// mailer.
func TestMail(t *testing.T) {
	s, log := smtpServer(t, map[string]string{"EHLO": "500 what?"}), &lines{}
	m := New(log.add)
	m.Configure(config(s.address()))
	m.Event(moved(fsm.Init))
	m.Event(moved(fsm.Master))
	const want = `EHLO node1
HELO node1
MAIL FROM:<keepalived@node1>
RCPT TO:<admin@example.com>
RCPT TO:<second@example.com>
DATA
Date: Sun, 01 Mar 2026 09:44:08 +0000
From: keepalived@node1
Subject: [LVS_7] VRRP Instance VI_1 - Entering MASTER state
X-Mailer: tandem
To: admin@example.com,
 "Mr. Admin" <second@example.com>

=> VRRP Instance is now owning VRRP VIPs <=
QUIT
`
	if got := s.next(t); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m.Close()
	if log.text() != "" {
		t.Error(log.text())
	}
}

// Every state that keepalived knows is told once, in order.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"all", func(*Config) {}, "Instance VI_1 BACKUP, Instance VI_1 FAULT, Group G MASTER, Instance VI_1 BACKUP, Instance VI_1 Stopping"},
		{"no faults", func(c *Config) { c.NoFaults = true }, "Instance VI_1 BACKUP, Group G MASTER, Instance VI_1 Stopping"},
		{"groups only", func(c *Config) { c.Instances = nil }, "Group G MASTER"},
		{"no recipients", func(c *Config) { c.To = nil }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, log := smtpServer(t, nil), &lines{}
			conf := config(s.address())
			c.change(&conf)
			m := New(log.add)
			m.Configure(conf)
			for _, e := range []vrrp.Event{
				moved(fsm.Backup), moved(fsm.Backup), moved(fsm.Fault), vrrp.GroupTransition{Group: "G", To: fsm.Master, At: at},
				vrrp.GroupTransition{Group: "other", To: fsm.Master}, moved(fsm.Backup), moved(fsm.Stopped), vrrp.PriorityChange{Instance: "VI_1"},
			} {
				m.Event(e)
			}
			m.Close()
			if got := subjects(s); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if log.text() != "" {
				t.Error(log.text())
			}
		})
	}
}

// subjects are what the mails so far are about.
func subjects(s *server) string {
	var list []string
	for {
		select {
		case mail := <-s.mails:
			_, rest, _ := strings.Cut(mail, "Subject: [LVS_7] VRRP ")
			subject, _, _ := strings.Cut(rest, "\n")
			list = append(list, strings.NewReplacer(" - Entering", "", " state", "", " -", "").Replace(subject))
			continue
		default:
		}
		return strings.Join(list, ", ")
	}
}

// An instance that a reload removes is told as it was configured.
func TestDeleted(t *testing.T) {
	for deletedEvent, want := range map[bool]string{false: "Instance VI_1 FAULT", true: "Instance VI_1 Deleted"} {
		s := smtpServer(t, nil)
		m := New(func(text string) { t.Error(text) })
		c := config(s.address())
		c.Instances["VI_1"] = deletedEvent
		m.Configure(c)
		m.Configure(Config{})
		e := moved(fsm.Stopped)
		e.Deleted = true
		m.Event(e)
		m.Close()
		if got := subjects(s); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// What a server does not take is logged, with its words.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		answers map[string]string
		want    string // of the log
		mailed  bool
	}{
		{map[string]string{"RCPT TO:<admin@example.com>": "550 unknown here"}, "refuses a recipient: admin@example.com: 550 \"unknown here\"", true},
		{map[string]string{"RCPT": "550 unknown here"}, "no recipient is left", false},
		{map[string]string{"MAIL": "452 full"}, "MAIL FROM: 452 \"full\"", false},
		{map[string]string{"": "554 go away"}, "greeting: 554 \"go away\"", false},
		{map[string]string{"HELO": "501 who?", "EHLO": "501 who?"}, "HELO: 501 \"who?\"", false},
		{map[string]string{"BODY": "554 spam"}, "DATA: 554 \"spam\"", true},
		{map[string]string{"": "\x00\xff{}[];garbage"}, "greeting: ", false},
		{map[string]string{"": "220-" + strings.Repeat("x", answersMost)}, "the answers do not end", false},
		{map[string]string{"EHLO": strings.Repeat("250-x\r\n", answersMost/7) + "250-x"}, "the answers do not end", false},
	} {
		s, log := smtpServer(t, c.answers), &lines{}
		m := New(log.add)
		m.Configure(config(s.address()))
		m.Event(moved(fsm.Master))
		m.Close()
		if !strings.Contains(log.text(), c.want) || !strings.Contains(log.text(), s.address()) {
			t.Errorf("%q: log %q", c.answers, log.text())
		}
		if got := strings.Contains(s.next(t), "now owning"); got != c.mailed {
			t.Errorf("%q: mailed %v", c.answers, got)
		}
	}
}

// A server that does not answer keeps nobody waiting for longer than it may.
func TestTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	message := message{server: l.Addr().String(), hello: "node1", timeout: 20 * time.Millisecond, from: "a@b", to: []string{"c@d"}}
	begun := time.Now()
	if _, err := message.send(context.Background()); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("error %v", err)
	}
	if d := time.Since(begun); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

// A line of the body that begins with a dot is none that ends the mail, and a
// name cannot add to the header.
func TestText(t *testing.T) {
	s := smtpServer(t, nil)
	message := message{server: s.address(), hello: "node1", timeout: 10 * time.Second, from: "a@b", to: []string{"c@d"},
		subject: "x\r\nBcc: e@f", body: "one\r\n.\r\n.two", at: at}
	if refused, err := message.send(context.Background()); err != nil || refused != nil {
		t.Fatal(refused, err)
	}
	got := s.next(t)
	if !strings.Contains(got, "Subject: x  Bcc: e@f\n") || !strings.HasSuffix(got, "\none\n..\n..two\nQUIT\n") {
		t.Errorf("%q", got)
	}
}

func TestDisplay(t *testing.T) {
	for in, want := range map[string]string{
		"a@b": "a@b", "<a@b>": "<a@b>", "Me <a@b>": `"Me" <a@b>`, `"Me, too" <a@b>`: `"Me, too" <a@b>`, "Zoë <a@b>": "=?utf-8?q?Zo=C3=AB?= <a@b>", "x>": "x>",
	} {
		if got := display(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := []string{envelope("a@b"), envelope("Me <a@b>"), envelope("x>")}; !slices.Equal(got, []string{"a@b", "a@b", "x>"}) {
		t.Error(got)
	}
}

// A mail that somebody else has written goes the same way, if there is anybody to
// send it to.
func TestSend(t *testing.T) {
	s, log := smtpServer(t, nil), &lines{}
	m := New(log.add)
	m.Send("nobody", "is there", at)
	m.Configure(config(s.address()))
	m.Send("Realserver R of virtual server V - DOWN", "=> TCP CHECK failed on service <=", at)
	got := s.next(t)
	if !strings.Contains(got, "\nSubject: [LVS_7] Realserver R of virtual server V - DOWN\n") || !strings.Contains(got, "\n=> TCP CHECK failed on service <=\n") {
		t.Error(got)
	}
	m.Close()
	if text := log.text(); text != "" {
		t.Error(text)
	}
}
