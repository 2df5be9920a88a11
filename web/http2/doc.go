// Package http2 serves HTTP/2 (RFC 9113): the frames and streams of internal/h2
// become requests and responses of package web. head.go is the one reading of a
// request's head, stream.go the carrier of a request, session.go a connection.
package http2
