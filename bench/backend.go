package main

import (
	"bytes"
	"fmt"
	"net"
)

// startBackend serves the small page to whoever asks for anything, over
// connections that are kept. It returns its address.
func startBackend() (addr string, stop func(), err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	answer := append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: back\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n", len(small)), small...)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveBackend(c, answer)
		}
	}()
	return l.Addr().String(), func() { _ = l.Close() }, nil
}

func serveBackend(c net.Conn, answer []byte) {
	defer func() { _ = c.Close() }()
	buf, n := make([]byte, 16<<10), 0
	for {
		m, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		n += m
		if !bytes.HasSuffix(buf[:n], headEnd) {
			continue
		}
		n = 0
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
