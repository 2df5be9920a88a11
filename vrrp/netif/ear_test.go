package netif_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

// An Ear hears an advert that the firewall drops, and of many senders each once.
// It can listen again, and Close ends it at once.
func TestEar(t *testing.T) {
	lab.Needs(t, "nft")
	p := newLAN(t)
	_, err := p.one.Output("nft", "add table inet t; add chain inet t in { type filter hook input priority 0; policy drop; }")
	check(t, err)
	config := netif.SocketConfig{Interface: "ens33", VRID: 51}
	heard := inbox(socket(t, p.one, config))
	sender := socket(t, p.two, config)
	s := stack(t, p.one)
	var ear netif.Ear
	check(t, p.one.Do(func() error { ear = s.Hold().Ear; return nil }))

	// advertise sends adverts until done, and tells when it has ended.
	advertise := func(vrid byte, done <-chan struct{}, ended chan<- struct{}) {
		defer close(ended)
		for {
			_ = sender.Send(addr2, netif.GroupIPv4, packet4(addr2, netif.GroupIPv4, 112, 255, vrid))
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}
	for _, c := range []struct {
		vrid byte
		want []netip.Addr
	}{{51, []netip.Addr{addr2}}, {52, nil}, {51, []netip.Addr{addr2}}} {
		done, ended := make(chan struct{}), make(chan struct{})
		go advertise(c.vrid, done, ended)
		got, err := ear.Listen(config, 300*time.Millisecond)
		close(done)
		<-ended
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("VRID %d: heard %v, %v; want %v", c.vrid, got, err, c.want)
		}
	}
	select {
	case d := <-heard:
		t.Errorf("the firewall lets %x through", d.Data)
	default:
	}

	ended := make(chan error)
	go func() {
		_, err := ear.Listen(config, time.Hour)
		ended <- err
	}()
	check(t, ear.Close())
	<-ended // closed before it listened, or while it did
	if _, err := ear.Listen(config, time.Hour); err == nil {
		t.Error("it listens when it is closed")
	}
	check(t, ear.Close())
}
