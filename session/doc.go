// Package session is the floor that the servers of http {} and stream {} stand
// on: what nginx writes twice, once for requests and once for connections.
//
// A [Realm] is the block itself as it was read: its variables, expressions, zones
// and logs. A [Session] is what is done for one client at a time: a request of
// HTTP, a connection of stream. A [Client] is who is at the other end. Modules
// that serve both are [Module]s; those of one server alone belong to it.
//
// Nothing in here, nor below, knows a protocol of clients.
package session
