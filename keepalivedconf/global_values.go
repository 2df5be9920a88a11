package keepalivedconf

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tandem/keepalivedconf/text"
)

// globalFlag is a keyword that stands for true; whatever follows it is not looked at.
func globalFlag(name string, field func(*Global) *bool) row[Global] {
	return row[Global]{name: name, set: func(b *builder, g *Global, s *Statement) { *field(g) = true }}
}

// globalToggle is a keyword with an optional truth value.
func globalToggle(name string, field func(*Global) *bool, format string) row[Global] {
	return row[Global]{name: name, set: func(b *builder, g *Global, s *Statement) {
		if on, ok := b.toggle(s, format); ok {
			*field(g) = on
		}
	}}
}

// globalChoice is a truth value whose absence means something else than either.
func globalChoice(name string, field func(*Global) **bool) row[Global] {
	return row[Global]{name: name, set: func(b *builder, g *Global, s *Statement) {
		if on, ok := b.toggle(s, "Invalid value '%s' for global "+name+" specified"); ok {
			*field(g) = &on
		}
	}}
}

// globalOnce is a name that is set once; later ones are reported.
func globalOnce(name string, field func(*Global) *string, format string) row[Global] {
	return row[Global]{name: name, min: 1, set: func(b *builder, g *Global, s *Statement) {
		if *field(g) != "" {
			b.err(s, format, s.Arg(1))
			return
		}
		*field(g) = s.Arg(1)
	}}
}

func checkToggle(format string) func(*builder, *Global, *Statement) {
	return func(b *builder, _ *Global, s *Statement) { b.toggle(s, format) }
}

const (
	maxInt32         = 1<<31 - 1
	maxRealtime      = 99 // sched_get_priority_max(SCHED_RR)
	maxProcessName   = 15 // TASK_COMM_LEN without its end
	maxInterfaceName = 15 // IFNAMSIZ without its end
)

// named reports text unless a parameter is there.
func (b *builder) named(s *Statement, text string) bool {
	if s.Args() == 0 {
		b.err(s, "%s", text)
		return false
	}
	return true
}

// wholeSeconds reads seconds without a fraction.
func (b *builder) wholeSeconds(s *Statement, high uint32, into *time.Duration, format string) bool {
	v, ok := b.number(s, s.Arg(1), 0, high)
	if !ok {
		b.err(s, format, s.Arg(1))
		return false
	}
	*into = time.Duration(v) * time.Second
	return true
}

// count reads a number in [low, high].
func (b *builder) count(s *Statement, low, high uint32, into *int, format string) bool {
	v, ok := b.number(s, s.Arg(1), low, high)
	if !ok {
		b.err(s, format, s.Arg(1))
		return false
	}
	*into = int(v)
	return true
}

func (b *builder) signed(s *Statement, low, high int, into *int, format string) bool {
	v, ok := b.signedNumber(s, s.Arg(1), low, high)
	if !ok {
		b.err(s, format, s.Arg(1))
		return false
	}
	*into = v
	return true
}

// repeats reads how often something is sent at once: 0 is taken for 1. prefix names it in reports.
func (b *builder) repeats(s *Statement, into *int, prefix string) {
	if !b.count(s, 0, maxUint32, into, prefix+"'%s' invalid - ignoring") {
		return
	}
	if *into == 0 {
		b.err(s, "%smust be greater than 0, setting to 1", prefix)
		*into = 1
	}
}

// pace reads the interval between packets; 0, which keepalived's own sample has, is out of range and changes nothing.
func (b *builder) pace(s *Statement, into *time.Duration) {
	d, ok := b.microseconds(s, s.Arg(1), 1, maxUint32)
	if !ok {
		b.err(s, "%s '%s' is invalid", s.Name(), s.Arg(1))
	} else {
		*into = d
	}
	if *into >= time.Second {
		b.note(s, "The %s is very large - %s seconds", s.Name(), s.Arg(1))
	}
}

func (b *builder) delay(s *Statement, into *time.Duration) {
	d, ok := b.microseconds(s, s.Arg(1), 1000, maxUint32)
	if !ok {
		b.err(s, "%s '%s' is invalid", s.Name(), s.Arg(1))
		return
	}
	*into = max(*into, d)
	if *into >= time.Minute {
		b.note(s, "The %s is very large - %s seconds", s.Name(), s.Arg(1))
	}
}

func (b *builder) processName(s *Statement) string {
	name := s.Arg(1)
	if len(name) > maxProcessName {
		b.err(s, "Process name %s more than %d characters, truncating", name, maxProcessName)
		name = name[:maxProcessName]
	}
	return name
}

func checkProcessName(b *builder, _ *Global, s *Statement) { b.processName(s) }

func setEmails(b *builder, g *Global, s *Statement) {
	found := false
	for _, line := range s.Body {
		for _, word := range line.Words {
			g.Emails = append(g.Emails, word)
			found = true
		}
	}
	if !found {
		b.err(s, "Warning - empty notification_email block")
	}
}

