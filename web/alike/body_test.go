package alike

import (
	"fmt"
	"strings"
	"testing"
)

// TestRequestBodyBuffer: which bodies are in $request_body, and which in a file. The
// head of each request is 160 bytes long.
func TestRequestBodyBuffer(t *testing.T) {
	addr := backend(t, nil)
	// Once a client has been told to go on, its body comes by itself.
	request := func(place, framing, waits string) string {
		head := "POST /" + place + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + framing + waits + "X: "
		return head + strings.Repeat("x", 160-4-len(head)) + "\r\n\r\n"
	}
	const wait = "Expect: 100-continue\r\n"
	var cases []exchangeCase
	add := func(place string, size int, chunked, late bool, want string) {
		framing, body := fmt.Sprintf("Content-Length: %d\r\n", size), strings.Repeat("b", size)
		if chunked {
			framing, body = "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%04x\r\n%s\r\n0\r\n\r\n", size, body)
		}
		c := exchangeCase{name: fmt.Sprintf("%s %d chunked %v late %v", place, size, chunked, late), logged: want}
		if late {
			c.send, c.rest = request(place, framing, wait), body
		} else {
			c.send = request(place, framing, "") + body
		}
		cases = append(cases, c)
	}
	const memory, file, empty = "memory", "file", "empty"
	// Behind the head there is room for 864 bytes in client_header_buffer_size.
	for _, c := range []struct {
		size             int
		late             bool
		length, inChunks string
	}{
		{0, false, empty, empty}, {1, false, memory, memory}, {1, true, memory, memory},
		{999, true, memory, file}, {1000, true, memory, file}, {1001, true, memory, file}, {986, true, memory, memory}, {987, true, memory, memory}, {988, true, memory, file},
		{1249, true, memory, file}, {1250, true, file, file}, {1251, true, file, file}, {5000, true, file, file},
		{999, false, memory, memory}, {1001, false, memory, memory}, {1851, false, memory, memory}, {1852, false, memory, file}, {2113, false, memory, file}, {2114, false, file, file}, {5000, false, file, file},
	} {
		add("buffered", c.size, false, c.late, c.length)
		add("single", c.size, false, c.late, c.length)
		add("buffered", c.size, true, c.late, c.inChunks)
	}
	for _, size := range []int{0, 1, 5000} {
		add("file", size, false, false, file)
		add("clean", size, true, false, file)
	}
	run(t, `
		map "$request_body|$request_body_file" $where { "|" empty; ~^b+\|$ memory; ~^\|/ file; default "other"; }
		log_format f $where; access_log DIR/access.log f;
		client_body_buffer_size 1000;
		server {
			listen LISTEN;
			location / { proxy_pass http://`+addr+`; }
			location /single { client_body_in_single_buffer on; proxy_pass http://`+addr+`; }
			location /file { client_body_in_file_only on; proxy_pass http://`+addr+`; }
			location /clean { client_body_in_file_only clean; proxy_pass http://`+addr+`; }
		}`, nil, cases)
}
