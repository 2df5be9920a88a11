package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
	"time"
)

// message is a mail and where it goes.
type message struct {
	server, hello string
	timeout       time.Duration
	from          string
	to            []string
	subject, body string
	at            time.Time
}

// send hands the mail to the server, for as many of the recipients as it takes;
// refused says why not the others. The error is that of the step that failed.
func (m *message) send(ctx context.Context) (refused []error, err error) {
	conn, err := (&net.Dialer{Timeout: m.timeout}).DialContext(ctx, "tcp", m.server)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // after QUIT there is nothing to lose
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c, err := smtp.NewClient(&bounded{Conn: conn, timeout: m.timeout, until: time.Now().Add(talkMost), left: answersMost}, m.server)
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	if err := c.Hello(m.hello); err != nil {
		return nil, fmt.Errorf("HELO: %w", err)
	}
	if err := c.Mail(envelope(m.from)); err != nil {
		return nil, fmt.Errorf("MAIL FROM: %w", err)
	}
	for _, to := range m.to {
		if err := c.Rcpt(envelope(to)); err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", to, err))
		}
	}
	if len(refused) == len(m.to) {
		return refused, errors.New("no recipient is left")
	}
	w, err := c.Data()
	if err == nil {
		if _, err = w.Write(m.text()); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return refused, fmt.Errorf("DATA: %w", err)
	}
	_ = c.Quit() // the server has the mail
	return refused, nil
}

// text is the mail with its header.
func (m *message) text() []byte {
	to := make([]string, len(m.to))
	for i, a := range m.to {
		to[i] = display(a)
	}
	return fmt.Appendf(nil, "Date: %s\r\nFrom: %s\r\nSubject: %s\r\nX-Mailer: tandem\r\nTo: %s\r\n\r\n%s\r\n",
		m.at.Format("Mon, 02 Jan 2006 15:04:05 -0700"), display(m.from), oneLine.Replace(m.subject), strings.Join(to, ",\r\n "), m.body)
}

// oneLine keeps a name from the configuration within its header.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// envelope is the address alone.
func envelope(a string) string {
	if i := strings.LastIndexByte(a, '<'); i >= 0 && strings.HasSuffix(a, ">") {
		return a[i+1 : len(a)-1]
	}
	return a
}

// display is an address as it stands in a header: a name is quoted where it has
// to be, RFC 5322, 3.2.3.
func display(a string) string {
	address := envelope(a)
	if address == a {
		return a
	}
	name := strings.TrimSpace(a[:len(a)-len(address)-2])
	if name == "" {
		return a
	}
	if unquoted, ok := strings.CutPrefix(name, `"`); ok {
		name = strings.TrimSuffix(unquoted, `"`)
	}
	return (&mail.Address{Name: name, Address: address}).String()
}

// What a server gets for one mail, whatever it does.
const (
	answersMost = 64 << 10        // bytes of its answers
	talkMost    = 5 * time.Minute // for the whole of it
)

// bounded is a connection whose other side may not take its time, nor talk
// without end.
type bounded struct {
	net.Conn
	timeout time.Duration // for each read and write, as keepalived has it
	until   time.Time     // the end of the whole
	left    int           // bytes that may still come
}

// deadline is that of a read or write that begins now.
func (b *bounded) deadline() time.Time {
	if d := time.Now().Add(b.timeout); d.Before(b.until) {
		return d
	}
	return b.until
}

var errEndless = errors.New("the answers do not end")

// Read is net.Conn's.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errEndless
	}
	if err := b.SetReadDeadline(b.deadline()); err != nil {
		return 0, err
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Write is net.Conn's.
func (b *bounded) Write(p []byte) (int, error) {
	if err := b.SetWriteDeadline(b.deadline()); err != nil {
		return 0, err
	}
	return b.Conn.Write(p)
}
