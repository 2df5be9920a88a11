package vrrp

import (
	"net/netip"
	"time"

	"tandem/vrrp/fsm"
)

// Rival is another node that claims to be master while the instance is master too: both hold the addresses.
type Rival struct {
	Source netip.Addr
	// Why says why neither of them gives way.
	Why string
}

// rival is what is known of one.
type rival struct {
	Rival
	adverts int       // since the instance became master
	until   time.Time // when it is forgotten, unless it is heard again
}

// rivalAdverts is how many adverts make a rival: who gives way to us has sent one or two until it heard ours.
const rivalAdverts = 3

// rivalHeard counts an advert that another master has sent.
func (in *instance) rivalHeard(source netip.Addr, why string, now time.Time) {
	if in.rival.Source != source {
		in.rival = rival{Rival: Rival{Source: source}}
	}
	in.rival.Why = why
	in.rival.adverts++
	in.rival.until = now.Add(rivalAdverts * in.config.FSM.Interval)
}

// rivalUnheard notes one whose adverts only arrive before the firewall: that is looked for once in a while.
func (in *instance) rivalUnheard(source netip.Addr, now time.Time) {
	in.rival = rival{
		Rival{source, "its adverts arrive on " + in.config.advertInterface() + ", and a firewall drops them"},
		rivalAdverts, now.Add(2 * unheardEvery),
	}
}

// currentRival is who claims the addresses as well; nil: nobody that is known.
func (r *Router) currentRival(in *instance, role fsm.Role, now time.Time) *Rival {
	if role != fsm.Master || in.rival.adverts < rivalAdverts || now.After(in.rival.until) {
		return nil
	}
	found := in.rival.Rival
	return &found
}
