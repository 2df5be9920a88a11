// Package keepalivedconf makes a typed configuration from keepalived.conf.
//
// Reading never stops at the first problem. What keepalived reports and survives is reported in keepalived's words and
// survived here with the same effect; every report carries the file and line it is about.
//
// The layers, each usable without the one below it:
//
//	text                                           the language without its keywords: files to a tree of statements
//	keywords.go and the files named after blocks   statements to a Config, by keyword tables
//	complete.go, scripts.go, advice.go             defaults, checks across keywords, and warnings
package keepalivedconf
