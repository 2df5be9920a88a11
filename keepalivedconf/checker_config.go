package keepalivedconf

import (
	"net/netip"
	"time"
)

// CheckerKind is a kind of checker.
type CheckerKind uint8

// The kinds of checkers.
const (
	CheckTCP CheckerKind = iota
	CheckHTTP
	CheckSSL
	CheckSMTP
	CheckDNS
	CheckMisc
	CheckPing
	CheckUDP
	CheckBFD
	CheckFile
)

// checkerNames are their keywords.
var checkerNames = [...]string{"TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "MISC_CHECK", "PING_CHECK", "UDP_CHECK", "BFD_CHECK", "FILE_CHECK"}

func (k CheckerKind) String() string { return checkerNames[k] }

// Checker says how a real server is checked, with every default filled in.
type Checker struct {
	Pos  Pos
	Kind CheckerKind

	// Connect is where the question goes. Not of MISC_CHECK, BFD_CHECK and FILE_CHECK.
	Connect Connect
	// Alpha: it counts as failed until it has succeeded.
	Alpha bool
	// DelayLoop is between checks; the first one comes after a random part of Warmup.
	DelayLoop, Warmup time.Duration
	// Retry is how many further failures it takes, each DelayBeforeRetry after the last.
	Retry            uint32
	DelayBeforeRetry time.Duration
	LogAllFailures   bool

	// What only one kind has.
	HTTP *HTTPCheck // of HTTP_GET and SSL_GET
	Helo string     // of SMTP_CHECK
	DNS  *DNSCheck
	UDP  *UDPCheck
	Misc *MiscCheck
	File *FileCheck
	BFD  string // name of the bfd_instance

	real    *RealServer
	timing  timing
	alpha   *bool
	removed bool
	userSet bool
	hosts   []Connect // host blocks of SMTP_CHECK
	saidHow bool      // of SMTP_CHECK: a keyword of its own says where to
}

// Connect is where a checker connects to, and from where.
type Connect struct {
	To        netip.AddrPort
	From      netip.Addr // bindto; invalid: the kernel chooses
	FromPort  uint16     // bind_port; 0: the kernel chooses
	Interface string     // bind_if; "": the kernel chooses
	Mark      uint32     // fwmark
	Timeout   time.Duration
}

// HTTPCheck is what HTTP_GET and SSL_GET ask for.
type HTTPCheck struct {
	// Protocol is "1.0", "1.0C" (with Connection: close) or "1.1".
	Protocol     string
	SNI          bool
	SNIName      string // "": the virtual host
	FastRecovery bool   // a real server that is down is up as soon as all of the URLs have answered, without DelayLoop between them
	URLs         []URLCheck

	virtualHost  string
	tlsCompliant bool
}

// URLCheck is one URL of an HTTPCheck.
type URLCheck struct {
	Pos         Pos
	Path        string
	VirtualHost string // the URL's own, or the next further out; "": the address
	// Digest is the MD5 of the body; nil: any.
	Digest []byte
	// Status are the good codes, as ranges with both ends in them.
	Status []StatusRange
	// Regex is a PCRE2 expression that the body has to match, or with RegexNoMatch not to match. "": none.
	Regex          string
	RegexNoMatch   bool
	RegexOptions   []string // by their names without PCRE2_, in small letters
	RegexMinOffset int      // of the first byte of the match
	RegexMaxOffset int      // one beyond the last offset for it; 0: no limit
	// TLSCompliant wants a close_notify at the end of the answer.
	TLSCompliant bool

	hasRegex bool
	stack    bool
}

// DNSCheck is the question of DNS_CHECK.
type DNSCheck struct {
	Type string // A, NS, CNAME, SOA, MX, TXT, AAAA, RRSIG, DNSKEY
	Name string // "" is the root
	set  bool
}

// UDPCheck is what UDP_CHECK sends and expects.
type UDPCheck struct {
	Payload      []byte
	RequireReply bool
	// Reply is how an answer begins; a bit that is set in Mask is not looked at. Mask may be nil.
	Reply, Mask          []byte
	MinLength, MaxLength int // of an answer, in bytes
}

// MiscCheck is the program of MISC_CHECK.
type MiscCheck struct {
	Command Command
	// Timeout after which it is ended: misc_timeout, or the delay_loop of the virtual server.
	Timeout time.Duration
	// Dynamic: its exit code sets the weight.
	Dynamic bool
	// Unusable says why it cannot be run, or is "". Then it counts as failed, for good; without Alpha there is no such
	// checker.
	Unusable string
}

// FileCheck has the number in a file count.
type FileCheck struct {
	File    *TrackFile
	Weight  int
	Reverse bool
	weight  bool
}
