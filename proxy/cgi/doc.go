// Package cgi is what FastCGI, SCGI and uwsgi have in common: they hand a
// request over as parameters, as CGI does in the environment (RFC 3875 section
// 4.1), and their responses begin with CGI's head (section 6).
package cgi
