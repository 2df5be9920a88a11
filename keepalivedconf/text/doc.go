// Package text is the language of keepalived.conf without its keywords: comments, quotes, braces, include, definitions,
// conditional lines, ~SEQ and ~LST, to a tree of statements; and what is said of a configuration, with the places.
//
//	lines.go, include.go, definitions.go, sequence.go   text to logical lines
//	words.go, tree.go                                   lines to a tree of statements
//	report.go, reports.go                               what was found on the way
package text
