package stubstatus_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/headers"
	"tandem/web/stubstatus"
	"tandem/web/webtest"
)

func TestStubStatus(t *testing.T) {
	s := webtest.Start(t, `events {}
http { server { listen 127.0.0.1:8080;
	location /status { stub_status; add_header X "$connections_active $connections_reading $connections_writing $connections_waiting"; }
	location /old { stub_status on; }
} }`, []*web.Module{stubstatus.Module, headers.Module}, nil)
	page := func(active, accepted, requests, reading, writing, waiting int) string {
		return fmt.Sprintf("Active connections: %d \nserver accepts handled requests\n %d %d %d \nReading: %d Writing: %d Waiting: %d \n",
			active, accepted, accepted, requests, reading, writing, waiting)
	}
	a := s.Get(t, "/status")
	if want := page(1, 1, 1, 0, 1, 0); a.Body != want || a.Header.Get("X") != "1 0 1 0" || a.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%v %q, want %q", a.Header, a.Body, want)
	}
	waiting := s.Dial(t)
	reading := s.Dial(t)
	if _, err := io.WriteString(reading, "GET /status HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	n := 1
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		a = s.Get(t, "/old")
		n++
		if want := page(3, 2+n, n, 1, 1, 1); a.Body == want {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%q, want %q", a.Body, want)
		}
	}
	if err := waiting.Close(); err != nil {
		t.Fatal(err)
	}
	if a := s.Do(t, "POST", "/status"); a.Status != 405 {
		t.Errorf("POST: %d", a.Status)
	}
	if a := s.Do(t, "HEAD", "/status"); a.Status != 200 || a.Body != "" {
		t.Errorf("HEAD: %q", a.Raw)
	}
}
