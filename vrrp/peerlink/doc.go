// Package peerlink is a TCP connection from each backup to the master whose
// adverts it hears. It is never needed: VRRP alone decides who is master. But
// it brings proof. When the master's process dies, its kernel closes the
// connection; the backup dials again, and a connection that is refused, or
// answered by another process, proves that the process which held the
// addresses is gone. The backup then need not wait for three adverts to stay
// away. The link also tells the nodes about each other, and carries the
// conversation in which a master hands its addresses over.
//
// It believes little. Who may be at the other end is what VRRP says: a node that
// is heard to speak for the instance, on the instance's interface, from no
// further away than its VRRP packets may come. Anybody else is closed at once,
// unanswered. A backup makes itself heard before it comes, see [VRRP]. Who is
// master, and with which priority a node competes, is never taken from the link.
//
// With a key, that both nodes are given, everything is said inside of TLS 1.3 in
// which both ends have proven that they have it. Without one the link is as
// trustworthy as the network that VRRP is spoken on, and carries no secret:
// docs/security.md says what that means, message by message.
package peerlink
