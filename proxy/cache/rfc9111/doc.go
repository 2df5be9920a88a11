// Package rfc9111 is what RFC 9111 says of a shared cache, without one: what the
// directives of Cache-Control mean, how long a response is fresh, how old it is,
// whether it may be stored, and what a 304 changes of it.
//
// It is pure: the time is given, and heads are those of package answer.
package rfc9111
