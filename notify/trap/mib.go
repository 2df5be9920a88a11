package trap

import "tandem/vrrp/fsm"

// Object identifiers, by the names that they have in the MIBs.
const (
	snmpTrapOID = ".1.3.6.1.6.3.1.1.4.1.0" // SNMPv2-MIB

	// KEEPALIVED-MIB.
	keepalived           = ".1.3.6.1.4.1.9586.100.5"
	routerID             = keepalived + ".1.2.0"
	syncGroupName        = keepalived + ".2.1.1.2"
	syncGroupState       = keepalived + ".2.1.1.3"
	instanceName         = keepalived + ".2.3.1.2"
	instanceState        = keepalived + ".2.3.1.4"
	instanceInitialState = keepalived + ".2.3.1.5"
	trapSyncGroup        = keepalived + ".2.10.0.1" // vrrpSyncGroupStateChange
	trapInstance         = keepalived + ".2.10.0.2" // vrrpInstanceStateChange

	virtualType         = keepalived + ".3.3.1.2"
	virtualGroup        = keepalived + ".3.3.1.3"
	virtualMark         = keepalived + ".3.3.1.4"
	virtualAddressType  = keepalived + ".3.3.1.5"
	virtualAddress      = keepalived + ".3.3.1.6"
	virtualPort         = keepalived + ".3.3.1.7"
	virtualProtocol     = keepalived + ".3.3.1.8"
	virtualRealTotal    = keepalived + ".3.3.1.20"
	virtualRealUp       = keepalived + ".3.3.1.21"
	virtualQuorum       = keepalived + ".3.3.1.22"
	virtualQuorumStatus = keepalived + ".3.3.1.23"
	realAddressType     = keepalived + ".3.4.1.3"
	realAddress         = keepalived + ".3.4.1.4"
	realPort            = keepalived + ".3.4.1.5"
	realStatus          = keepalived + ".3.4.1.6"
	trapRealServer      = keepalived + ".3.5.0.1" // realServerStateChange
	trapQuorum          = keepalived + ".3.5.0.2" // virtualServerQuorumStateChange

	// VRRP-MIB, RFC 2787. Rows are the interface's index and the VRID.
	operMasterV2    = ".1.3.6.1.2.1.68.1.3.1.7" // vrrpOperMasterIpAddr
	trapNewMasterV2 = ".1.3.6.1.2.1.68.0.1"     // vrrpTrapNewMaster

	// VRRPV3-MIB, RFC 6527. Rows are, as in keepalived, the interface's index,
	// the VRID and the family.
	operMasterV3    = ".1.3.6.1.2.1.207.1.1.1.1.3" // vrrpv3OperationsMasterIpAddr
	masterReason    = ".1.3.6.1.2.1.207.1.2.5.1.2" // vrrpv3StatisticsNewMasterReason
	trapNewMasterV3 = ".1.3.6.1.2.1.207.0.1"       // vrrpv3NewMaster
)

// VrrpState of KEEPALIVED-MIB.
const (
	stateInit     = 0
	stateBackup   = 1
	stateMaster   = 2
	stateFault    = 3
	stateShutdown = 5
	stateDeleted  = 6
)

var states = map[fsm.Role]int{
	fsm.Init: stateInit, fsm.Backup: stateBackup, fsm.Master: stateMaster, fsm.Fault: stateFault, fsm.Stopped: stateShutdown,
}

// reason is a vrrpv3StatisticsNewMasterReason: by its priority, by preempting
// another master, or because the other one did not answer.
func reason(code fsm.Code) int {
	const priority, preempted, noResponse = 1, 2, 3
	switch code {
	case fsm.ByOwner, fsm.ByPriority0, fsm.ByHandover:
		return priority
	case fsm.ByPreemption, fsm.ByPromote:
		return preempted
	}
	return noResponse
}
