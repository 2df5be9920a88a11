package errorlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestLevelsOfTargets(t *testing.T) {
	var all, some bytes.Buffer
	var loud levels
	l := New(Target{Level: Info, To: &all}, Target{Level: Error, To: &some}, Target{Level: Crit, To: &loud})
	for level := Emerg; level <= Debug; level++ {
		if l.Enabled(level) != (level <= Info) {
			t.Errorf("%s enabled: %t", level, l.Enabled(level))
		}
		l.Write(level, uint64(level), []byte("message"))
	}
	line := regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[([a-z]+)\] (\d+)#(\d+): \*\d message$`)
	var got []string
	for text := range strings.Lines(all.String()) {
		m := line.FindStringSubmatch(strings.TrimSuffix(text, "\n"))
		if m == nil {
			t.Fatalf("line %q", text)
		}
		if me := fmt.Sprint(os.Getpid()); m[2] != me || m[3] != me {
			t.Errorf("line %q of process %s", text, me)
		}
		got = append(got, m[1])
	}
	if want := "emerg alert crit error warn notice info"; strings.Join(got, " ") != want {
		t.Errorf("levels %q, want %s", got, want)
	}
	if n := strings.Count(some.String(), "\n"); n != 4 {
		t.Errorf("%d lines down to error", n)
	}
	if fmt.Sprint(loud) != "[emerg alert crit]" {
		t.Errorf("told of levels %v", loud)
	}
	all.Reset()
	l.Printf(Notice, "%d and %s", 1, "two")
	if !strings.HasSuffix(all.String(), ": 1 and two\n") {
		t.Errorf("without connection: %q", all.String())
	}
	var none *Log
	none.Printf(Emerg, "to nobody")
}

type levels []Level

func (l *levels) Write([]byte) (int, error) { panic("WriteLevel was to be called") }

func (l *levels) WriteLevel(level Level, _ []byte) { *l = append(*l, level) }

func TestParseLevels(t *testing.T) {
	for words, want := range map[string]string{
		"warn":                  "warn",
		"debug":                 "debug",
		"debug_http debug_core": "debug",
		"loud":                  `invalid log level "loud"`,
		"info warn":             `duplicate log level "warn"`,
		"info debug_http":       `invalid log level "debug_http"`,
		"debug_http info":       `duplicate log level "info"`,
		"debug_":                `invalid log level "debug_"`,
	} {
		level, err := ParseLevels(strings.Fields(words))
		got := level.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
}

func TestMemory(t *testing.T) {
	m := NewMemory(20)
	var out bytes.Buffer
	for i := range 100 {
		fmt.Fprintf(m, "line %d\n", i)
		if i == 1 {
			_, _ = m.WriteTo(&out)
		}
	}
	out.WriteString("...\n")
	_, _ = m.WriteTo(&out)
	fmt.Fprintf(m, "%s\nend\n", strings.Repeat("x", 100))
	out.WriteString("...\n")
	_, _ = m.WriteTo(&out)
	if want := "line 0\nline 1\n...\nline 98\nline 99\n...\nend\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestReason(t *testing.T) {
	_, err := os.Open("/nobody/has/this")
	if got := Reason(err); got != "2: No such file or directory" {
		t.Error(got)
	}
	if got := Reason(syscall.EPERM); got != "1: Operation not permitted" {
		t.Error(got)
	}
	if got := Reason(errors.New("words")); got != "words" {
		t.Error(got)
	}
}

func TestOnTerminal(t *testing.T) {
	var none *Log
	for _, c := range []struct {
		log   *Log
		level Level
		want  bool
	}{
		{none, Emerg, false},
		{New(Target{Level: Notice, To: io.Discard}), Error, false},
		{New(Target{Level: Debug, To: io.Discard}, Target{Level: Error, To: io.Discard, Terminal: true}), Error, true},
		{New(Target{Level: Debug, To: io.Discard}, Target{Level: Error, To: io.Discard, Terminal: true}), Warn, false},
	} {
		if got := c.log.OnTerminal(c.level); got != c.want {
			t.Errorf("level %v: %t", c.level, got)
		}
	}
}
