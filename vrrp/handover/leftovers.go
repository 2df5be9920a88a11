package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"tandem/internal/rootfile"
	"tandem/vrrp/netif"
)

// leftovers is what a successor that dies while it is prepared leaves on the
// machine.
type leftovers struct {
	ARP       map[string]netif.ARPSettings `json:"arp"`       // of interfaces, as they were before
	Addresses []netip.Addr                 `json:"addresses"` // on the loopback, until their lease ends
}

// writeLeftovers writes down what is to be undone. Called with h.mu held.
func (h *Handover) writeLeftovers() (err error) {
	l := leftovers{ARP: map[string]netif.ARPSettings{}}
	for name, s := range h.silenced {
		l.ARP[name] = s.before
	}
	for _, p := range h.prepared {
		for _, a := range p.quiet {
			l.Addresses = append(l.Addresses, a.Prefix.Addr())
		}
	}
	h.c.Privileged(func() {
		if len(h.prepared) == 0 {
			if err = os.Remove(h.c.Leftovers); errors.Is(err, os.ErrNotExist) {
				err = nil
			}
			return
		}
		var text []byte
		if text, err = json.Marshal(l); err == nil {
			err = writeFile(h.c.Leftovers, text)
		}
	})
	if err != nil {
		return fmt.Errorf("writing down what has to be cleaned up after a crash: %w", err)
	}
	return nil
}

// writeFile is os.WriteFile, for root only.
func writeFile(name string, text []byte) error {
	f, err := rootfile.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// CleanUp undoes what the file, if there is one, says that a process has left
// which died while it was about to take over. It goes on after an error.
func CleanUp(file string, k Kernel) (found bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	var l leftovers
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	errs := []error{err}
	var quiet []netif.Address
	for _, a := range l.Addresses {
		quiet = append(quiet, onLoopback(a))
	}
	_, _, err = k.Addresses().Cleanup(quiet)
	errs = append(errs, err)
	for name, before := range l.ARP {
		now, err := k.ARPSettings(name)
		if err == nil && now == before.Silent() {
			err = k.SetARPSettings(name, before)
		}
		if !errors.Is(err, netif.ErrNoInterface) {
			errs = append(errs, err)
		}
	}
	return true, errors.Join(append(errs, os.Remove(file))...)
}
