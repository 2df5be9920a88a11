package errorlog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestJSON(t *testing.T) {
	at := time.Date(2026, 11, 29, 8, 0, 0, 5e6, time.UTC)
	for text, want := range map[string]string{
		`reload ordered`: `{"message":"reload ordered"}`,
		`open() "/a, client: 6.6.6.6" failed (2: No such file or directory)|, client: 192.0.2.1, server: a.test, request: "GET /a HTTP/1.1", host: "a.test", referrer: "http://b/, client: 7.7.7.7"`: `{"client":"192.0.2.1","connection":7,"host":"a.test","message":"open() \"/a, client: 6.6.6.6\" failed (2: No such file or directory)","referrer":"http://b/, client: 7.7.7.7","request":"GET /a HTTP/1.1","server":"a.test"}`,
		"upstream timed out|, client: ::1, server: , request: \"GET /\", upstream: \"http://127.0.0.1:1/\"":                                                                                          `{"client":"::1","connection":7,"message":"upstream timed out","request":"GET /","server":"","upstream":"http://127.0.0.1:1/"}`,
		"x\"\\\n\xff|, udp client: 192.0.2.1, server: 0.0.0.0:53":                                                                                                                                    `{"client":"192.0.2.1","connection":7,"message":"x\"\\\n�","server":"0.0.0.0:53"}`,
		"no end|, client: 192.0.2.1 something": `{"client":"192.0.2.1 something","connection":7,"message":"no end"}`,
	} {
		conn := uint64(7)
		if text == "reload ordered" {
			conn = 0
		}
		message, about, _ := strings.Cut(text, "|")
		line := appendJSON(nil, at, Error, conn, []byte(message), []byte(about))
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("%q: %v in %s", text, err, line)
			continue
		}
		if v["time"] != "2026-11-29T08:00:00.005Z" || v["level"] != "error" || v["pid"] != float64(pid) {
			t.Errorf("%s", line)
		}
		delete(v, "time")
		delete(v, "level")
		delete(v, "pid")
		if got, _ := json.Marshal(v); string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTargetsOfBothForms(t *testing.T) {
	var text, lines bytes.Buffer
	l := New(Target{Level: Error, To: &text}, Target{Level: Info, To: &lines, JSON: true})
	l.Printf(Error, "one")
	l.Printf(Info, "two")
	if bytes.Count(text.Bytes(), []byte("\n")) != 1 || bytes.HasPrefix(text.Bytes(), []byte("{")) {
		t.Errorf("text %q", text.String())
	}
	if got := bytes.Count(lines.Bytes(), []byte(`"message":"`)); got != 2 {
		t.Errorf("JSON %q", lines.String())
	}
}

// Every message, whatever clients have put in it, is one line of JSON.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`a|, client: b, server: c, request: "d, host: "e", host: ""`), uint64(1))
	f.Add([]byte("\xff\x00\n, client: \""), uint64(0))
	f.Fuzz(func(t *testing.T, message []byte, conn uint64) {
		message, about, _ := bytes.Cut(message, []byte("|"))
		line := appendJSON(nil, time.Unix(0, 0), Error, conn, message, about)
		if !json.Valid(line) || bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Errorf("%q", line)
		}
	})
}
