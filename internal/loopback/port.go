// Package loopback gives tests ports that nobody else takes meanwhile.
package loopback

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports that are given out: below those that Linux gives to connections,
// and to listeners that ask for any.
const (
	lowest  = 12000
	highest = 32767
)

// TB is what Port needs of a *testing.T.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(args ...any)
}

// Port returns a TCP port of 127.0.0.1 that is the test's own until it ends: no
// other test gets it, in this process or another, and no connection does. A
// program that the test starts can be told to listen there.
func Port(t TB) string {
	t.Helper()
	port, release, err := Claim()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}

// Claim is Port for what is not a test; release gives the port back.
func Claim() (port string, release func(), err error) {
	const many = highest - lowest + 1
	for i, first := 0, rand.IntN(many); i < many; i++ {
		port = strconv.Itoa(lowest + (first+i)%many)
		// The kernel gives a name to one process at a time, and takes it back
		// when that ends.
		claim, err := net.Listen("unix", "@tandem test port "+port)
		if err != nil {
			continue
		}
		if free(port) {
			return port, func() { _ = claim.Close() }, nil
		}
		_ = claim.Close()
	}
	return "", nil, errors.New("loopback: no port is free")
}

// free reports whether one can listen on the port: other programs make no
// claims.
func free(port string) bool {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// Addr is Port with 127.0.0.1 before it.
func Addr(t TB) string {
	t.Helper()
	return "127.0.0.1:" + Port(t)
}
