package fastcgi_test

import (
	"bytes"
	"net"
	"testing"

	"tandem/web/webtest"
)

// TestAllocations: a small response that is passed on over kept connections
// costs no allocation, with parameters as distributions have them.
func TestAllocations(t *testing.T) {
	s := webtest.Start(t, begin+`upstream back { server 127.0.0.1:8081; keepalive 8; keepalive_requests 1000000; }
server { listen 127.0.0.1:8080; keepalive_requests 1000000; root /srv;
location / { fastcgi_pass back; fastcgi_keep_conn on; fastcgi_index index.php;
	fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
	fastcgi_param SCRIPT_NAME $fastcgi_script_name;
	fastcgi_param QUERY_STRING $query_string;
	fastcgi_param REQUEST_METHOD $request_method;
	fastcgi_param CONTENT_TYPE $content_type;
	fastcgi_param CONTENT_LENGTH $content_length;
	fastcgi_param REQUEST_URI $request_uri;
	fastcgi_param DOCUMENT_ROOT $document_root;
	fastcgi_param SERVER_PROTOCOL $server_protocol;
	fastcgi_param HTTPS $https if_not_empty;
	fastcgi_param GATEWAY_INTERFACE CGI/1.1;
	fastcgi_param REMOTE_ADDR $remote_addr;
	fastcgi_param REMOTE_PORT $remote_port;
	fastcgi_param SERVER_NAME $server_name;
} } }`, modules, nil)
	answer := []byte(rec(stdout, "X-Powered-By: test\r\nContent-type: text/plain\r\nContent-Length: 5\r\n\r\nsmall", 7) + done)
	last := []byte(rec(stdin, "", 0))
	webtest.Backend(t, s.Addr(t, "8081"), func(c net.Conn) {
		var buf [4096]byte
		for {
			n, err := c.Read(buf[:])
			if err != nil || !bytes.HasSuffix(buf[:n], last) {
				return
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
	s.NoAllocations(t, "/a/", "small")
}
