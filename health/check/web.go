package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Web is HTTP_GET and SSL_GET: each check asks for one of the URLs, and the server
// is well when all of them have been in turn.
type Web struct {
	Target
	TLS bool // SSL_GET
	// ServerName is what TLS is told of whom is wanted, "": nothing.
	ServerName string
	// Certificates are shown to a server that asks for one.
	Certificates []tls.Certificate
	// CloseNotify: TLS is ended as its standard says (tls_compliant).
	CloseNotify  bool
	Host         string // of the request (virtualhost), "": the address
	Version      HTTPVersion
	FastRecovery bool // a server that is on its way back is asked again at once
	URLs         []URL
}

// HTTPVersion is what a request says of itself (http_protocol).
type HTTPVersion uint8

// The versions. HTTP10Close and HTTP11 say that the connection is to be closed.
const (
	HTTP10 HTTPVersion = iota
	HTTP10Close
	HTTP11
)

// String implements Method.
func (w *Web) String() string {
	if w.TLS {
		return "SSL_GET"
	}
	return "HTTP_GET"
}

func (*Web) asks() bool { return true }

func (w *Web) ask(ctx context.Context, turn int) Answer {
	if len(w.URLs) == 0 {
		return Answer{OK: true}
	}
	u := &w.URLs[turn%len(w.URLs)]
	ctx, cancel := w.limited(ctx)
	defer cancel()
	c, done, err := w.dial(ctx, "tcp")
	if err != nil {
		if why := unasked(err); why != "" {
			return Answer{Unasked: fmt.Sprintf("WEB socket bind failed (%s). Rescheduling", why)}
		}
		return w.failed(connecting(err), u, "connecting: "+reason(err))
	}
	defer done()
	if w.TLS {
		w.step(c)
		if c, err = w.secure(ctx, c); err != nil {
			text := "SSL handshake/communication error connecting to"
			if timedOut(err) {
				text = "Timeout connecting"
			}
			return w.failed(text, u, "TLS: "+reason(err))
		}
	}
	w.step(c)
	if _, err := c.Write(w.request(u)); err != nil {
		return w.failed("Cannot send get request to", u, "sending: "+reason(err))
	}
	r := newResponse(u)
	if text, err := r.read(c, func() { w.step(c) }); err != nil {
		if w.TLS && text == timeoutBody {
			text = "Timeout SSL read"
		}
		return w.failed(text, u, reason(err))
	}
	if w.TLS && w.CloseNotify {
		_ = c.(*tls.Conn).CloseWrite() // the server may have gone
	}
	text, why := r.judge()
	if why != "" {
		return w.failed(text, u, why)
	}
	return Answer{OK: true, Text: text + " success to %s url(" + escaped(u.Path) + ")"}
}

// escaped is text that goes into a format.
func escaped(text string) string {
	var b []byte
	for i := range len(text) {
		if text[i] == '%' {
			b = append(b, '%')
		}
		b = append(b, text[i])
	}
	return string(b)
}

// failed is an answer that says why, in keepalived's words and in others.
func (w *Web) failed(text string, u *URL, why string) Answer {
	return Answer{Text: text + " server %s.", Reason: fmt.Sprintf("GET %s: %s", u.Path, why)}
}

// connecting returns keepalived's words for a connection that does not come to stand.
func connecting(err error) string {
	switch {
	case timedOut(err):
		return "Timeout connecting"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "HTTP/SSL_CHECK - network unreachable"
	}
	return "Connection failed"
}

// secure does the handshake of TLS. Whose certificate it is does not matter, as in
// keepalived.
func (w *Web) secure(ctx context.Context, c net.Conn) (net.Conn, error) {
	t := tls.Client(c, &tls.Config{ServerName: w.ServerName, Certificates: w.Certificates, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10})
	return t, t.HandshakeContext(ctx)
}

// request returns the request for a URL, as keepalived writes it.
func (w *Web) request(u *URL) []byte {
	host := u.Host
	if host == "" {
		host = w.Host
	}
	if host == "" {
		host = net.JoinHostPort(w.Addr.Addr().WithZone("").String(), strconv.Itoa(int(w.Addr.Port())))
	}
	minor, connection := 0, ""
	if w.Version == HTTP11 {
		minor = 1
	}
	if w.Version != HTTP10 {
		connection = "Connection: close\r\n"
	}
	return fmt.Appendf(nil, "GET %s HTTP/1.%d\r\nUser-Agent: KeepAliveClient\r\n%sHost: %s\r\n\r\n", u.Path, minor, connection, host)
}

// take is keepalived's epilog of HTTP: a server is up when all URLs have been good
// one after the other, and down when one of them fails more often than retry
// allows; then that one is asked until it is good, and all from the first on.
func (w *Web) take(s *state, spec *Spec, a Answer) (f Finding, next time.Duration) {
	a = a.about(spec)
	f.Reason, next = a.Reason, spec.DelayLoop
	if a.OK {
		w.good(s, spec, a, &f)
	} else {
		next = w.bad(s, spec, a, &f)
	}
	// Who is not known to fail need not wait to be up again.
	if w.FastRecovery && (!s.ran || !s.up && s.failing < 0) {
		next = 0
	}
	return f, next
}

func (w *Web) good(s *state, spec *Spec, a Answer, f *Finding) {
	if !s.up && a.Text != "" {
		f.log(a.Text)
	}
	s.turn++
	s.retries = 0
	switch {
	case s.failing >= 0:
		s.failing, s.turn = -1, 0
	case s.turn >= len(w.URLs):
		s.turn = 0
		if !s.up || !s.ran {
			f.log(fmt.Sprintf("Remote Web server %s succeed on service.", spec.Name))
			s.turned(f, true)
			f.mail("=> CHECK succeed on service <=", f.Changed)
		}
	}
	if !s.ran {
		s.retries = spec.Retry
	}
}

func (w *Web) bad(s *state, spec *Spec, a Answer, f *Finding) (next time.Duration) {
	if s.up || !s.ran {
		if spec.LogAllFailures && a.Text != "" {
			f.log(a.Text)
		}
		if s.retries++; s.retries > spec.Retry {
			protocol := "HTTP"
			if w.TLS {
				protocol = "SSL"
			}
			text := fmt.Sprintf("%s_CHECK on service %s failed", protocol, spec.Name)
			if s.ran && spec.Retry > 0 {
				text += fmt.Sprintf(" after %d retries", s.retries-1)
			}
			f.log(text + ".")
			s.turned(f, false)
			f.mail("=> CHECK failed on service : HTTP/SSL request failed <=", f.Changed)
			s.failing = s.turn
		}
	}
	s.ran = true
	if s.failing >= 0 {
		return max(spec.DelayBeforeRetry, spec.DelayLoop)
	}
	return spec.DelayBeforeRetry
}
