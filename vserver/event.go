package vserver

import "fmt"

// Event is something that has happened: a Line, a Mail, a RealChange or a
// QuorumChange. Events are told in their order.
type Event interface{ fmt.Stringer }

// Line is one for the log, in keepalived's words.
type Line struct{ Text string }

func (l Line) String() string { return "log " + l.Text }

// RealChange is told to the real server's script, to the FIFOs and to SNMP.
type RealChange struct {
	Server *Server
	Real   *Real
	Up     bool
	Alive  int // real servers of the virtual server that are up
	// Stopping: the process ends. Quiet: only SNMP is told, since there is no omega.
	Stopping, Quiet bool
}

func (c RealChange) String() string { return c.how() + c.FIFO() }

func (c RealChange) how() string {
	if c.Quiet {
		return "trap "
	}
	return "notify "
}

// FIFO is the line that a FIFO gets.
func (c RealChange) FIFO() string {
	return fmt.Sprintf("RS %s %s %s", c.Real.Name, c.Server.Name, upDown(c.Up))
}

// QuorumChange is told to the virtual server's script, to the FIFOs and to SNMP.
type QuorumChange struct {
	Server          *Server
	Up              bool
	Alive           int  // real servers that are up
	Stopping, Quiet bool // as in RealChange
}

func (c QuorumChange) String() string {
	return RealChange{Quiet: c.Quiet}.how() + c.FIFO()
}

// FIFO is the line that a FIFO gets.
func (c QuorumChange) FIFO() string { return fmt.Sprintf("VS %s %s", c.Server.Name, upDown(c.Up)) }

// Mail is one that smtp_alert asks for.
type Mail struct{ Subject, Body string }

func (m Mail) String() string { return fmt.Sprintf("mail %q %q", m.Subject, m.Body) }

func upDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}

// mailOfReal is one about a real server.
func mailOfReal(s *Server, r *Real, up bool, body string) Mail {
	return Mail{fmt.Sprintf("Realserver %s of virtual server %s - %s", r.Name, s.Name, upDown(up)), body}
}

// mailOfServer is one about a virtual server.
func mailOfServer(s *Server, up bool, body string) Mail {
	return Mail{fmt.Sprintf("Virtualserver %s - %s", s.Name, upDown(up)), body}
}
