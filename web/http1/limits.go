package http1

import "time"

// Limits bounds what ReadHead accepts. The zero value of a number means
// nginx's default, which stands beside it.
type Limits struct {
	// HeaderBuffer is client_header_buffer_size in bytes (1024).
	HeaderBuffer int
	// LargeCount and LargeSize are large_client_header_buffers (4 of 8192
	// bytes): a line must fit into the header buffer or into one large buffer,
	// and a head into the header buffer and LargeCount large ones.
	LargeCount, LargeSize int
	// MaxHeaders is the number of field lines (1000).
	MaxHeaders int
	// HeaderTimeout is client_header_timeout: how long a head may take. 0 is
	// for ever.
	HeaderTimeout time.Duration
	// KeepaliveTimeout is for the caller, who gives it to WaitRequest.
	KeepaliveTimeout time.Duration
	// UnderscoresInHeaders makes an underscore in a field name valid.
	UnderscoresInHeaders bool
	// IgnoreInvalidHeaders drops the fields with invalid names.
	IgnoreInvalidHeaders bool
	// MergeSlashes is for the caller, who gives it to NormalizePath.
	MergeSlashes bool
	// AllowConnect accepts CONNECT over HTTP/1.1; otherwise it is answered 405.
	AllowConnect bool
}

// nginx's defaults.
const (
	defaultHeaderBuffer = 1024
	defaultLargeCount   = 4
	defaultLargeSize    = 8192
	defaultMaxHeaders   = 1000
)

func orDefault(v, def int) int {
	if v <= 0 {
		return def
	}
	return v
}

// Status codes that nginx uses inside and shows as 400.
const (
	// StatusHeaderTooLarge is answered as 400 with the page "Request Header Or
	// Cookie Too Large".
	StatusHeaderTooLarge = 494
)

// BadRequest is an error of the client that is to be answered with Status and
// after which the connection is of no further use.
type BadRequest struct {
	// Status is the status code, or one of nginx's internal codes.
	Status int
	// Reason says what the client did, in the words of nginx's error log.
	Reason string
}

// Error returns the reason.
func (e *BadRequest) Error() string { return e.Reason }
