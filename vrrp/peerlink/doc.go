// Package peerlink is a TCP connection from each backup to the master whose
// adverts it hears. It is never needed: VRRP alone decides who is master. But
// it brings proof. When the master's process dies, its kernel closes the
// connection; the backup dials again, and a connection that is refused, or
// answered by another process, proves that the process which held the
// addresses is gone. The backup then need not wait for three adverts to stay
// away.
//
// The link also tells the nodes about each other: name, version, what of their
// configurations differs, how well the web side is.
//
// Both ends prove that they know the instance's password, as far as VRRP
// itself is authenticated: an instance without one has an open link.
package peerlink
