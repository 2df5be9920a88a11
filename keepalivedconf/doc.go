// Package keepalivedconf reads keepalived.conf: the language (comments, quotes, braces, include, definitions,
// conditional lines, ~SEQ and ~LST) and the typed configuration made from it.
//
// Reading never stops at the first problem. What keepalived reports and survives is reported in keepalived's words and
// survived here with the same effect; every report carries the file and line it is about.
//
// The layers, each usable without the one above it:
//
//	lines.go, include.go, definitions.go, sequence.go   text to logical lines
//	words.go, tree.go                                   lines to a tree of statements
//	keywords.go and the files named after blocks        statements to a Config, by keyword tables
//	complete.go, scripts.go, advice.go                  defaults, checks across keywords, and warnings
package keepalivedconf
