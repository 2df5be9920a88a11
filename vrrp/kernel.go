package vrrp

import "tandem/vrrp/netif"

// Kernel is what a Router needs of the machine. [Machine] is the real one.
type Kernel interface {
	// OpenSocket opens a socket; its interface need not exist yet.
	OpenSocket(netif.SocketConfig) (netif.Conn, error)
	// Hold returns the holders of what one instance has on the machine. With an error, they can be used, and the
	// packet filter is not as it was asked for.
	Hold(netif.FirewallConfig) (netif.Holders, error)
	// Announcer returns the announcer for all instances. The router closes it if it has a Close method.
	Announcer() (netif.Announcer, error)
	// Interface describes an interface. The error is netif.ErrNoInterface, wrapped, if there is none.
	Interface(name string) (netif.Interface, error)
	// Watch calls notify for every interface and address, and then for every change, until stop is called.
	Watch(notify func(netif.Event)) (stop func(), err error)
}

// Machine returns the Kernel of the network namespace that the stack and the calling thread are in. The router must
// be started and reloaded from a thread in the same one.
func Machine(stack *netif.Stack) Kernel { return machine{stack} }

type machine struct{ stack *netif.Stack }

func (m machine) OpenSocket(c netif.SocketConfig) (netif.Conn, error) { return openSocket(c) }
func (m machine) Hold(c netif.FirewallConfig) (netif.Holders, error) {
	return m.stack.Hold(), m.stack.SetFirewall(c)
}
func (m machine) Announcer() (netif.Announcer, error)            { return openAnnouncer(m.stack) }
func (m machine) Interface(name string) (netif.Interface, error) { return m.stack.Interface(name) }
func (m machine) Watch(notify func(netif.Event)) (stop func(), err error) {
	return watch(m.stack, notify)
}

// The following keep a nil pointer of a failed call from becoming an interface that is not nil.

func openSocket(c netif.SocketConfig) (netif.Conn, error) {
	s, err := netif.OpenSocket(c)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openAnnouncer(s *netif.Stack) (netif.Announcer, error) {
	a, err := s.Announcer()
	if err != nil {
		return nil, err
	}
	return a, nil
}

func watch(s *netif.Stack, notify func(netif.Event)) (func(), error) {
	w, err := s.Watch(notify)
	if err != nil {
		return nil, err
	}
	return w.Close, nil
}
