package web

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"strconv"
	"strings"

	"tandem/nginxconf"
	"tandem/web/http1"
)

// requestIDVariable is 16 random bytes in hexadecimal, the same throughout the
// request.
func requestIDVariable(_ *Request, dst []byte) ([]byte, bool) {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return hex.AppendEncode(dst, id[:]), true
}

// remoteUserVariable is the user name of Basic authentication.
func remoteUserVariable(r *Request, dst []byte) ([]byte, bool) {
	user, _, ok := r.BasicAuth()
	return append(dst, user...), ok && len(user) > 0
}

// BasicAuth returns the user name and password of Basic authentication (RFC
// 7617), if the request has them.
func (r *Request) BasicAuth() (user, password []byte, ok bool) {
	scheme, encoded, _ := bytes.Cut(r.Header(http1.Authorization), []byte(" "))
	if !equalFold(scheme, "basic") {
		return nil, nil, false
	}
	encoded = bytes.TrimLeft(encoded, " ")
	plain, err := base64.StdEncoding.AppendDecode(r.Scratch(), encoded)
	defer r.Unscratch(plain)
	if err != nil {
		return nil, nil, false
	}
	user, password, ok = bytes.Cut(r.Keep(plain), []byte(":"))
	return user, password, ok
}

// appendRequestPort appends the port that the client wrote in the Host header
// or request line; nothing if it wrote none.
func (r *Request) appendRequestPort(dst []byte) ([]byte, bool) {
	raw := r.Head.Host
	if len(r.Head.Authority) > 0 {
		raw = r.Head.Authority
	}
	i := strings.LastIndexByte(string(raw), ':')
	if i < 0 || strings.IndexByte(string(raw[i:]), ']') >= 0 {
		return dst, true
	}
	return append(dst, raw[i+1:]...), true
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

// limitRateVariable is the rate of the response in bytes a second.
func limitRateVariable(r *Request, dst []byte) ([]byte, bool) {
	return strconv.AppendInt(dst, r.Rate(), 10), true
}

func setLimitRate(r *Request, value []byte) {
	if n, err := nginxconf.ParseSize(string(value)); err == nil {
		r.rate, r.LimitRateSet = n, true
	}
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
func (r *Request) sizeOf(t *Template) int64 {
	if t == nil {
		return 0
	}
	n, err := nginxconf.ParseSize(string(t.Value(r)))
	if err != nil {
		return 0
	}
	return n
}
