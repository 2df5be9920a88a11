package ipvs

// The numbers of linux/ip_vs.h.

const (
	familyName    = "IPVS"
	familyVersion = 1
	moduleName    = "ip_vs"
)

// Commands.
const (
	cmdNewService = iota + 1
	cmdSetService
	cmdDelService
	cmdGetService
	cmdNewDest
	cmdSetDest
	cmdDelDest
	cmdGetDest
	cmdNewDaemon
	cmdDelDaemon
	cmdGetDaemon
	cmdSetConfig
	cmdGetConfig
	cmdSetInfo
	cmdGetInfo
	cmdZero
	cmdFlush
)

// Attributes of a command.
const (
	attrService = iota + 1
	attrDest
	attrDaemon
	attrTimeoutTCP
	attrTimeoutTCPFIN
	attrTimeoutUDP
)

// Attributes of a service.
const (
	svcFamily = iota + 1
	svcProtocol
	svcAddress
	svcPort
	svcMark
	svcScheduler
	svcFlags
	svcTimeout
	svcMask
	svcStats
	svcEngine
	svcStats64
)

// Attributes of a destination.
const (
	destAddress = iota + 1
	destPort
	destMethod
	destWeight
	destUpper
	destLower
	destActive
	destInactive
	destPersistent
	destStats
	destFamily
	destStats64
	destTunnelType
	destTunnelPort
	destTunnelFlags
)

// Attributes of a synchronization daemon.
const (
	daemonState = iota + 1
	daemonInterface
	daemonID
	daemonMaxLen
	daemonGroup
	daemonGroup6
	daemonPort
	daemonTTL
)

// Attributes of counters.
const (
	statConnections = iota + 1
	statInPackets
	statOutPackets
	statInBytes
	statOutBytes
	statConnectionRate
	statInPacketRate
	statOutPacketRate
	statInByteRate
	statOutByteRate
)

// flagPersistent marks a service with persistence (IP_VS_SVC_F_PERSISTENT).
const flagPersistent = 1
