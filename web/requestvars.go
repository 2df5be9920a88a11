package web

import (
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	nc "tandem/nginxconf"
	"tandem/session"
)

// requestIDVariable is 16 random bytes in hexadecimal, the same throughout the
// request.
func requestIDVariable(_ *Request, dst []byte) ([]byte, bool) {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return hex.AppendEncode(dst, id[:]), true
}

// tcpInfoVariable is a number that the kernel keeps of the client's connection,
// in its own units; see tcp(7), TCP_INFO.
func tcpInfoVariable(field func(*unix.TCPInfo) uint32) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) {
		socket, ok := r.Client().Socket.(syscall.Conn)
		if !ok {
			return dst, false
		}
		raw, err := socket.SyscallConn()
		if err != nil {
			return dst, false
		}
		var info *unix.TCPInfo
		if err := raw.Control(func(fd uintptr) { info, _ = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil || info == nil {
			return dst, false
		}
		return strconv.AppendUint(dst, uint64(field(info)), 10), true
	}
}

func realpathVariable(r *Request, dst []byte) ([]byte, bool) {
	scratch := r.AppendRoot(r.Scratch())
	real, err := filepath.EvalSymlinks(string(scratch))
	r.Unscratch(scratch)
	if err != nil {
		r.Logf(errLevelCrit, "realpath() failed: %v", err)
		return dst, false
	}
	return append(dst, real...), true
}

// limitRateVariable is the rate of the response in bytes a second, as far as it
// is settled: that is when the response begins.
func limitRateVariable(r *Request, dst []byte) ([]byte, bool) {
	return strconv.AppendInt(dst, r.rate, 10), true
}

func setLimitRate(r *Request, value []byte) {
	n, err := nc.ParseSize(string(value))
	if err != nil {
		r.Logf(errLevelError, "invalid $limit_rate \"%s\"", value)
		return
	}
	r.rate, r.LimitRateSet = n, true
}

// Rate returns what limit_rate allows the response in bytes a second, 0 for no
// limit.
func (r *Request) Rate() int64 {
	if !r.LimitRateSet {
		r.rate, r.LimitRateSet = r.sizeOf(r.Core.LimitRate.V), true
	}
	return r.rate
}

// RateAfter returns how many bytes are sent before the limit begins.
func (r *Request) RateAfter() int64 { return r.sizeOf(r.Core.LimitRateAfter.V) }

// sizeOf evaluates a size; one that is no size counts as 0.
func (r *Request) sizeOf(t *session.Template) int64 {
	if t == nil {
		return 0
	}
	n, err := nc.ParseSize(string(t.Value(&r.Session)))
	if err != nil {
		return 0
	}
	return n
}
