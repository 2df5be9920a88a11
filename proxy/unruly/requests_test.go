package unruly

import (
	"fmt"
	"strings"
)

// withLength is the end of a request with a body of n bytes.
func withLength(n int, headers string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", headers, n, strings.Repeat("b", n))
}

// inChunks is the end of a request with a body of n chunks of 1000 bytes.
func inChunks(n int) string {
	return chunked + "\r\n" + strings.Repeat("3e8\r\n"+strings.Repeat("b", 1000)+"\r\n", n) + "0\r\n\r\n"
}

const (
	abc        = ok200 + length3 + "\r\nabc"
	tooLarge   = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
	streamed   = "proxy_request_buffering off;"
	impatient  = "proxy_read_timeout 3s; proxy_send_timeout 3s;"
	continued  = "Expect: 100-continue\r\n"
	more       = 6 << 20 // bytes: more than all sockets on the way take
	someChunks = 50
)

// requests is what can happen to requests with bodies.
var requests = []misdeed{
	{name: "a small body", method: "POST", request: withLength(10, ""), steps: []any{abc}},
	{name: "an empty body", method: "POST", request: withLength(0, ""), steps: []any{abc}},
	{name: "a body in a file", method: "POST", request: withLength(200000, ""), conf: "client_body_buffer_size 16k;", steps: []any{abc}},
	{name: "a body in chunks", method: "POST", request: inChunks(someChunks), steps: []any{abc}, http11Only: true},
	{name: "a GET with a body", request: withLength(10, ""), steps: []any{abc}},
	{name: "a PUT that gets 204", method: "PUT", request: withLength(10, ""), steps: []any{"HTTP/1.1 204 No Content\r\n\r\n"}},
	{name: "Expect", method: "POST", request: withLength(10, continued), steps: []any{abc}, http11Only: true},
	{name: "Expect in chunks", method: "POST", request: continued + inChunks(someChunks), steps: []any{abc}, http11Only: true},
	{name: "Expect and an early answer", method: "POST", request: withLength(200000, continued), early: true, steps: []any{tooLarge, readOn}, http11Only: true},

	{name: "a streamed body", method: "POST", request: withLength(10, ""), conf: streamed, steps: []any{abc}},
	{name: "a long streamed body", method: "POST", request: withLength(200000, ""), conf: streamed, steps: []any{abc}},
	{name: "a body streamed in chunks", method: "POST", request: inChunks(someChunks), conf: streamed, steps: []any{abc}, http11Only: true},
	{name: "Expect with a streamed body", method: "POST", request: withLength(200000, continued), conf: streamed, steps: []any{abc}, http11Only: true},

	{name: "an early answer, the body read later", method: "POST", request: withLength(200000, ""), early: true, steps: []any{tooLarge, pause, readOn}},
	{name: "an early answer to a small body", method: "POST", request: withLength(10, ""), early: true, steps: []any{tooLarge, readOn}},
	{name: "an early answer, the body never read", method: "POST", request: withLength(more, ""), early: true, steps: []any{tooLarge, pause * 10, shut}},
	{name: "an early answer, the body never read, half closed", method: "POST", request: withLength(more, ""), early: true, steps: []any{tooLarge, fin, pause * 10, shut}},
	{name: "an early answer with close", method: "POST", request: withLength(more, ""), early: true,
		steps: []any{"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", pause * 10, shut}},
	{name: "an early answer in chunks", method: "POST", request: withLength(more, ""), early: true, steps: []any{ok200 + chunked + "\r\n3\r\nabc\r\n0\r\n\r\n", pause * 10, shut}},
	{name: "an early 100", method: "POST", request: withLength(10, ""), early: true, steps: []any{"HTTP/1.1 100 Continue\r\n\r\n", readOn, abc},
		why: interim, want: refused, log: "upstream sent unexpected status 100"},
	{name: "an early half of an answer", method: "POST", request: withLength(200000, ""), early: true, steps: []any{ok200 + length3 + "\r\na", readOn, "bc"}},

	{name: "nothing is read of a small body", method: "POST", request: withLength(10, ""), early: true, conf: impatient, steps: []any{awaited}},
	{name: "nothing is read of a large body", method: "POST", request: withLength(more, ""), early: true, conf: impatient, steps: []any{pause * 150, shut}},
	{name: "closed with the body unread", method: "POST", request: withLength(200000, ""), early: true, steps: []any{pause, shut}},
	{name: "reset with the body unread", method: "POST", request: withLength(200000, ""), early: true, steps: []any{pause, reset}},
	{name: "reset after the body", method: "POST", request: withLength(200000, ""), steps: []any{reset}},
	{name: "closed after the body", method: "POST", request: withLength(10, ""), steps: []any{shut}},
	{name: "garbage after the body", method: "POST", request: withLength(10, ""), steps: []any{"garbage\r\n", shut}, why: notHTTP, want: refused, log: "upstream sent no valid HTTP/1.0 header"},
	{name: "a streamed body, reset", method: "POST", request: withLength(200000, ""), early: true, conf: streamed, steps: []any{pause, reset}},
}
