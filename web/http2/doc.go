// Package http2 serves HTTP/2 (RFC 9113): internal/h2's frames and streams become
// requests and responses. It knows no configuration; what can be configured
// arrives in Rules and Settings.
package http2
