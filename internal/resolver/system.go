package resolver

import (
	"bufio"
	"bytes"
	"context"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// System looks names up as this host's other programs do: in /etc/hosts, and
// then in the DNS as /etc/resolv.conf says. Both files are read again when
// they change.
var System = &Host{Hosts: "/etc/hosts", Conf: "/etc/resolv.conf"}

// Host resolves names with a hosts file and a resolv.conf.
type Host struct {
	Hosts string // name of the hosts file
	Conf  string // name of the resolv.conf

	mu       sync.Mutex
	resolver *Resolver
	rules    searchRules
	changed  time.Time // of Conf
}

// searchRules say how an incomplete name is completed.
type searchRules struct {
	domains []string
	ndots   int
}

// hostsValid is how long what the hosts file says is taken for granted.
const hostsValid = 30 * time.Second

// systemResend is how soon the next name server is asked.
const systemResend = 2 * time.Second

// LookupAddrs returns the addresses of a name and until when they are valid.
func (h *Host) LookupAddrs(ctx context.Context, name string) ([]Addr, time.Time, error) {
	name = fold(name)
	if addrs := h.fromHosts(name); len(addrs) > 0 {
		return addrs, time.Now().Add(hostsValid), nil
	}
	r, rules := h.load()
	var failure error = ErrNotFound
	for _, full := range rules.complete(name) {
		addrs, valid, err := r.LookupAddrs(ctx, full)
		if err == nil {
			return addrs, valid, nil
		}
		if failure == ErrNotFound {
			failure = err
		}
	}
	return nil, time.Time{}, failure
}

// complete returns the names to try, in order.
func (s searchRules) complete(name string) []string {
	var names []string
	for _, d := range s.domains {
		names = append(names, name+"."+d)
	}
	if strings.Count(name, ".") >= s.ndots {
		return append([]string{name}, names...)
	}
	return append(names, name)
}

// fromHosts returns what the hosts file says of a name.
func (h *Host) fromHosts(name string) []Addr {
	b, err := os.ReadFile(h.Hosts)
	if err != nil {
		b = nil
	}
	addrs := parseHosts(b, name)
	if len(addrs) == 0 && (name == "localhost" || strings.HasSuffix(name, ".localhost")) {
		// RFC 6761 section 6.3: such a name is never asked of the DNS.
		addrs = []Addr{{IP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}
	}
	return addrs
}

// parseHosts returns the addresses of a name in a hosts file.
func parseHosts(b []byte, name string) []Addr {
	var addrs []Addr
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) < 2 {
			continue
		}
		ip, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		for _, w := range words[1:] {
			if fold(w) == name {
				addrs = append(addrs, Addr{IP: ip})
				break
			}
		}
	}
	return addrs
}

// load returns the resolver that resolv.conf describes.
func (h *Host) load() (*Resolver, searchRules) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var changed time.Time
	if fi, err := os.Stat(h.Conf); err == nil {
		changed = fi.ModTime()
	}
	if h.resolver == nil || !changed.Equal(h.changed) {
		b, err := os.ReadFile(h.Conf)
		if err != nil {
			b = nil
		}
		var conf Config
		conf, h.rules = parseResolvConf(b)
		h.resolver, h.changed = New(conf), changed
	}
	return h.resolver, h.rules
}

// maxServers is how many name servers resolv.conf may name.
const maxServers = 3

// parseResolvConf reads a resolv.conf(5).
func parseResolvConf(b []byte) (Config, searchRules) {
	conf := Config{Resend: systemResend}
	rules := searchRules{ndots: 1}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0][0] == '#' || words[0][0] == ';' {
			continue
		}
		switch words[0] {
		case "nameserver":
			if ip, err := netip.ParseAddr(words[1]); err == nil && len(conf.Servers) < maxServers {
				conf.Servers = append(conf.Servers, netip.AddrPortFrom(ip, 53))
			}
		case "search", "domain":
			rules.domains = nil
			for _, d := range words[1:] {
				if d = fold(d); d != "" {
					rules.domains = append(rules.domains, d)
				}
			}
		case "options":
			for _, o := range words[1:] {
				if v, ok := strings.CutPrefix(o, "ndots:"); ok {
					if n, err := strconv.Atoi(v); err == nil && n >= 0 {
						rules.ndots = min(n, 15)
					}
				}
			}
		}
	}
	if len(conf.Servers) == 0 {
		conf.Servers = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 53)}
	}
	return conf, rules
}
