package procfs

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Listener returns the process that listens on a TCP address, or on one that covers it: the port on every address. ok is
// false if there is none, or none that may be looked at.
func Listener(addr netip.AddrPort) (p Process, ok bool) {
	sockets := listening(addr)
	if len(sockets) == 0 {
		return p, false
	}
	each(func(one Process, dir string) bool {
		descriptors, _ := filepath.Glob(dir + "/fd/*")
		for _, fd := range descriptors {
			target, err := os.Readlink(fd)
			if err == nil && slices.Contains(sockets, target) && one.PID != os.Getpid() {
				p, ok = one, true
				return false
			}
		}
		return true
	})
	return p, ok
}

// listening returns the sockets that stand in the way of addr, as links in /proc/PID/fd name them.
func listening(addr netip.AddrPort) (sockets []string) {
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(root, "self/net", table))
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			// "sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode ..."
			words := strings.Fields(lines.Text())
			if len(words) < 10 || words[3] != stateListen {
				continue
			}
			local, ok := parseSocket(words[1])
			if ok && local.Port() == addr.Port() && covers(local.Addr(), addr.Addr()) {
				sockets = append(sockets, "socket:["+words[9]+"]")
			}
		}
		_ = f.Close()
	}
	return sockets
}

// stateListen is TCP_LISTEN in the kernel's tables.
const stateListen = "0A"

// covers reports whether two sockets with these addresses cannot both have one port.
func covers(one, other netip.Addr) bool {
	// The IPv6 one may be for IPv4 too.
	all := func(a, b netip.Addr) bool { return a.IsUnspecified() && (a.Is6() || b.Is4()) }
	return one == other || all(one, other) || all(other, one)
}

// parseSocket reads "0100007F:1F90": the address as words in the machine's byte order, and the port.
func parseSocket(text string) (netip.AddrPort, bool) {
	address, port, found := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	n, errPort := strconv.ParseUint(port, 16, 16)
	if !found || err != nil || errPort != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}
