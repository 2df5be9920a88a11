package message

// StatusHeaderTooLarge is nginx's internal code of a head that is too large. It
// is answered as 400 with the page "Request Header Or Cookie Too Large".
const StatusHeaderTooLarge = 494

// BadRequest is an error of the client that is to be answered with Status and
// after which the connection is of no further use.
type BadRequest struct {
	// Status is the status code, or one of nginx's internal codes.
	Status int
	// Reason says what the client did, in the words of nginx's error log.
	Reason string
}

// Bad returns a BadRequest.
func Bad(status int, reason string) *BadRequest { return &BadRequest{status, reason} }

// Error returns the reason.
func (e *BadRequest) Error() string { return e.Reason }
