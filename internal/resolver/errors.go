package resolver

import "fmt"

// Error is why a name could not be resolved: a response code of the DNS (RFC
// 1035 section 4.1.1), or one of nginx's own.
type Error int

// The errors.
const (
	ErrFormat        Error = 1
	ErrServerFailure Error = 2
	ErrNotFound      Error = 3 // no such name, or no addresses of the kinds asked for
	ErrUnimplemented Error = 4
	ErrRefused       Error = 5
	ErrTimeout       Error = 110
)

// Error returns the error as nginx's log has it, "3: Host not found".
func (e Error) Error() string {
	text := "Unknown error"
	switch e {
	case ErrFormat:
		text = "Format error"
	case ErrServerFailure:
		text = "Server failure"
	case ErrNotFound:
		text = "Host not found"
	case ErrUnimplemented:
		text = "Unimplemented"
	case ErrRefused:
		text = "Operation refused"
	case ErrTimeout:
		text = "Operation timed out"
	}
	return fmt.Sprintf("%d: %s", int(e), text)
}
