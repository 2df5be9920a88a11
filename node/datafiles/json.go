package datafiles

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// instanceJSON is an instance in keepalived.json, in the order of its
// vrrp_json_data_dump.
type instanceJSON struct {
	Data  dataJSON `json:"data"`
	Stats stats    `json:"stats"`
}

type dataJSON struct {
	Name               string   `json:"iname"`
	DontTrackPrimary   int      `json:"dont_track_primary"`
	SkipCheckAdvAddr   int      `json:"skip_check_adv_addr"`
	Strict             int      `json:"strict_mode"`
	VMAC               string   `json:"vmac_ifname"`
	Interface          string   `json:"ifp_ifname,omitempty"`
	MasterPriority     int      `json:"master_priority"`
	LastTransition     float64  `json:"last_transition"`
	GARPDelay          float64  `json:"garp_delay"`
	GARPRefresh        int      `json:"garp_refresh"`
	GARPRepeat         int      `json:"garp_rep"`
	GARPRefreshRepeat  int      `json:"garp_refresh_rep"`
	GARPLowerDelay     int      `json:"garp_lower_prio_delay"`
	GARPLowerRepeat    int      `json:"garp_lower_prio_rep"`
	LowerPrioNoAdvert  int      `json:"lower_prio_no_advert"`
	HigherPrioSend     int      `json:"higher_prio_send_advert"`
	VRID               int      `json:"vrid"`
	BasePriority       int      `json:"base_priority"`
	EffectivePriority  int      `json:"effective_priority"`
	VIPSet             bool     `json:"vipset"`
	PromoteSecondaries bool     `json:"promote_secondaries"`
	AdvertInterval     float64  `json:"adver_int"`
	MasterInterval     float64  `json:"master_adver_int"`
	Accept             int      `json:"accept"`
	NoPreempt          bool     `json:"nopreempt"`
	PreemptDelay       int      `json:"preempt_delay"`
	State              int      `json:"state"`
	WantState          int      `json:"wantstate"`
	Version            int      `json:"version"`
	SMTPAlert          bool     `json:"smtp_alert"`
	NotifyDeleted      bool     `json:"notify_deleted"`
	Backup             string   `json:"script_backup,omitempty"`
	Master             string   `json:"script_master,omitempty"`
	Fault              string   `json:"script_fault,omitempty"`
	Stop               string   `json:"script_stop,omitempty"`
	Deleted            string   `json:"script_deleted,omitempty"`
	Any                string   `json:"script,omitempty"`
	RxLower            string   `json:"script_master_rx_lower_pri,omitempty"`
	VIPs               []string `json:"vips,omitempty"`
	ExcludedVIPs       []string `json:"evips,omitempty"`
	Routes             []string `json:"vroutes,omitempty"`
	Rules              []string `json:"vrules,omitempty"`
	TrackInterfaces    []string `json:"track_ifp,omitempty"`
	TrackScripts       []string `json:"track_script,omitempty"`
	TrackProcesses     []string `json:"track_process,omitempty"`
	AuthType           int      `json:"auth_type"`
	AuthData           string   `json:"auth_data,omitempty"`
}

// hidden stands for a password, as in keepalived 2.4.
const hidden = "********"

// JSON writes keepalived.json.
func (s *Snapshot) JSON(w io.Writer) {
	list := []instanceJSON{}
	s.instances(func(c *keepalivedconf.Instance, st *vrrp.InstanceStatus) {
		list = append(list, instanceJSON{s.dataJSON(c, st), statsOf(st.Counters)})
	})
	var all any = list
	if s.Config.Global.JSONVersion == 2 {
		all = map[string]any{"vrrp": list}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(all)
}

func (s *Snapshot) dataJSON(c *keepalivedconf.Instance, st *vrrp.InstanceStatus) dataJSON {
	d := dataJSON{
		Name: c.Name, DontTrackPrimary: number(!c.TrackPrimary), SkipCheckAdvAddr: number(c.SkipCheckAdvAddr), Strict: number(c.Strict),
		Interface: st.Interface, MasterPriority: int(st.MasterPriority), LastTransition: float64(st.Since.UnixMicro()) / 1e6,
		GARPDelay: c.GARP.Delay.Seconds(), GARPRefresh: seconds(c.GARP.Refresh), GARPRepeat: c.GARP.Repeat, GARPRefreshRepeat: c.GARP.RefreshRepeat,
		GARPLowerDelay: seconds(c.GARP.LowerPrioDelay), GARPLowerRepeat: c.GARP.LowerPrioRepeat, LowerPrioNoAdvert: number(c.LowerPrioNoAdvert),
		HigherPrioSend: number(c.HigherPrioSend), VRID: int(c.VRID), BasePriority: int(st.Base), EffectivePriority: int(st.Priority),
		VIPSet: len(st.Addresses) > 0, PromoteSecondaries: c.PromoteSecondaries, AdvertInterval: c.AdvertInterval.Seconds(),
		MasterInterval: masterInterval(c, st).Seconds(), Accept: number(c.Accept), NoPreempt: !c.Preempt, PreemptDelay: seconds(c.PreemptDelay),
		State: stateNumber(st.Role), WantState: wantState(c, st), Version: int(st.Version), SMTPAlert: c.SMTPAlert, NotifyDeleted: c.Notify.DeletedEvent,
		Backup: c.Notify.Backup.String(), Master: c.Notify.Master.String(), Fault: c.Notify.Fault.String(), Stop: c.Notify.Stop.String(),
		Deleted: c.Notify.Deleted.String(), Any: c.Notify.Any.String(), RxLower: c.Notify.MasterRxLower.String(),
		VIPs: addresses(c, st, c.Addresses), ExcludedVIPs: addresses(c, st, c.ExcludedAddresses),
		Routes: routes(c.Routes), Rules: rules(c.Rules), AuthType: int(c.Auth),
	}
	if c.VMAC != nil {
		d.VMAC = st.Interface
	}
	if c.Auth != keepalivedconf.AuthNone {
		d.AuthData = hidden
	}
	for _, t := range c.TrackInterfaces {
		d.TrackInterfaces = append(d.TrackInterfaces, t.Name)
	}
	for _, t := range c.TrackScripts {
		if script := s.Config.Script(t.Name); script != nil {
			d.TrackScripts = append(d.TrackScripts, script.Command.String())
		}
	}
	for _, t := range c.TrackProcesses {
		d.TrackProcesses = append(d.TrackProcesses, t.Name)
	}
	return d
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func seconds(d time.Duration) int { return int(math.Round(d.Seconds())) }

// masterInterval is the interval that the master is expected to send at.
func masterInterval(c *keepalivedconf.Instance, st *vrrp.InstanceStatus) time.Duration {
	if st.MasterInterval > 0 {
		return st.MasterInterval
	}
	return c.AdvertInterval
}

// stateNumber is keepalived's number of a state: INIT 0, BACKUP 1, MASTER 2,
// FAULT 3, and what it calls STOP 98.
func stateNumber(r fsm.Role) int {
	switch r {
	case fsm.Backup:
		return 1
	case fsm.Master:
		return 2
	case fsm.Fault:
		return 3
	case fsm.Stopped:
		return 98
	}
	return 0
}

// wantState is what the instance would be if nothing kept it from that.
func wantState(c *keepalivedconf.Instance, st *vrrp.InstanceStatus) int {
	if st.Role == fsm.Fault {
		if c.State == keepalivedconf.StateMaster {
			return stateNumber(fsm.Master)
		}
		return stateNumber(fsm.Backup)
	}
	return stateNumber(st.Role)
}
