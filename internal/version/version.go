// Package version says which tandem this is, and which nginx it follows.
package version

// Tandem is tandem's own version.
const Tandem = "0.1.0"

// Nginx is the version of nginx whose behaviour tandem follows; what the Server
// header, error pages and $nginx_version say.
const Nginx = "1.31.5"

// Keepalived is the version of keepalived whose behaviour tandem follows.
const Keepalived = "2.4.3"
