// Package cache is the response cache: what proxy_cache and the directives like
// it say, what is kept of answers and for how long, and a request's way to an
// entry. Below it are the format of the files (entry), what a keys_zone remembers
// (index), the folder (volume), and what the RFC says (rfc9111).
//
// Beside nginx's directives it has
//
//	*_cache_rfc9111 on | responses | off;   http, server, location; off
//	*_cache_status  on | name | off;        http, server, location; off
//
// With the first, RFC 9111 is followed where nginx is laxer (rfc9111, conform.go):
// how old a response is counts and is told, directives are read as a list, a
// response may forbid to be used stale, a 304 changes the stored head, what changes
// something removes what was stored of it, and with "on" clients may say what they
// want. Nothing of this is on by default: each of it changes what is kept, or what
// clients get. The second adds Cache-Status (RFC 9211).
//
// It knows no protocol and no back end: package exchange asks it first, and lets
// it see what a back end has answered.
package cache
