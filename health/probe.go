package health

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"tandem/internal/sock"
)

// Dial connects, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Probe asks one listener of this process for one page.
type Probe struct {
	Addr    netip.AddrPort // where to connect
	Host    string         // the Host header
	Path    string         // the request's target
	Timeout time.Duration  // for the whole exchange
	Good    func(status int) bool
	// Announce is told the local address of each connection before the
	// request, and again with done when it is over: so that the server knows
	// its own probe, and nobody else can pass for it. May be nil.
	Announce func(local netip.AddrPort, done bool)
	// Dial connects in place of the kernel; nil: that one.
	Dial Dial
}

// errNoAnswer is a connection closed without an answer. A server that was told
// to do so (return 444) is alive.
var errNoAnswer = errors.New("closed without an answer")

// Once asks once. It returns the status of the answer, 0 for a connection that
// the server closed without one, and an error for what counts as a failure: no
// connection, no answer in time, a status that Good refuses.
func (p *Probe) Once(ctx context.Context) (status int, err error) {
	deadline := time.Now().Add(p.Timeout)
	c, err := p.dial(ctx)
	if err != nil {
		return 0, fmt.Errorf("no connection to %s: %w", p.Addr, cause(err))
	}
	defer func() { _ = c.Close() }()
	// Whoever ends the probe does not wait for an answer.
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	_ = c.SetDeadline(deadline)
	if local, ok := c.LocalAddr().(*net.TCPAddr); ok && p.Announce != nil {
		addr := local.AddrPort()
		addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
		p.Announce(addr, false)
		defer p.Announce(addr, true)
	}
	status, err = p.exchange(c)
	switch {
	case errors.Is(err, errNoAnswer):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("no answer from %s to GET %s: %w", p.Addr, p.Path, cause(err))
	case !p.Good(status):
		return status, fmt.Errorf("%s answered %d to GET %s", p.Addr, status, p.Path)
	}
	return status, nil
}

// dial connects. To a listener of this host the connection stands at once, so
// that the server finds the request when it accepts, and nobody has to wait; only
// when its queue is full it does not.
func (p *Probe) dial(ctx context.Context) (net.Conn, error) {
	if p.Dial != nil {
		ctx, cancel := context.WithTimeout(ctx, p.Timeout)
		defer cancel()
		return p.Dial(ctx, "tcp", p.Addr.String())
	}
	c, connected, err := sock.Dial(p.Addr, &sock.Options{SpeaksFirst: true})
	if err != nil {
		return nil, err
	}
	if connected {
		return c, nil
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	if err = c.Connected(p.Timeout); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// cause leaves the address out of a network error: the caller names it.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		if op.Timeout() {
			return errors.New("timed out")
		}
		return op.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("timed out")
	}
	return err
}

// exchange sends the request and reads the status line of the answer. The
// first bytes are enough: whoever answers is alive.
func (p *Probe) exchange(c net.Conn) (status int, err error) {
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tandem-self-probe\r\nConnection: close\r\n\r\n", p.Path, p.Host)
	if err != nil {
		return 0, err
	}
	line, err := bufio.NewReaderSize(c, 256).ReadString('\n')
	if err == io.EOF && line == "" {
		return 0, errNoAnswer
	}
	if err != nil {
		return 0, err
	}
	version, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if !strings.HasPrefix(version, "HTTP/") || err != nil {
		return 0, fmt.Errorf("the answer is not HTTP: %.40q", line)
	}
	return status, nil
}
