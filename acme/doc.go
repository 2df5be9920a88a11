// Package acme gets certificates from authorities that speak ACME (RFC 8555), and
// renews them, for one node or for the two of a pair: one account, one order, and
// both nodes have what is needed before anybody asks for it.
//
// A [Keeper] outlives configurations. What it knows of a certificate is a
// [Record]; what is to be done next follows from the record and the time alone
// (schedule.go), and an order is a conversation that can be taken up at any step
// by whoever has the record (order.go). Records are files (store.go), and go to
// the other node (share.go).
package acme
