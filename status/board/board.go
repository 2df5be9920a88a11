// Package board is the dashboard: one page that shows the reports of a node as they
// come, and gives it orders where the one who looks may do that. Whoever serves it
// answers at one address:
//
//	GET              Page, with Headers
//	GET ?events      Event after Event, as text/event-stream
//	POST ?order=NAME one of Orders; Answer says what came of it
//
// The page asks no other host for anything, and shows what it is told as text,
// whatever it is.
package board

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"strings"

	"tandem/status"
)

//go:embed board.html
var html []byte

//go:embed board.css
var style []byte

//go:embed board.js
var script []byte

// page is the document, with its style and its script inside.
var page = bytes.Replace(bytes.Replace(html, []byte("/*style*/"), style, 1), []byte("/*script*/"), script, 1)

// Page returns the document. It is not to be changed.
func Page() []byte { return page }

// Header is a field of the response with the page.
type Header struct{ Name, Value string }

// Headers are what the page is sent with: nothing but its own style and script is
// used (Content Security Policy Level 3), nobody frames it, nobody keeps it.
var Headers = []Header{
	{"Content-Security-Policy", "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cache-Control", "no-cache"},
}

// hash names a text as a policy does.
func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Orders are those that the page may give: for each, the command of the control
// socket. What begins with status.ChangeUpstream has more words behind it.
var Orders = []string{"demote", "promote", "reload", strings.TrimSpace(status.ChangeUpstream)}

// IsOrder reports whether a command is one that the page may give.
func IsOrder(command string) bool {
	if strings.ContainsAny(command, "\r\n") {
		return false
	}
	name, _, more := strings.Cut(command, " ")
	for _, o := range Orders {
		if o == name && more == (o+" " == status.ChangeUpstream) {
			return true
		}
	}
	return false
}

// Event returns an event for the page: a report, and whether orders are taken.
func Event(r *status.Report, may bool) []byte {
	text, err := json.Marshal(struct {
		Report *status.Report `json:"report"`
		May    bool           `json:"may"`
	}{r, may})
	if err != nil {
		return []byte(": the report cannot be written\n\n")
	}
	return append(append([]byte("data: "), text...), "\n\n"...)
}

// Hello begins a stream of events: how soon the page comes back when it ends, in
// milliseconds.
const Hello = "retry: 1000\n\n"

// Answer returns what the page is told of an order.
func Answer(ok bool, text string) []byte {
	answer, _ := json.Marshal(struct {
		OK   bool   `json:"ok"`
		Text string `json:"text"`
	}{ok, text})
	return answer
}
