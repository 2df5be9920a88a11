package scenario_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"tandem/internal/scenario"
)

// mailbox is an SMTP server on a node; each conversation, without what differs
// between any two mailers, is a line.
func mailbox(t *testing.T, n *scenario.Node) <-chan string {
	t.Helper()
	l, err := n.Host.Listen("tcp", "127.0.0.1:2525")
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	mails := make(chan string, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go takeMail(c, mails)
		}
	}()
	return mails
}

func takeMail(c net.Conn, mails chan<- string) {
	defer c.Close()
	fmt.Fprint(c, "220 here\r\n")
	var said []string
	in := bufio.NewScanner(c)
	for data := false; in.Scan(); {
		line := in.Text()
		word, _, _ := strings.Cut(line, " ")
		if folded := strings.HasPrefix(line, " "); folded {
			said[len(said)-1] += line
		} else if said = append(said, line); word == "Date:" || word == "X-Mailer:" || word == "HELO" || word == "EHLO" || line == "" {
			said = said[:len(said)-1]
		}
		switch {
		case data && line == ".":
			data = false
			mails <- strings.Join(said, "|")
			fmt.Fprint(c, "250 taken\r\n")
		case data:
		case word == "DATA":
			data = true
			fmt.Fprint(c, "354 go on\r\n")
		case word == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		case word == "EHLO":
			fmt.Fprint(c, "502 HELO only\r\n")
		default:
			fmt.Fprint(c, "250 fine\r\n")
		}
	}
}

// TestMails holds the mails of smtp_alert against keepalived's, and sees that
// the start-up and shutdown scripts run first and last.
func TestMails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		programs func(*testing.T) [2]scenario.Program
		stopping bool // is told to the end; keepalived does not wait for that
	}{
		{"tandem", func(*testing.T) [2]scenario.Program { return [2]scenario.Program{tandem(), tandem()} }, true},
		{"classic", func(t *testing.T) [2]scenario.Program { return [2]scenario.Program{classic(t), tandem()} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := seed
			nodes[0] = inInstance(withJournal(nodes[0]), `global_defs {
    notification_email {
        admin second
    }
    notification_email_from vrrp
    smtp_server 127.0.0.1 2525
    smtp_alert
    startup_script "@/note startup"
    shutdown_script "@/note shutdown"
}
`, "")
			p := newPair(t, c.programs(t), nodes)
			one, two := p.Nodes[0], p.Nodes[1]
			mails := mailbox(t, one)
			observe(t, p, "start", started(one, two), one)
			check(t, one.Stop(within(t)))
			for _, want := range []string{
				"Entering BACKUP state|=> VRRP Instance is no longer owning VRRP VIPs <=",
				"Entering MASTER state|=> VRRP Instance is now owning VRRP VIPs <=",
				"Stopping|=> VRRP Instance stopping <=",
			} {
				subject, body, _ := strings.Cut(want, "|")
				if subject == "Stopping" && !c.stopping {
					continue
				}
				want = "MAIL FROM:<vrrp>|RCPT TO:<admin>|RCPT TO:<second>|DATA|From: vrrp|" +
					"Subject: [LVS_7] VRRP Instance VI_7 - " + subject + "|To: admin, second|" + body + "|."
				select {
				case got := <-mails:
					if got != want {
						t.Errorf("mail\n%s\nwant\n%s", got, want)
					}
				case <-within(t).Done():
					t.Fatalf("no mail %q\n%s", subject, one.LastWords())
				}
			}
			journal := told(t, one, 8)
			last := journal
			if !c.stopping { // it does not wait for notify_stop
				last = strings.SplitAfter(journal, "[shutdown]\n")[0]
			}
			if !strings.HasPrefix(journal, "0 [startup]\n") || !strings.HasSuffix(last, "0 [shutdown]\n") {
				t.Errorf("scripts:\n%s", journal)
			}
		})
	}
}
