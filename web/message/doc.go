// Package message is what the versions of HTTP have in common (RFC 9110): the
// head of a request, field names, status codes, dates, the escaping of URIs and
// the host that a request is for. How a head looks on the wire is known to the
// packages of the versions alone.
package message
