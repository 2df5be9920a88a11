// Package netif is VRRP's side of the kernel: sockets for adverts, virtual
// addresses, gratuitous ARP and unsolicited neighbour advertisements, and
// notice of what happens to interfaces and addresses.
//
// Everything belongs to the network namespace of the thread that makes it, and
// stays there. Only what makes something new (Open, OpenSocket, Stack.Watch,
// Stack.Announcer) looks at the namespace of the calling thread.
//
// Fake is a kernel of its own in memory. It prints what it was told as the
// lines that an operator would type.
package netif
