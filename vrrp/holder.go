package vrrp

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"tandem/vrrp/netif"
)

// holder carries out, in order and off the loop, what an instance does on the machine: setting its addresses,
// announcing them, and then telling that it was done. netlink can keep it waiting; the adverts do not notice.
type holder struct {
	instance  string
	holds     netif.Holders
	announcer netif.Announcer
	jobs      *mailbox[func()]
	done      chan struct{}
	report    func(Report)

	refreshing atomic.Bool // a refresh is queued or under way
	mending    atomic.Bool // a mend is queued
	// The last errors, each told once; only run uses them.
	failing, failingRoutes, failingLinks, failingFilter string
}

func newHolder(instance string, holds netif.Holders, announcer netif.Announcer, report func(Report)) *holder {
	h := &holder{instance: instance, holds: holds, announcer: announcer, jobs: newMailbox[func()](),
		done: make(chan struct{}), report: report}
	go h.run()
	return h
}

func (h *holder) run() {
	defer close(h.done)
	h.jobs.serve(func(job func()) { job() })
}

// set makes the machine hold the desired addresses, and none that were set before and are not among them.
func (h *holder) set(desired []netif.Address, lease netif.Lease) {
	h.jobs.put(func() { h.apply(desired, lease) })
}

// refresh sets the addresses again so that their lease begins anew. It does nothing while an earlier refresh has not
// been done: a machine that is slow must not be asked faster than it answers.
func (h *holder) refresh(desired []netif.Address, lease netif.Lease) {
	if !h.refreshing.CompareAndSwap(false, true) {
		return
	}
	h.jobs.put(func() {
		h.apply(desired, lease)
		h.refreshing.Store(false)
	})
}

func (h *holder) apply(desired []netif.Address, lease netif.Lease) {
	h.judge(h.holds.Addresses.Set(desired, lease), "virtual addresses", &h.failing)
}

// route makes the machine have the routes and rules.
func (h *holder) route(routes []netif.Route, rules []netif.Rule) {
	h.jobs.put(func() { h.judge(h.holds.Routes.Set(routes, rules), "virtual routes and rules", &h.failingRoutes) })
}

// link makes the machine have the interfaces that are the instance's own.
func (h *holder) link(vmacs []netif.VMAC, promote []string) {
	h.jobs.put(func() { h.judge(h.holds.Links.Set(vmacs, promote), "virtual interfaces", &h.failingLinks) })
}

// filter drops the traffic of the addresses, and no other.
func (h *holder) filter(addresses []netif.Address) {
	h.jobs.put(func() { h.judge(h.holds.Filter.Set(addresses), "filter of no_accept", &h.failingFilter) })
}

// mend adds routes and rules that somebody else has removed, and tells lost which these were.
func (h *holder) mend(routes []netif.Route, rules []netif.Rule, lost func(missing string)) {
	if !h.mending.CompareAndSwap(false, true) {
		return // they are about to be looked at anyway
	}
	h.jobs.put(func() {
		h.mending.Store(false)
		if missing := h.holds.Routes.Mend(routes, rules); len(missing) > 0 {
			lost(missing[0])
		}
	})
}

// judge tells an error that was not told before, and its end.
func (h *holder) judge(err error, what string, failing *string) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == *failing {
		return
	}
	*failing = text
	if err == nil {
		h.report(Report{Instance: h.instance, Text: "setting the " + what + ": works again"})
		return
	}
	h.report(Report{Instance: h.instance, Text: "setting the " + what, Err: err})
}

// announce tells the neighbours about the addresses, each on its own interface. extra is one address each on those that
// no adverts go out on.
func (h *holder) announce(c *InstanceConfig, repeat int, extra bool) {
	var list []netif.Announcement
	eachInterface(c.all(), func(iface string, addrs []netip.Addr) {
		if extra {
			made := slices.ContainsFunc(c.VMACs, func(v netif.VMAC) bool { return v.Name == iface })
			if iface == c.advertInterface() || !made && !c.ExtraAll {
				return
			}
			addrs = addrs[:1]
		}
		pace, own := c.Paces[iface]
		if !own {
			pace = c.Pace
		}
		list = append(list, netif.Announcement{Interface: iface, Addresses: addrs, Repeat: repeat,
			GARPInterval: pace.GARP, NAInterval: pace.NA})
	})
	h.jobs.put(func() {
		for _, a := range list {
			h.announcer.Announce(a)
		}
	})
}

// withdraw forgets announcements that were not sent yet.
func (h *holder) withdraw(c *InstanceConfig) {
	addresses := c.all()
	h.jobs.put(func() {
		eachInterface(addresses, h.announcer.Withdraw)
	})
}

// pause lets some time pass before whatever comes next.
func (h *holder) pause(d time.Duration) { h.jobs.put(func() { time.Sleep(d) }) }

// then calls f when everything before is done.
func (h *holder) then(f func()) { h.jobs.put(f) }

// wait returns when everything before is done.
func (h *holder) wait() {
	done := make(chan struct{})
	h.then(func() { close(done) })
	<-done
}

// close ends the holder after what is queued; done is closed then.
func (h *holder) close() { h.jobs.close() }

// eachInterface calls f with the addresses of every interface, in the order of their first addresses.
func eachInterface(list []netif.Address, f func(iface string, addrs []netip.Addr)) {
	var order []string
	by := map[string][]netip.Addr{}
	for _, a := range list {
		if by[a.Interface] == nil {
			order = append(order, a.Interface)
		}
		by[a.Interface] = append(by[a.Interface], a.Prefix.Addr())
	}
	for _, iface := range order {
		f(iface, by[iface])
	}
}
