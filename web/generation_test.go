package web_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"tandem/web/webtest"
)

// TestRetireSilent retires a generation with two clients that have connected
// and sent nothing: one sends its request a little later and is answered, the
// other never does and holds nobody up.
func TestRetireSilent(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "answered"; } }`, testModules, nil)
	late, never := s.Dial(t), s.Dial(t)
	for s.Gen.Connections() < 2 {
		time.Sleep(time.Millisecond)
	}
	s.Gen.Retire()
	if _, err := io.WriteString(late, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(late)
	if err != nil || !strings.Contains(string(answer), "answered") {
		t.Errorf("%q, %v", answer, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Gen.Wait(ctx); err != nil {
		t.Errorf("a client that says nothing holds up the end: %v", err)
	}
	if answer, err := io.ReadAll(never); err != nil || len(answer) != 0 {
		t.Errorf("the silent client got %q, %v", answer, err)
	}
}
