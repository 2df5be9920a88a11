// Package check asks servers how they are, as keepalived's checkers do: by TCP,
// HTTP, TLS, SMTP, DNS, UDP, ICMP, a program, a file or BFD.
//
// An Engine runs any number of checkers from one queue and one timer: a checker
// that waits has no goroutine, and one that asks has one for as long as that takes.
// What follows from an answer is decided by a state without a clock (take of each
// method), in keepalived's words. Nothing here knows a configuration, nor what a
// server is used for.
package check
