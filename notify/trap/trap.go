// Package trap sends SNMP notifications about VRRP: those of KEEPALIVED-MIB,
// VRRP-MIB (RFC 2787) and VRRPV3-MIB (RFC 6527), with keepalived's variables.
//
// keepalived gives them to the machine's SNMP agent (AgentX), which knows whom
// to send them to. Here they are sent to the receivers themselves, in version 2c.
package trap

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"

	"tandem/notify/outbox"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// Receiver is where notifications go.
type Receiver struct {
	// Address is host:port.
	Address   string
	Community string
}

// Instance is what a notification says of an instance beside its state.
type Instance struct {
	VRID      uint8
	Interface string
	IPv6      bool
	Version   int
	// Master: its configured state is MASTER.
	Master bool
	// DeletedEvent: it is told as deleted when it is no longer configured, else
	// as faulty.
	DeletedEvent bool
}

// Config is what is sent, and to whom.
type Config struct {
	Receivers []Receiver
	RouterID  string
	// Keepalived, RFC2787 and RFC6527 are the MIBs whose notifications are sent.
	Keepalived, RFC2787, RFC6527 bool
	Checkers                     bool // those of virtual servers, from KEEPALIVED-MIB
	Instances                    map[string]Instance
}

// Sender sends notifications, one after the other and never on the caller's
// time. Its methods may be called by several goroutines.
type Sender struct {
	log func(text string)

	mu       sync.Mutex
	config   Config
	previous Config // for instances that a reload has removed

	box *outbox.Box[notification]
}

// notification is one on its way.
type notification struct {
	to        []Receiver
	name      string
	variables []gosnmp.SnmpPDU
}

// New makes a sender that has nobody to send to yet. log is told about
// notifications that could not be sent.
func New(log func(text string)) *Sender {
	s := &Sender{log: log}
	s.box = outbox.New(s.send, func(n int) {
		log(fmt.Sprintf("%d SNMP notifications were not sent: their receivers cannot be reached", n))
	})
	return s
}

// Configure takes over a configuration. It is called before VRRP takes over the
// rest of it: what was removed is still told as the one before says.
func (s *Sender) Configure(c Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.previous, s.config = s.config, c
}

// Event sends the notifications that an event asks for. It does not wait.
func (s *Sender) Event(e vrrp.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case vrrp.Transition:
		for _, c := range []*Config{&s.config, &s.previous} {
			if i, ok := c.Instances[e.Instance]; ok {
				s.instanceMoved(c, i, e)
				return
			}
		}
	case vrrp.GroupTransition:
		if s.config.Keepalived {
			s.put(&s.config, "vrrpSyncGroupStateChange", trapSyncGroup,
				text(syncGroupName, e.Group), integer(syncGroupState, states[e.To]), text(routerID, s.config.RouterID))
		}
	}
}

func (s *Sender) instanceMoved(c *Config, i Instance, e vrrp.Transition) {
	if c.Keepalived {
		state, initial := states[e.To], stateBackup
		if e.Deleted {
			state = stateFault
			if i.DeletedEvent {
				state = stateDeleted
			}
		}
		if i.Master {
			initial = stateMaster
		}
		s.put(c, "vrrpInstanceStateChange", trapInstance,
			text(instanceName, e.Instance), integer(instanceState, state), integer(instanceInitialState, initial), text(routerID, c.RouterID))
	}
	if e.To != fsm.Master || !e.Source.IsValid() {
		return
	}
	index := 0
	if ifi, err := net.InterfaceByName(i.Interface); err == nil {
		index = ifi.Index
	}
	switch {
	case i.Version == 2 && !i.IPv6 && c.RFC2787:
		s.put(c, "vrrpTrapNewMaster", trapNewMasterV2,
			gosnmp.SnmpPDU{Name: fmt.Sprintf("%s.%d.%d", operMasterV2, index, i.VRID), Type: gosnmp.IPAddress, Value: e.Source.String()})
	case i.Version == 3 && c.RFC6527:
		family := 1
		if i.IPv6 {
			family = 2
		}
		row := fmt.Sprintf(".%d.%d.%d", index, i.VRID, family)
		s.put(c, "vrrpv3NewMaster", trapNewMasterV3,
			gosnmp.SnmpPDU{Name: operMasterV3 + row, Type: gosnmp.OctetString, Value: e.Source.AsSlice()}, integer(masterReason+row, reason(e.Reason.Code)))
	}
}

// put has a notification sent.
func (s *Sender) put(c *Config, name, oid string, variables ...gosnmp.SnmpPDU) {
	if len(c.Receivers) == 0 {
		return
	}
	first := gosnmp.SnmpPDU{Name: snmpTrapOID, Type: gosnmp.ObjectIdentifier, Value: oid}
	s.box.Put(notification{c.Receivers, name, append([]gosnmp.SnmpPDU{first}, variables...)})
}

// sendPatience is how long a receiver's name may take to be found.
const sendPatience = 2 * time.Second

func (s *Sender) send(ctx context.Context, n notification) {
	for _, r := range n.to {
		if err := r.send(ctx, n.variables); err != nil {
			s.log(fmt.Sprintf("SNMP notification %s to %s: %v", n.name, r.Address, err))
		}
	}
}

func (r Receiver) send(ctx context.Context, variables []gosnmp.SnmpPDU) error {
	host, word, err := net.SplitHostPort(r.Address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return fmt.Errorf("port %q: %w", word, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return err
	}
	snmp := &gosnmp.GoSNMP{
		Context: ctx, Transport: "udp", Target: addresses[0].Unmap().String(), Port: uint16(port),
		Community: r.Community, Version: gosnmp.Version2c, Timeout: sendPatience, MaxOids: gosnmp.MaxOids,
	}
	if err := snmp.Connect(); err != nil {
		return err
	}
	defer func() { _ = snmp.Conn.Close() }() // nothing is lost with it
	_, err = snmp.SendTrap(gosnmp.SnmpTrap{Variables: variables})
	return err
}

// closePatience is how long the end of the process waits for notifications.
const closePatience = 2 * time.Second

// Close waits until what is due has been sent, at most for 2 s. No events may
// come any more.
func (s *Sender) Close() { s.box.Close(closePatience) }

func text(oid, value string) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.OctetString, Value: value}
}

func integer(oid string, value int) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Integer, Value: value}
}