func setEmailFrom(b *builder, g *Global, s *Statement) {
	if !b.named(s, "emailfrom missing - ignoring") {
		return
	}
	if s.Args() > 1 {
		b.err(s, "emailfrom - ignoring extra entries '%s' ...", s.Arg(2))
	}
	g.EmailFrom = s.Arg(1)
}

func setSMTPTimeout(b *builder, g *Global, s *Statement) {
	v, ok := b.number(s, s.Arg(1), 0, maxTimerSeconds)
	if !ok {
		b.err(s, "smtp_connect_timeout '%s' must be in [0, %d] - ignoring", s.Arg(1), maxTimerSeconds)
		return
	}
	if v == 0 {
		b.err(s, "smtp_conect_timeout must be greater than 0, setting to 1")
		v = 1
	}
	g.SMTPTimeout = time.Duration(v) * time.Second
}

func (b *builder) multicast(s *Statement, family string, into *netip.Addr) {
	name, word := s.Name(), s.Arg(1)
	a, ok := endpoint(word)
	switch {
	case !ok:
		b.err(s, "Can't parse %s [%s]. Skipping", name, word)
	case a.Is4() != (family == "IPv4"):
		b.err(s, "%s [%s] is not %s. Skipping", name, word, family)
	case !a.IsMulticast():
		b.err(s, "%s [%s] is not multicast. Skipping", name, word)
	default:
		if !a.Is4() && !a.IsLinkLocalMulticast() {
			b.say(text.KindWarning, s.Pos, "%s [%s] should be link-local multicast.", name, word)
		}
		*into = a
	}
}

// setMinGARP asks for one gratuitous ARP without a repetition, wherever the default was not changed before.
func setMinGARP(b *builder, g *Global, s *Statement) {
	on, ok := b.toggle(s, "Invalid value for vrrp_min_garp specified%.0s")
	if !ok || !on {
		return
	}
	defaults := newGlobal().GARP
	if g.GARP.Repeat == defaults.Repeat {
		g.GARP.Repeat = 1
	}
	if g.GARP.RefreshRepeat == defaults.RefreshRepeat {
		g.GARP.RefreshRepeat = 0
	}
	if g.GARP.Delay == defaults.Delay {
		g.GARP.Delay = 0
	}
}

func setGlobalGARPExtraIf(b *builder, g *Global, s *Statement) {
	if s.Name() == "vrrp_vmac_garp_intvl" {
		b.say(text.KindDeprecated, s.Pos, `Keyword "vrrp_vmac_garp_intvl" is deprecated - please use "vrrp_garp_extra_if"`)
	}
	given := uint32(0)
	for _, word := range s.Words[1:] {
		if word == "all" {
			g.GARPExtraAll = true
			continue
		}
		v, ok := b.number(s, word, 1, 86400)
		if !ok {
			b.err(s, "%s '%s' invalid - ignoring", s.Name(), word)
			return
		}
		given = v
	}
	if given == 0 {
		b.err(s, "%s specified without time - ignoring", s.Name())
		return
	}
	g.GARPExtraIf = time.Duration(given) * time.Second
}

func setReceivePolicy(b *builder, g *Global, s *Statement) {
	if !b.named(s, "vrrp_rx_bufs_policy missing") {
		return
	}
	p := &g.ReceiveBuffers
	for _, word := range s.Words[1:] {
		switch strings.ToUpper(word) {
		case "MTU":
			p.MTU = true
		case "ADVERT":
			p.Advert = true
		default:
			if v, ok := b.unsigned(s, s.Arg(1), 0, maxUint32); ok {
				p.Size = v
			} else {
				b.err(s, "Invalid vrrp_rx_bufs_policy %s", word)
			}
		}
	}
	if p.Size != 0 && (p.MTU || p.Advert) {
		b.err(s, "Cannot set vrrp_rx_bufs_policy size and policy, ignoring policy")
		p.MTU, p.Advert = false, false
	} else if p.MTU && p.Advert {
		b.err(s, "Cannot set both vrrp_rx_bufs_policy MTU and ADVERT, ignoring ADVERT")
		p.Advert = false
	}
}

func setSNMPSocket(b *builder, g *Global, s *Statement) {
	switch {
	case s.Args() > 1:
		b.err(s, "Too many parameters specified for snmp_socket - ignoring")
	case s.Args() == 0:
		b.err(s, "SNMP error : snmp socket name missing")
	case g.SNMPSocket != "":
		b.err(s, "SNMP socket already set to %s - ignoring", g.SNMPSocket)
	default:
		g.SNMPSocket = s.Arg(1)
	}
}

