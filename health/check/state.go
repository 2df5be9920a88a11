package check

import (
	"context"
	"fmt"
	"time"
)

// Spec is what is checked, how, and how often.
type Spec struct {
	Name    string // of the server, as keepalived's log has it: [192.0.2.1]:tcp:80
	Service string // of what it serves, for the lines that have both
	Method  Method

	Alpha            bool          // bad until the first success
	DelayLoop        time.Duration // from one check to the next
	DelayBeforeRetry time.Duration
	Retry            int           // failures that are forgiven before a verdict turns bad
	Warmup           time.Duration // up to which the first check is put off, by chance
	LogAllFailures   bool          // not only the last of the retries
}

// Method is a way to check.
type Method interface {
	// String is what people call it: TCP_CHECK.
	String() string
	// asks is false for what is told by itself, see Checker.Push.
	asks() bool
	// ask checks once. It ends with the context at the latest; turn says which of
	// several questions it is.
	ask(ctx context.Context, turn int) Answer
	// take says what follows from an answer, and after how long to ask again.
	take(s *state, spec *Spec, a Answer) (Finding, time.Duration)
}

// Answer is what asking once has come to.
type Answer struct {
	OK     bool
	Reason string // why not, for people
	Text   string // why not, as keepalived's log has it for LogAllFailures; "": nothing is logged
	// Unasked says why nobody could be asked at all, which is no verdict.
	Unasked string
	Status  int   // exit status of a program, number in a file
	exit    *exit // of a program

	took time.Duration
}

// Finding is what a check has come to.
type Finding struct {
	At   time.Time
	Took time.Duration
	Up   bool // the verdict now
	Ran  bool // there is a verdict; else Up is what is taken for granted
	// Changed: the verdict is another one. First: there was none before.
	Changed, First bool
	Since          time.Time // of the verdict
	Weight         int       // what the checker adds to the server's weight
	Reason         string    // why the check failed, "" if it has not
	Logs           []string  // lines for the log
	Mail           string    // text for a mail, if the verdict is told by mail
}

// state is what a checker remembers.
type state struct {
	up, ran  bool
	retries  int  // failures in a row
	weight   int  // what it adds to the server's weight
	turn     int  // of several questions
	failing  int  // the question that failed, -1: none
	status   int  // the last exit status or number
	numbered bool // there is one
}

func newState(s *Spec) state {
	// One failure is enough at first.
	return state{up: !s.Alpha, retries: s.Retry, failing: -1}
}

// continueFrom goes on with what an older configuration has come to, as keepalived
// does on a reload.
func (s *state) continueFrom(before *state, spec *Spec) {
	if before.ran {
		s.up = before.up
	}
	s.ran = before.ran
	switch {
	case !s.up:
		s.retries = spec.Retry + 1
	default:
		s.retries = min(before.retries, spec.Retry)
	}
	s.weight, s.status, s.numbered = before.weight, before.status, before.numbered
}

// turned makes the verdict up.
func (s *state) turned(f *Finding, up bool) {
	f.Changed, f.First = s.up != up, !s.ran
	s.up, s.ran = up, true
}

// words are those in which keepalived's log and mails tell of a method. Each has a
// place for the server.
type words struct {
	up, down string
	onDown   bool // down tells of the service, too, if there were retries
	mail     string
}

// connects is what TCP, UDP and ICMP have in common: keepalived's epilogs.
func (w *words) take(s *state, spec *Spec, a Answer) (f Finding, next time.Duration) {
	f.Reason, next = a.Reason, spec.DelayLoop
	if a.Text != "" && s.up && spec.LogAllFailures {
		f.log(a.Text)
	}
	switch {
	case a.OK:
		s.retries = 0
		if s.up && s.ran {
			break
		}
		f.log(fmt.Sprintf(w.up, spec.Name))
		s.turned(&f, true)
		f.mail("=> "+w.mail+" CHECK succeed on service <=", f.Changed)
	case (s.up || !s.ran) && s.retries >= spec.Retry:
		s.retries = 0
		f.log(w.failed(s, spec))
		s.turned(&f, false)
		f.mail("=> "+w.mail+" CHECK failed on service <=", f.Changed)
	case s.up:
		s.retries++
		next = spec.DelayBeforeRetry
	}
	s.ran = true
	return f, next
}

func (w *words) failed(s *state, spec *Spec) string {
	if spec.Retry == 0 || !s.ran {
		return fmt.Sprintf(w.down, spec.Name) + " failed."
	}
	text := fmt.Sprintf(w.down, spec.Name)
	if w.onDown {
		text += " of " + spec.Service
	}
	return fmt.Sprintf("%s failed after %d retries.", text, spec.Retry)
}

func (f *Finding) log(line string) { f.Logs = append(f.Logs, line) }

func (f *Finding) mail(text string, changed bool) {
	if changed {
		f.Mail = text
	}
}
