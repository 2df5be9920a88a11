package keepalivedconf

import (
	"time"

	"tandem/keepalivedconf/text"
)

// completion is an instance that is given its effective values.
type completion struct {
	*builder
	i *Instance
}

// tell reports something about a keyword of the instance.
func (c completion) tell(keyword, format string, args ...any) {
	c.say(text.KindGeneral, c.i.at(keyword), "("+escape(c.i.Name)+") "+format, args...)
}

// completeInstance gives an instance its effective values.
func (b *builder) completeInstance(i *Instance) {
	c := completion{b, i}
	g := &b.cfg.Global
	i.raw.state = i.State
	i.CheckUnicastSource = i.CheckUnicastSource || g.CheckUnicastSource
	i.Strict = or(i.raw.strict, g.Strict)

	if i.Family == IPv6 && i.Version == 2 && i.Strict {
		c.tell("version", "cannot use IPv6 with VRRP version 2; setting version 3")
		i.Version = 3
	}
	if i.Family == FamilyUnset {
		i.Family = IPv4 // only without any address
	}
	if i.Version == 0 {
		i.Version = g.Version
		if i.Family == IPv6 {
			i.Version = 3
		}
	}
	if i.UnicastTTL == unset && i.Family == IPv4 {
		i.UnicastTTL = 255
	}
	if i.Priority == 0 {
		i.Priority = PriorityDefault
		if i.State == StateMaster {
			i.Priority = PriorityOwner
		}
	}
	wanted := StateBackup
	if i.Owner() {
		wanted = StateMaster
	}
	if i.State == StateUnset {
		i.State = wanted
	} else if i.Strict && (i.State == StateMaster) != i.Owner() {
		c.tell("state", "State MASTER must match being address owner")
		i.State = wanted
	}
	c.auth()
	c.network()
	c.preemption()

	i.Accept = or(i.raw.accept, i.Owner() || !i.Strict)
	if i.Accept && !i.Owner() && i.Strict && i.Version == 2 {
		c.tell("accept", "warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting")
		i.Accept = false
	}
	c.strict()
	c.advertInterval()

	i.SMTPAlert = or(i.raw.smtpAlert, or(g.smtpAlertVRRP, or(g.smtpAlert, false)))
	i.NotifyPriorityChanges = g.NotifyPriorityChanges
	if i.Group != nil {
		i.NotifyPriorityChanges = or(i.Group.priorityChanges, i.NotifyPriorityChanges)
	}
	i.NotifyPriorityChanges = or(i.raw.priorityChanges, i.NotifyPriorityChanges)
	i.GARPExtraIf = or(i.raw.garpExtraIf, g.GARPExtraIf)
	i.GARPExtraAll = i.GARPExtraAll || g.GARPExtraAll
	i.LinkbeatPoll = i.LinkbeatPoll || g.LinkbeatPolling && i.Interface != ""
	if !i.SourceAddress.IsValid() {
		i.TrackSourceAddress = false
	}
	if i.NoAddresses && i.Strict {
		b.say(text.KindWarning, i.at("no_virtual_ipaddress"), "(%s) no_virtual_ipaddress and strict mode incompatible, clearing no_virtual_ipaddress", i.Name)
		i.NoAddresses = false
	}
	if !i.NoAddresses && len(i.Addresses) == 0 {
		if i.Version == 3 || i.Strict {
			b.stops(i.Pos, "(%s) No VIP specified; at least one is required", i.Name)
		} else {
			b.say(text.KindWarning, i.Pos, "(%s) No VIP specified; at least one is sensible", i.Name)
		}
		if _, given := i.At["virtual_ipaddress"]; given {
			b.hint("its virtual_ipaddress block has no address that can be used")
		} else {
			b.hint("add a virtual_ipaddress block, or no_virtual_ipaddress if there is none on purpose")
		}
	}
	c.tracking()
}

func (c completion) auth() {
	i := c.i
	switch {
	case i.Auth == AuthNone:
	case i.Strict:
		c.tell("authentication", "Strict mode does not support authentication. Ignoring.")
		i.Auth = AuthNone
	case i.Version == 3:
		c.tell("authentication", "VRRP version 3 does not support authentication. Ignoring.")
		c.hint("remove the authentication block (RFC 9568 has none), or use version 2 on every node")
		i.Auth = AuthNone
	case i.Password[0] == 0:
		c.tell("authentication", "Authentication specified but no password given. Ignoring")
		i.Auth = AuthNone
	case i.Family == IPv6 && i.Auth == AuthAH:
		c.tell("authentication", "Cannot use AH authentication with IPv6. ignoring")
		i.Auth = AuthNone
	case i.Auth == AuthAH && i.State == StateMaster && !i.Owner():
		c.tell("authentication", "Initial state master is incompatible with AH authentication - clearing")
		i.State = StateBackup
	}
	h := i.HMAC
	if h == nil {
		return
	}
	if i.Auth != AuthNone {
		c.tell("auth_hmac", "auth_hmac cannot be combined with authentication, dropping legacy auth")
		i.Auth = AuthNone
	}
	if h.Keys[h.Active] == nil {
		c.tell("auth_hmac", "auth_hmac active_key %d is not defined, disabling extension", h.Active)
		i.HMAC = nil
		return
	}
	if i.Strict && h.Mode != HMACEnforce {
		c.tell("auth_hmac", "strict mode requires auth_hmac mode enforce")
		h.Mode = HMACEnforce
	}
	if !h.Monotonic && h.TimeWindow == 0 {
		window := 3 * i.raw.advert.Truncate(time.Second)
		h.TimeWindow = min(max(window, hmacWindowFloor*time.Second), hmacWindowMax*time.Second)
	}
}

