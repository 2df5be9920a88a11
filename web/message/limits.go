package message

import "time"

// Limits bounds what is accepted as the head of a request. The zero value of a number means
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
	// UnderscoresInHeaders makes an underscore in a field name valid.
	UnderscoresInHeaders bool
	// IgnoreInvalidHeaders drops the fields with invalid names.
	IgnoreInvalidHeaders bool
	// AllowConnect accepts CONNECT; otherwise it is answered 405.
	AllowConnect bool
}
