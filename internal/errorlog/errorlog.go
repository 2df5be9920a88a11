// Package errorlog writes nginx's error log: levels, one line an event, any
// number of targets, reopened on demand. A slow or full disk never stops the
// caller.
package errorlog

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Level is the weight of a message; smaller is graver.
type Level int

// nginx's levels.
const (
	Stderr Level = iota
	Emerg
	Alert
	Crit
	Error
	Warn
	Notice
	Info
	Debug
)

// Names are the words for levels, by Level.
var Names = [...]string{"", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"}

// String returns the level's word.
func (l Level) String() string { return Names[l] }

// ParseLevel returns the level for a word.
func ParseLevel(word string) (Level, bool) {
	for i, n := range Names {
		if n == word && i > 0 {
			return Level(i), true
		}
	}
	return 0, false
}

// debugParts are the words that ask for the debug messages of one part of
// nginx.
var debugParts = []string{"debug_core", "debug_alloc", "debug_mutex", "debug_event", "debug_http", "debug_mail", "debug_stream"}

// ParseLevels returns the level for the words of an error_log directive: one
// level, or several parts of debug. An error is in nginx's words.
func ParseLevels(words []string) (Level, error) {
	found := Stderr
	for _, word := range words {
		level, ok := ParseLevel(word)
		part := slices.Contains(debugParts, word)
		switch {
		case !ok && !part:
			return 0, fmt.Errorf("invalid log level \"%s\"", word)
		case ok && found != Stderr:
			return 0, fmt.Errorf("duplicate log level \"%s\"", word)
		case part && found != Stderr && found != Debug:
			return 0, fmt.Errorf("invalid log level \"%s\"", word)
		case part:
			level = Debug
		}
		found = level
	}
	return found, nil
}

// Target is one place that lines go to.
type Target struct {
	Level Level // the least grave that is written
	To    io.Writer
	JSON  bool // lines are objects of JSON
	// Terminal: it is standard error.
	Terminal bool
}

// LevelWriter is a writer that wants to know how grave a line is, in place of
// Write.
type LevelWriter interface {
	WriteLevel(level Level, line []byte)
}

// Log is an error log: one or more targets. The zero Log and nil write
// nothing.
type Log struct {
	targets []Target
	max     Level
	repeats Repeats // by level and line
}

// New makes a log of the targets.
func New(targets ...Target) *Log {
	l := &Log{targets: targets}
	for _, t := range targets {
		l.max = max(l.max, t.Level)
	}
	l.repeats.Tell = func(line string, times int) {
		message := fmt.Appendf(nil, "message repeated %d times: [ %s]", times, line[1:])
		l.write(Level(line[0]), 0, message, len(message), false)
	}
	return l
}

// Enabled reports whether a message of that level would be written anywhere.
func (l *Log) Enabled(level Level) bool { return l != nil && level <= l.max }

var pid = os.Getpid()

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// Printf writes a message that belongs to no connection.
func (l *Log) Printf(level Level, format string, args ...any) {
	if l.Enabled(level) {
		l.Write(level, 0, fmt.Appendf(nil, format, args...))
	}
}

// Write writes a message: "2026/01/02 15:04:05 [error] 123#123: *7 message".
// conn is the connection's number, 0 for none: such lines are counted when they
// repeat themselves, see Repeats.
func (l *Log) Write(level Level, conn uint64, message []byte) {
	if !l.Enabled(level) || conn == 0 && l.repeats.Count(string(rune(level))+string(message), time.Now()) {
		return
	}
	l.write(level, conn, message, len(message), false)
}

// Putter is a writer that can have a line where it is looked for before it
// returns.
type Putter interface {
	Put(line []byte)
}

// Put is Write for a message that tells from about on whom it is about, in nginx's
// words: ", client: 192.0.2.1, server: a". It returns when the message is in the files
// that it goes to, unless it is for debugging: as with nginx, whoever has been told of
// an error may look for it there at once.
func (l *Log) Put(level Level, conn uint64, message []byte, about int) {
	if l.Enabled(level) {
		l.write(level, conn, message, about, level < Debug)
	}
}

func (l *Log) write(level Level, conn uint64, message []byte, about int, put bool) {
	p := buffers.Get().(*[]byte)
	now := time.Now()
	b := now.AppendFormat((*p)[:0], "2006/01/02 15:04:05")
	b = append(append(append(b, " ["...), Names[level]...), "] "...)
	b = strconv.AppendInt(b, int64(pid), 10)
	b = append(b, '#')
	b = strconv.AppendInt(b, int64(pid), 10)
	b = append(b, ": "...)
	if conn != 0 {
		b = append(b, '*')
		b = strconv.AppendUint(b, conn, 10)
		b = append(b, ' ')
	}
	b = append(append(b, message...), '\n')
	text := b
	for _, t := range l.targets {
		if level > t.Level {
			continue
		}
		line := text
		if t.JSON {
			b = appendJSON(b[:len(text)], now, level, conn, message[:about], message[about:])
			line, text = b[len(text):], b[:len(text)]
		}
		switch w := t.To.(type) {
		case LevelWriter:
			w.WriteLevel(level, line)
		case Putter:
			if put {
				w.Put(line)
				continue
			}
			_, _ = t.To.Write(line)
		default:
			_, _ = t.To.Write(line)
		}
	}
	*p = b
	buffers.Put(p)
}

// OnTerminal reports whether a message of that level goes to standard error, so that
// who writes there himself can leave it out.
func (l *Log) OnTerminal(level Level) bool {
	return l != nil && slices.ContainsFunc(l.targets, func(t Target) bool { return t.Terminal && level <= t.Level })
}

// Targets returns the places that lines go to.
func (l *Log) Targets() []Target {
	if l == nil {
		return nil
	}
	return l.targets
}
