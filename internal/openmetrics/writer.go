// Package openmetrics writes metrics as text: in the format of OpenMetrics 1.0, and
// in the one that Prometheus had before (text/plain; version=0.0.4).
package openmetrics

import (
	"math"
	"strconv"
	"strings"

	"tandem/internal/histogram"
)

// Format is one of the two formats.
type Format uint8

// The formats.
const (
	Plain Format = iota // Prometheus' own, which everything reads
	Open                // OpenMetrics 1.0
)

// ContentType returns what Content-Type says of the format.
func (f Format) ContentType() string {
	if f == Open {
		return "application/openmetrics-text; version=1.0.0; charset=utf-8"
	}
	return "text/plain; version=0.0.4; charset=utf-8"
}

// Accepted returns the format that a client asks for by the value of Accept.
func Accepted(accept string) Format {
	if strings.Contains(accept, "application/openmetrics-text") {
		return Open
	}
	return Plain
}

// Kind is what kind of metric a family has.
type Kind uint8

// The kinds. Unknown is for names that others have chosen and that do not say
// what they are.
const (
	Unknown Kind = iota
	Counter      // its name ends in _total
	Gauge
	Histogram
)

var kindNames = [2][4]string{
	Plain: {"untyped", "counter", "gauge", "histogram"},
	Open:  {"unknown", "counter", "gauge", "histogram"},
}

// Writer puts metrics together. All samples of a family follow its Family.
type Writer struct {
	format Format
	text   []byte
	name   string
	help   string
	kind   Kind
	begun  bool // the family's head is written
}

// New returns a Writer of a format.
func New(f Format) *Writer { return &Writer{format: f, text: make([]byte, 0, 16<<10)} }

// Family begins a family. One without samples is left out.
func (w *Writer) Family(kind Kind, name, help string) {
	w.kind, w.name, w.help, w.begun = kind, name, help, false
}

// begin writes what stands before the first sample.
func (w *Writer) begin() {
	if w.begun {
		return
	}
	w.begun = true
	name := w.name
	if w.format == Open && w.kind == Counter {
		name = strings.TrimSuffix(name, "_total")
	}
	w.text = append(append(append(w.text, "# HELP "...), name...), ' ')
	w.text = append(appendEscaped(w.text, w.help, w.format == Open), "\n# TYPE "...)
	w.text = append(append(append(w.text, name...), ' '), kindNames[w.format][w.kind]...)
	w.text = append(w.text, '\n')
}

// Sample writes a sample of the family.
func (w *Writer) Sample(value float64, labels ...string) {
	w.begin()
	w.line("", value, labels)
}

// Count is Sample of a whole number.
func (w *Writer) Count(value uint64, labels ...string) {
	w.begin()
	w.head("", labels)
	w.text = append(strconv.AppendUint(w.text, value, 10), '\n')
}

// Flag is Sample of what is so (1) or is not (0).
func (w *Writer) Flag(value bool, labels ...string) {
	if value {
		w.Count(1, labels...)
	} else {
		w.Count(0, labels...)
	}
}

// Durations writes the samples of a histogram of seconds.
func (w *Writer) Durations(buckets []uint64, seconds float64, labels ...string) {
	w.begin()
	var all uint64
	for i, n := range buckets {
		all += n
		bound := "+Inf"
		if i < len(histogram.Bounds) {
			bound = strconv.FormatFloat(histogram.Bounds[i].Seconds(), 'f', -1, 64)
			if w.format == Open && !strings.Contains(bound, ".") {
				bound += ".0" // OpenMetrics, "Numbers": the canonical form
			}
		}
		w.head("_bucket", append(labels[:len(labels):len(labels)], "le", bound))
		w.text = append(strconv.AppendUint(w.text, all, 10), '\n')
	}
	w.line("_sum", seconds, labels)
	w.head("_count", labels)
	w.text = append(strconv.AppendUint(w.text, all, 10), '\n')
}

func (w *Writer) line(suffix string, value float64, labels []string) {
	w.head(suffix, labels)
	w.text = append(appendNumber(w.text, value), '\n')
}

// head writes the name and the labels of a sample.
func (w *Writer) head(suffix string, labels []string) {
	w.text = append(append(w.text, w.name...), suffix...)
	for i := 0; i+1 < len(labels); i += 2 {
		c := byte(',')
		if i == 0 {
			c = '{'
		}
		w.text = append(append(append(w.text, c), labels[i]...), '=', '"')
		w.text = append(appendEscaped(w.text, labels[i+1], true), '"')
	}
	if len(labels) > 1 {
		w.text = append(w.text, '}')
	}
	w.text = append(w.text, ' ')
}

// Finish returns the text. Nothing is to be written afterwards.
func (w *Writer) Finish() []byte {
	if w.format == Open {
		w.text = append(w.text, "# EOF\n"...)
	}
	return w.text
}

func appendNumber(dst []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, "+Inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-Inf"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}

// appendEscaped appends text with backslashes and newlines escaped, and quotes if
// it stands in some. What is not UTF-8, which readers refuse, becomes U+FFFD.
func appendEscaped(dst []byte, text string, quotes bool) []byte {
	for _, c := range text {
		switch {
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\\', c == '"' && quotes:
			dst = append(dst, '\\', byte(c))
		default:
			dst = append(dst, string(c)...)
		}
	}
	return dst
}
