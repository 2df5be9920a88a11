// Package relay serves virtual servers in this process, for hosts whose kernel has
// no IP Virtual Server: it listens at their addresses and carries bytes and
// datagrams to real servers, chosen as the kernel's schedulers choose.
//
// What the kernel does to packets is done to connections here, so that some things
// differ: real servers see an address of this host and not the client's, direct
// routing and tunnels become connections, too, and there are no firewall marks, no
// SCTP and no services of all ports.
package relay
