package datafiles

import (
	"fmt"
	"io"

	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/packet"
)

// stats are keepalived's counters of an instance.
type stats struct {
	AdvertRcvd        uint64 `json:"advert_rcvd"`
	AdvertSent        uint64 `json:"advert_sent"`
	BecomeMaster      uint64 `json:"become_master"`
	ReleaseMaster     uint64 `json:"release_master"`
	PacketLenErr      uint64 `json:"packet_len_err"`
	AdvertIntervalErr uint64 `json:"advert_interval_err"`
	IPTTLErr          uint64 `json:"ip_ttl_err"`
	InvalidTypeRcvd   uint64 `json:"invalid_type_rcvd"`
	AddrListErr       uint64 `json:"addr_list_err"`
	InvalidAuthtype   uint64 `json:"invalid_authtype"`
	AuthtypeMismatch  uint64 `json:"authtype_mismatch"`
	AuthFailure       uint64 `json:"auth_failure"`
	PriZeroRcvd       uint64 `json:"pri_zero_rcvd"`
	PriZeroSent       uint64 `json:"pri_zero_sent"`
}

func statsOf(c vrrp.Counters) stats {
	dropped := func(checks ...packet.Check) (n uint64) {
		for _, check := range checks {
			n += c.Dropped[check.String()]
		}
		return n
	}
	return stats{
		AdvertRcvd: c.Received, AdvertSent: c.Sent, BecomeMaster: c.BecameMaster, ReleaseMaster: c.ReleasedMaster,
		PacketLenErr:      dropped(packet.CheckHeader, packet.CheckLength, packet.CheckTotalLength),
		AdvertIntervalErr: dropped(packet.CheckInterval), IPTTLErr: dropped(packet.CheckTTL, packet.CheckPeerTTL),
		InvalidTypeRcvd: dropped(packet.CheckType), InvalidAuthtype: dropped(packet.CheckAuthType),
		AuthtypeMismatch: dropped(packet.CheckAuthMismatch, packet.CheckAHHeader, packet.CheckTrailerMissing),
		AuthFailure: dropped(packet.CheckPassword, packet.CheckAHValue, packet.CheckAHIndex, packet.CheckAHReplay, packet.CheckTrailerKey,
			packet.CheckTrailerHMAC, packet.CheckTrailerReplay, packet.CheckTrailerStale, packet.CheckTrailerFormat, packet.CheckTrailerSource),
		PriZeroRcvd: c.ReceivedZero, PriZeroSent: c.SentZero,
	}
}

// Stats writes keepalived.stats.
func (s *Snapshot) Stats(w io.Writer) {
	s.instances(func(c *keepalivedconf.Instance, st *vrrp.InstanceStatus) {
		n := statsOf(st.Counters)
		fmt.Fprintf(w, "VRRP Instance: %s\n", c.Name)
		fmt.Fprintf(w, "  Advertisements:\n    Received: %d\n    Sent: %d\n", n.AdvertRcvd, n.AdvertSent)
		fmt.Fprintf(w, "  Became master: %d\n  Released master: %d\n", n.BecomeMaster, n.ReleaseMaster)
		fmt.Fprintf(w, "  Packet Errors:\n    Length: %d\n    TTL: %d\n    Invalid Type: %d\n", n.PacketLenErr, n.IPTTLErr, n.InvalidTypeRcvd)
		fmt.Fprintf(w, "    Advertisement Interval: %d\n    Address List: %d\n", n.AdvertIntervalErr, n.AddrListErr)
		fmt.Fprintf(w, "  Authentication Errors:\n    Invalid Type: %d\n    Type Mismatch: %d\n    Failure: %d\n", n.InvalidAuthtype, n.AuthtypeMismatch, n.AuthFailure)
		fmt.Fprintf(w, "  Priority Zero:\n    Received: %d\n    Sent: %d\n", n.PriZeroRcvd, n.PriZeroSent)
	})
}

// Since returns a snapshot whose counters count from an earlier one, as keepalived's
// do from the last STATS_CLEAR. Instances that were not there count from their
// beginning.
func (s Snapshot) Since(earlier vrrp.Status) Snapshot {
	before := make(map[string]vrrp.InstanceStatus, len(earlier.Instances))
	for _, i := range earlier.Instances {
		before[i.Name] = i
	}
	list := make([]vrrp.InstanceStatus, len(s.Status.Instances))
	for n, i := range s.Status.Instances {
		if b, ok := before[i.Name]; ok && b.Counters.Sent <= i.Counters.Sent && b.Counters.Received <= i.Counters.Received {
			i.Counters = less(i.Counters, b.Counters)
		}
		list[n] = i
	}
	s.Status.Instances = list
	return s
}

func less(c, b vrrp.Counters) vrrp.Counters {
	dropped := make(map[string]uint64, len(c.Dropped))
	for check, n := range c.Dropped {
		dropped[check] = n - b.Dropped[check]
	}
	return vrrp.Counters{
		Sent: c.Sent - b.Sent, SentZero: c.SentZero - b.SentZero, Received: c.Received - b.Received, ReceivedZero: c.ReceivedZero - b.ReceivedZero,
		SendErrors: c.SendErrors - b.SendErrors, BecameMaster: c.BecameMaster - b.BecameMaster, ReleasedMaster: c.ReleasedMaster - b.ReleasedMaster,
		Overruns: c.Overruns - b.Overruns, Dropped: dropped,
	}
}
