// Package answer is a response that is not the server's own on its way to a
// client: its head, as a back end sent it or as it was kept, what the
// configuration makes of it, and a copy of its body in a file.
//
// It knows neither peers nor protocols: an Answer may come over the wire, which
// is package exchange's business, or from a file.
package answer
