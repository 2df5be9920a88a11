// Package proxy is proxy_pass: requests to back ends over HTTP/1, and what the
// proxy_* directives say about them. How peers are chosen, tried and given up
// is package exchange's business, with package upstream's balancers.
package proxy
