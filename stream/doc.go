// Package stream is the server of stream {}: connections of TCP and sessions of
// UDP, whatever is spoken on them.
//
// A [Session] is one connection, or what one client sends from one port as
// datagrams. It goes through the phases of its server: post-accept, preaccess,
// access, TLS, preread and content; then it is logged. Modules bring the handlers
// of phases, as with http; those that serve both are session.Modules, see
// [Shared].
package stream
