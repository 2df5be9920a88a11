// Package fastcgi is fastcgi_pass: requests to back ends over FastCGI
// (https://fastcgi-archives.github.io/FastCGI_Specification.html), one at a
// time on a connection, and what the fastcgi_* directives say about them. How
// peers are chosen, tried and given up is package exchange's business.
package fastcgi