func (c completion) preemption() {
	i := c.i
	if i.Owner() && !i.Preempt {
		c.tell("nopreempt", "nopreempt is incompatible with priority %d. resetting nopreempt", PriorityOwner)
		i.Preempt = true
	}
	if i.State == StateMaster {
		if !i.Preempt {
			c.tell("nopreempt", "Warning - nopreempt will not work with initial state MASTER - clearing")
			c.hint("write `state BACKUP` on every node and keep nopreempt: as it is, this node takes the VIP back after a restart")
			i.Preempt = true
		}
		if i.PreemptDelay != 0 {
			c.tell("preempt_delay", "Warning - preempt delay will not work with initial state MASTER - clearing")
			c.hint("write `state BACKUP`: the priorities decide who is first")
			i.PreemptDelay = 0
		}
	}
	if i.PreemptDelay != 0 && i.Strict {
		c.tell("preempt_delay", "preempt_delay is incompatible with strict mode - resetting")
		i.PreemptDelay = 0
	}
	if i.PreemptDelay != 0 && !i.Preempt {
		c.tell("preempt_delay", "preempt_delay is incompatible with nopreempt mode - resetting")
		i.PreemptDelay = 0
	}
	if i.DownTimerAdverts != 3 && i.Strict {
		c.tell("down_timer_adverts", "down_timer_adverts is incompatible with strict mode - resetting")
		i.DownTimerAdverts = 3
	}
	if i.Preempt && i.HighestOther != 0 {
		c.tell("timer_expired_backup", "expired_timer_backup requires nopreempt - resetting")
		i.HighestOther = 0
	}
}

// strict fills in the settings whose default strict mode changes.
func (c completion) strict() {
	i := c.i
	g := &c.cfg.Global
	i.GARP.LowerPrioRepeat, i.GARP.LowerPrioDelay = g.GARP.LowerPrioRepeat, g.GARP.LowerPrioDelay
	i.LowerPrioNoAdvert, i.HigherPrioSend = g.LowerPrioNoAdvert, g.HigherPrioSend
	if i.Strict {
		i.GARP.LowerPrioRepeat, i.GARP.LowerPrioDelay = 0, 0
		i.LowerPrioNoAdvert, i.HigherPrioSend = true, false
	}
	if v := i.raw.garpLowerRepeat; v != nil {
		if i.Strict && *v != 0 {
			c.tell("garp_lower_prio_repeat", "Strict mode requires no repeat garps. resetting")
		} else {
			i.GARP.LowerPrioRepeat = *v
		}
	}
	if v := i.raw.garpLowerDelay; v != nil {
		if i.Strict && *v != 0 {
			c.tell("garp_lower_prio_delay", "Strict mode requires no repeat garp delay. resetting")
		} else {
			i.GARP.LowerPrioDelay = *v
		}
	}
	if v := i.raw.lowerPrioNoAdvert; v != nil {
		if i.Strict && !*v {
			c.tell("lower_prio_no_advert", "Strict mode requires no lower priority advert. resetting")
		} else {
			i.LowerPrioNoAdvert = *v
		}
	}
	if v := i.raw.higherPrioSend; v != nil {
		if i.Strict && *v {
			c.tell("higher_prio_send_advert", "strict mode requires higher_prio_send_advert to be clear. resetting")
		} else {
			i.HigherPrioSend = *v
		}
	}
	switch v := i.raw.ownerIgnore; {
	case v != nil && *v && !i.Owner():
		c.tell("owner_ignore_adverts", "ignoring owner_ignore_adverts since priority is not %d", PriorityOwner)
	case v == nil:
		i.OwnerIgnoreAdverts = i.Owner() && (i.Strict || g.OwnerIgnoreAdverts)
	case i.Owner() && !*v && i.Strict:
		c.tell("owner_ignore_adverts", "strict_mode with priority %d requires owner_ignore_adverts", PriorityOwner)
		i.OwnerIgnoreAdverts = true
	default:
		i.OwnerIgnoreAdverts = *v
	}
}

// advertInterval rounds advert_int to what the version can say.
func (c completion) advertInterval() {
	i := c.i
	d := i.raw.advert
	if d == 0 {
		d = time.Second
	}
	if i.Version == 2 {
		// RFC 3768 section 5.3.7: the interval is a number of seconds in one octet.
		if rounded := max(d.Round(time.Second), time.Second); rounded != d {
			c.tell("advert_int", "VRRPv2 advertisement interval %fs must be an integer. rounding", d.Seconds())
			c.hint("write `advert_int %d` on every node, or use version 3 for parts of a second", int(rounded.Seconds()))
			d = rounded
		}
	} else {
		// RFC 9568 section 5.2.7: the interval is a number of centiseconds in 12 bits.
		const unit, most = 10 * time.Millisecond, 4095 * 10 * time.Millisecond
		if d > most {
			c.tell("advert_int", "VRRPv3 advertisement interval %.2fs is out of range. Must be less than %.2fs. Setting to %.2fs",
				d.Seconds(), (most + unit).Seconds(), most.Seconds())
			d = most
		} else if rounded := max(d.Round(unit), unit); rounded != d {
			c.tell("advert_int", "VRRPv3 advertisement interval %fs must be in units of 10ms - rounding", d.Seconds())
			c.hint("write `advert_int %.2f` on every node", min(rounded, most).Seconds())
			d = min(rounded, most)
		}
	}
	i.AdvertInterval = d
	if i.Tandem.Lease == 0 {
		// The least that a backup waits is DownTimerAdverts intervals, and the kernel counts lifetimes in whole seconds.
		i.Tandem.Lease = max((time.Duration(i.DownTimerAdverts)*d - leaseLate).Truncate(time.Second), leaseMin)
	}
}