func addTrapReceiver(b *builder, g *Global, s *Statement) {
	host, port := s.Arg(1), "162"
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	r := TrapReceiver{Address: net.JoinHostPort(host, port), Community: "public"}
	if s.Args() > 1 {
		r.Community = s.Arg(2)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" {
		b.err(s, "snmp_trap_receiver: '%s' has to be HOST or HOST:PORT", s.Arg(1))
		return
	}
	g.TrapReceivers = append(g.TrapReceivers, r)
}

func checkSNMPInterval(b *builder, _ *Global, s *Statement) {
	if _, ok := b.microseconds(s, s.Arg(1), 1000, 30_000_000); !ok {
		b.err(s, "snmp stats vs update interval '%s' invalid - ignoring", s.Arg(1))
	}
}

func (b *builder) niceness(s *Statement, process string, into *int) {
	if s.Args() == 0 {
		b.err(s, "No %s process priority specified", process)
		return
	}
	v, ok := b.signedNumber(s, s.Arg(1), -20, 19)
	if !ok {
		b.err(s, "Invalid %s process priority specified", process)
		v = 0
	}
	*into = v
}

func (b *builder) realtime(s *Statement, process string, into *int) {
	if s.Args() == 0 {
		b.err(s, "No %s process real-time priority specified", process)
		return
	}
	v, ok := b.signedNumber(s, s.Arg(1), -1<<31, maxInt32)
	switch {
	case !ok:
		b.err(s, "%s process real-time priority '%s' invalid", process, s.Arg(1))
		return
	case v < 1:
		b.err(s, "%s process real-time priority %d less than minimum %d - setting to minimum", process, v, 1)
		v = 1
	case v > maxRealtime:
		b.err(s, "%s process real-time priority %d greater than maximum %d - setting to maximum", process, v, maxRealtime)
		v = maxRealtime
	}
	*into = v
}

func (b *builder) realtimeLimit(s *Statement, process string, into *time.Duration) {
	if strings.HasSuffix(s.Name(), "_rtime") {
		b.note(s, "Keyword '%s' is deprecated - please use '%srttime'", s.Name(), strings.TrimSuffix(s.Name(), "rtime"))
	}
	v, ok := b.number(s, s.Arg(1), 1, maxUint32)
	if !ok {
		b.err(s, "Invalid %s real-time limit - %s", process, s.Arg(1))
		return
	}
	*into = time.Duration(max(v, 2)) * time.Microsecond
}

// affinity reads CPU numbers. That they exist is the kernel's to say, at start.
func (b *builder) affinity(s *Statement, process string) []int {
	if s.Args() == 0 {
		b.err(s, "No %s cpu_id set specified", process)
		return nil
	}
	var cpus []int
	for _, word := range s.Words[1:] {
		v, ok := b.signedNumber(s, word, 0, maxInt32)
		if !ok {
			b.err(s, "Invalid cpu_id:%d specified for %s process", leadingNumber(word), process)
			return nil
		}
		cpus = append(cpus, v)
	}
	return cpus
}

// leadingNumber is what strtol makes of a word: the number it begins with, or 0.
func leadingNumber(word string) int {
	end := 0
	for end < len(word) && word[end] >= '0' && word[end] <= '9' {
		end++
	}
	v, _ := strconv.Atoi(word[:end])
	return v
}

var umaskBits = map[string]int{
	"IRUSR": 0o400, "IWUSR": 0o200, "IXUSR": 0o100, "IRWXU": 0o700,
	"IRGRP": 0o040, "IWGRP": 0o020, "IXGRP": 0o010, "IRWXG": 0o070,
	"IROTH": 0o004, "IWOTH": 0o002, "IXOTH": 0o001, "IRWXO": 0o007,
}

func setUmask(b *builder, g *Global, s *Statement) {
	word := s.Arg(1)
	if word != "" && word[0] >= '0' && word[0] <= '9' {
		if s.Args() != 1 {
			b.err(s, "Extra parameter(s) to umask option")
			return
		}
		v, err := strconv.ParseInt(word, 0, 32)
		if err != nil || v&^0o777 != 0 {
			b.err(s, "invalid umask value %s", word)
			return
		}
		g.Umask = int(v)
		return
	}
	mask := 0
	for bit := range strings.SplitSeq(strings.Join(s.Words[1:], ""), "|") {
		v, ok := umaskBits[bit]
		if !ok {
			b.err(s, "Unknown umask bit %s", bit)
			return
		}
		mask |= v
	}
	g.Umask = mask
}

// bufferSize is a keyword that sizes the buffer of a socket which the netlink library sizes here.
func bufferSize(kind string) row[Global] {
	return row[Global]{name: kind + "_rcv_bufs", set: func(b *builder, _ *Global, s *Statement) {
		if !b.named(s, kind+"_rcv_bufs size missing") {
			return
		}
		if _, ok := b.unsigned(s, s.Arg(1), 0, maxUint32); !ok {
			b.err(s, "%s_rcv_bufs size (%s) invalid", kind, s.Arg(1))
		}
	}}
}
