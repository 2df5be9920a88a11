// Package bfd speaks BFD (RFC 5880, 5881 and 5883) with the neighbors that
// bfd_instance names, in asynchronous mode and without authentication or echoes, as
// keepalived does. One thread waits in the kernel for packets and for the time of the
// next one, so that neither the runtime's timers nor other goroutines come between;
// session has the rules, packet the bytes.
package bfd
