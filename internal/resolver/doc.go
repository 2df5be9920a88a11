// Package resolver looks names up in the DNS without ever blocking on the
// system's resolver: a stub resolver (RFC 1035) that asks the name servers it
// is given, over UDP and, for long answers, TCP, and keeps answers as long as
// they are valid.
//
// Its behaviour is that of nginx's resolver directive: names are asked of one
// server after the other in turn, a question without an answer is repeated
// after five seconds, an answer with an error ends the lookup and is not kept.
package resolver
