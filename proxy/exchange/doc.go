// Package exchange carries requests to back ends and their responses to
// clients, whatever the back ends speak: it chooses a peer, connects, sends,
// reads the head of the response, decides whether another peer is asked
// instead, and relays the body, buffered or not. What goes over the wire is
// the business of a Protocol.
//
// It also knows the settings that the protocols' directives have in common
// (proxy_connect_timeout, fastcgi_connect_timeout ...), each under its own
// prefix.
//
// An exchange runs on the goroutine of the client's connection. Another one
// helps where two things have to be waited for at once: a client that is
// slower than the back end, a request body that is sent while the response is
// awaited, and tunnels.
package exchange
